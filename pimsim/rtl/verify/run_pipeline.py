"""Simulates a whole machine with an engine per layer, and says what was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from amaranth.sim import Simulator, SimulatorContext

from pimsim.errors import MappingError
from pimsim.hardware import BitSerialPim, Hardware
from pimsim.hardware.hardware import LAYER_MAJOR, PIPELINED
from pimsim.mapping import Mapping, costs_cnn
from pimsim.mapping.mapping import EventPlan
from pimsim.model.network import RELU, IntegerNetwork
from pimsim.rtl.bench.pim_bench import patience as of_crossbar
from pimsim.rtl.bench.pipeline_bench import PipelineBench
from pimsim.rtl.bench.recorded import CLOCK, activation_values, packed_spikes, rows_of, words_of_any_width
from pimsim.rtl.bench.run_event import patience
from pimsim.rtl.bench.run_input_spikes import code_words
from pimsim.rtl.bench.run_pim import source_values
from pimsim.rtl.bench.step_bench import check_lanes, ended
from pimsim.rtl.bench.words import current_words, weight_words
from pimsim.rtl.crossbar.place import pim_content, pim_design
from pimsim.rtl.input_spikes.encoder import encoder_design
from pimsim.rtl.parts.design import SweepDesign, event_design, placed, sweep_design
from pimsim.rtl.parts.observe import Int64Array
from pimsim.rtl.pipeline.fronts import Front, PimFront, RecordedFront
from pimsim.rtl.pipeline.pipeline import CrossbarStage, EventStage, PipelineDesign
from pimsim.rtl.verify.case import LayerCase
from pimsim.simulation import record_layer, time_layer

Codes = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class PipelineRun:
    """A pipeline as it was seen to run: N samples of T steps.

    finished  (N,) cycles until a sample's class was handed over
    classes   (N,)
    maps      per hidden layer, as in a trace: spikes uint8 (N, T, bytes), or of a CNN activations (N, neurons)
    counts    per layer, by field of its core's ``activity``; of the first layer its sweeps
    """

    finished: Int64Array
    classes: Int64Array
    maps: tuple[npt.NDArray[np.integer], ...]
    counts: tuple[dict[str, int], ...]


def run_pipeline(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, inputs: Codes) -> PipelineRun:
    """Samples of input codes (N, C, D, H, W), one behind the other through the layers of ``mapping``.

    The first layer's sums are formed by a bit-serial crossbar; where it runs on another engine they are the
    simulator's, in the simulator's cycles.  Raises MappingError where the machine is no pipeline, or a layer behind the
    first one runs on an engine that is not described, and RuntimeError where no class is handed over.
    """
    return _simulated(pipeline_bench(network, mapping, hardware, inputs), network.name)


def pipeline_bench(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, inputs: Codes) -> PipelineBench:
    """What `run_pipeline` simulates."""
    design = pipeline_design(network, mapping, hardware)
    for sweep in design.sweeps:
        check_lanes(sweep)
    front = _front(network, mapping, hardware, inputs, design)
    slowest = _patience(design, time_layer(mapping, hardware, 0, inputs).front_cycles)
    return PipelineBench(
        design,
        front,
        samples=len(inputs),
        patience=slowest * len(inputs) * design.steps,
        codes=code_words(design.encoder, inputs) if design.encoder is not None else (),
    )


def pipeline_design(network: IntegerNetwork, mapping: Mapping, hardware: Hardware) -> PipelineDesign:
    """All layers of a machine with ``schedule: pipelined``; raises MappingError where it is not described."""
    if hardware.schedule != PIPELINED:
        raise MappingError(f'hardware "{hardware.name}": schedule={hardware.schedule}, expected {PIPELINED}')
    if costs_cnn(network, hardware):
        raise MappingError(f'hardware "{hardware.name}": network=iso_cnn costs a CNN of which no value is executed')
    spikes, encoder = None, None
    if mapping.input_spikes is not None:
        if mapping.input_spikes.engine == mapping.layers[0].engine:
            raise MappingError(
                f'layer "{mapping.layers[0].name}" sums codes and input spikes on engine {mapping.layers[0].engine}: '
                "of a pipeline that is not described; put input spikes on another one (layers.input_spikes)"
            )
        spikes, encoder = _stage(network, mapping, hardware, 0), encoder_design(network, mapping)
    return PipelineDesign(
        sweep=sweep_design(network, mapping, hardware, 0),
        behind=tuple(_stage(network, mapping, hardware, index) for index in range(1, len(mapping.layers))),
        steps=mapping.steps,
        whole_samples=hardware.order == LAYER_MAJOR,
        spikes=spikes,
        encoder=encoder,
    )


def _stage(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int) -> EventStage | CrossbarStage:
    case, layer, source = (network, mapping, hardware, index), placed(mapping, index), network.layers[index]
    if isinstance(layer.plan, EventPlan):
        event = event_design(*case)
        return EventStage(event, tuple(weight_words(event, source.weight)))
    engine = hardware.engines.named(layer.engine)
    if not isinstance(engine, BitSerialPim) or not sums_described(*case):
        raise MappingError(
            f'layer "{layer.name}" runs on engine {layer.engine}: of a pipeline, layers behind the first one are '
            "described on event cores and on bit-serial crossbars with ideal arrays"
        )
    design = pim_design(source, layer, engine)
    content = pim_content(source, design, engine)
    return CrossbarStage(design, content, sweep_design(*case), once=layer.operands.passes > 1)


def sums_described(
    network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int, *, of_codes: bool = False
) -> bool:
    """Whether a layer's sums are formed in the description; of input spikes these, of codes with ``of_codes``."""
    return LayerCase(network, mapping, hardware, index, np.empty(0, np.uint8), of_codes=of_codes).sums_described


def _patience(design: PipelineDesign, front_cycles: int) -> int:
    """Cycles that no step of a sample takes in all layers together, its first sums included."""
    total = front_cycles + 2 * design.sweep.words + design.sweep.depth + 64
    total += design.encoder.words * design.steps if design.encoder is not None else 0
    for stage in (*design.behind, *([design.spikes] if design.spikes is not None else [])):
        total += patience(stage.design) if isinstance(stage, EventStage) else of_crossbar(stage.design, stage.sweep)
    return total


def _front(
    network: IntegerNetwork, mapping: Mapping, hardware: Hardware, inputs: Codes, design: PipelineDesign
) -> Front:
    layer, source = mapping.layers[0], network.layers[0]
    engine = hardware.engines.named(layer.engine)
    if isinstance(engine, BitSerialPim) and sums_described(network, mapping, hardware, 0, of_codes=network.is_hybrid):
        crossbar = pim_design(source, layer, engine)
        values = source_values(layer.shape, inputs).reshape(-1).tolist()
        return PimFront(design.sweep, crossbar, pim_content(source, crossbar, engine), values)
    sums = record_layer(network, 0, inputs, mapping.numerics).currents[:, 0]
    cycles = time_layer(mapping, hardware, 0, inputs).front_cycles
    return RecordedFront(design.sweep, current_words(design.sweep, sums, design.sweep.current_bits), cycles)


def _simulated(bench: PipelineBench, name: str) -> PipelineRun:
    with words_of_any_width():
        simulator = Simulator(bench)
    simulator.add_clock(CLOCK)
    found: list[PipelineRun] = []

    async def observe(context: SimulatorContext) -> None:
        await ended(context, bench.over, bench.stuck)
        if context.get(bench.stuck):
            raise RuntimeError(f'network "{name}": no class within {bench.patience} cycles')
        found.append(_seen(context, bench))

    simulator.add_testbench(observe)
    simulator.run()
    return found[0]


def _seen(context: SimulatorContext, bench: PipelineBench) -> PipelineRun:
    design = bench.pipeline.design
    maps = zip(bench.maps, design.sweeps[:-1], strict=True)
    return PipelineRun(
        finished=np.array(rows_of(context, bench.finished), np.int64),
        classes=np.array(rows_of(context, bench.winners), np.int64),
        maps=tuple(_map(rows_of(context, content), sweep, design.steps) for content, sweep in maps),
        counts=tuple({name: int(context.get(total)) for name, total in meter.totals.items()} for meter in bench.meters),
    )


def _map(words: list[int], sweep: SweepDesign, steps: int) -> npt.NDArray[np.integer]:
    if sweep.neuron.kind == RELU:
        return activation_values(words, sweep)
    spikes = packed_spikes(words, sweep.word_bits, sweep.neurons)
    return spikes.reshape(-1, steps, spikes.shape[1])

"""What a bench plays: the layer's top with its memories, the words of its inputs, and what it has to do."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.lib.wiring import In

from pimsim.activity.activity import SPIKES_SUFFIX
from pimsim.errors import MappingError
from pimsim.hardware import BitSerialPim, Hardware
from pimsim.mapping import Mapping
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.bench.run_input_spikes import code_words
from pimsim.rtl.bench.run_pim import source_values
from pimsim.rtl.bench.words import current_words, map_words, weight_words
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.layer import PimLayer
from pimsim.rtl.crossbar.place import PimContent, pim_content, pim_design
from pimsim.rtl.event.core import event_core
from pimsim.rtl.input_spikes.encoder import encoder_design
from pimsim.rtl.input_spikes.layer import Core, InputSpikeLayer
from pimsim.rtl.parts.design import EventDesign, SweepDesign, event_design, sweep_design
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.sweep.current_sweep import CurrentSweep
from pimsim.rtl.verify.case import LayerCase
from pimsim.rtl.verilog import bench
from pimsim.rtl.verilog.bench import COUNTER_BITS, Bench, Inputs
from pimsim.rtl.verilog.expected import Expected
from pimsim.rtl.verilog.hexfiles import hex_text
from pimsim.rtl.verilog.top import ACTIVITY, LayerTop

WEIGHTS, CURRENTS, SOURCE, CODES = "weights", "currents", "source", "codes"


@dataclass(frozen=True, eq=False)
class Played:
    """``words`` are those of each of the ``inputs``, sample by sample and step by step."""

    top: LayerTop
    expected: Expected
    inputs: tuple[Inputs, ...]
    words: tuple[list[int], ...]

    def bench(self, name: str) -> Bench:
        """The bench of the top as the module ``name``."""
        members = self.top.signature.members
        ports = {port: self.top.width(port) if member.flow == In else 0 for port, member in members.items()}
        prefix = f"{ACTIVITY}_"
        counted = self.expected.counts(port.removeprefix(prefix) for port in ports if port.startswith(prefix))
        return Bench(
            top=name,
            sweep=self.expected.sweep,
            samples=self.expected.case.samples,
            steps=self.expected.case.steps,
            inputs=self.inputs,
            fields=tuple((field, self.top.width(f"{prefix}{field}")) for field in counted),
            ports=tuple(ports.items()),
            longest=max(self.expected.cycles),
        )

    def files(self) -> dict[str, str]:
        """Inputs and expected results by the names under which the bench reads them."""
        expected, sweep = self.expected, self.expected.sweep
        counts = self.expected.counts(field for field, _ in self.bench("").fields)
        files = {
            **{one.file: hex_text(words, one.bits) for one, words in zip(self.inputs, self.words, strict=True)},
            bench.CYCLES: hex_text(expected.cycles, COUNTER_BITS),
            bench.MEMBRANES: hex_text(expected.membranes, sweep.lanes * sweep.neuron.accumulator_bits),
            bench.COUNTS: hex_text(counts.values(), COUNTER_BITS),
        }
        if sweep.word_values:
            return files | {bench.OUTPUTS: hex_text(expected.outputs, sweep.word_bits)}
        return files | {bench.CLASSES: hex_text(expected.classes, COUNTER_BITS)}


def played(case: LayerCase) -> Played:
    """The layer's core, or where its sums are not described the sweep alone, whose currents are then the inputs."""
    if case.of_codes:
        raise MappingError(
            f'layer "{case.name}" has no neurons: emitted is "{case.name}{SPIKES_SUFFIX}", which sweeps its sums'
        )
    if case.of_input_spikes and case.sums_described:
        return _input_spikes(case)
    if case.on_event_core:
        return _event(case)
    return _crossbar(case) if case.sums_described else _sweep(case)


def _event(case: LayerCase) -> Played:
    design = event_design(*_placed(case))
    rows = case.inputs.reshape(-1, case.inputs.shape[-1])
    return Played(
        top=LayerTop(event_core(design), {WEIGHTS: _weights(design, case)}),
        expected=Expected(case, design.sweep),
        inputs=(
            Inputs(
                design.map_words, design.scan_width, every_step=True, readers=((SOURCE, index_bits(design.map_words)),)
            ),
        ),
        words=(map_words(rows, design.map_neurons, design.scan_width),),
    )


def _weights(design: EventDesign, case: LayerCase) -> Sram:
    asynchronous = design.pipeline_depth == 1
    return Sram(
        WEIGHTS,
        width=design.lanes * design.weight_bits,
        depth=design.weight_words,
        ports=2 if asynchronous else 1,
        asynchronous=asynchronous,
        init=weight_words(design, case.weights.weight),
    )


def _input_spikes(case: LayerCase) -> Played:
    """Codes are read as the encoder wants them, and the sums of step 1 as the sweep does."""
    encoder, sweep = encoder_design(case.network, case.mapping), sweep_design(*_placed(case))
    core, memories = _input_spike_core(case, sweep)
    expected, width = Expected(case, sweep), sweep.lanes * sweep.current_bits
    sums = current_words(sweep, expected.record.currents[:, 0], sweep.current_bits)
    codes = encoder.packed.lanes * encoder.code_bits
    return Played(
        top=LayerTop(InputSpikeLayer(encoder, core), memories),
        expected=expected,
        inputs=(
            Inputs(encoder.words, codes, every_step=False, readers=((CODES, index_bits(encoder.words)),)),
            Inputs(
                sweep.words, width, every_step=False, readers=((CURRENTS, index_bits(sweep.words)),), name="current"
            ),
        ),
        words=(code_words(encoder, case.inputs), sums),
    )


def _placed(case: LayerCase) -> tuple[IntegerNetwork, Mapping, Hardware, int]:
    return case.network, case.mapping, case.hardware, case.index


def _input_spike_core(case: LayerCase, sweep: SweepDesign) -> tuple[Core, dict[str, Sram]]:
    """What sums input spikes, with its weight memory."""
    if case.on_event_core:
        event = event_design(*_placed(case))
        return event_core(event), {WEIGHTS: _weights(event, case)}
    design, content = _crossbar_design(case)
    return PimLayer(design, content, sweep, once=design.passes > 1), _rows(design, content)


def _sweep(case: LayerCase) -> Played:
    design = sweep_design(*_placed(case))
    plan = case.layer.memories.current
    assert plan is not None  # every dense layer has one
    width = design.lanes * design.neuron.accumulator_bits
    currents = Sram(CURRENTS, width=width, depth=design.words, ports=plan.ports)
    expected = Expected(case, design)
    return Played(
        top=LayerTop(CurrentSweep(design), {CURRENTS: currents}),
        expected=expected,
        inputs=(Inputs(design.words, width, every_step=case.index > 0 or design.opens, filled=CURRENTS),),
        words=(expected.currents,),
    )


def _crossbar(case: LayerCase) -> Played:
    design, content = _crossbar_design(case)
    sweep = sweep_design(*_placed(case))
    words = design.passes * design.map_values
    readers = tuple((f"{SOURCE}_{number}", index_bits(words)) for number in range(design.readers))
    once = case.index == 0 or design.passes > 1
    return Played(
        top=LayerTop(PimLayer(design, content, sweep, once=once), _rows(design, content)),
        expected=Expected(case, sweep),
        inputs=(Inputs(words, design.stored_bits, every_step=not once, readers=readers),),
        words=(source_values(case.layer.shape, case.inputs).reshape(-1).tolist(),),
    )


def _crossbar_design(case: LayerCase) -> tuple[PimDesign, PimContent]:
    engine = case.hardware.engines.named(case.layer.engine)
    assert isinstance(engine, BitSerialPim)
    design = pim_design(case.weights, case.layer, engine)
    return design, pim_content(case.weights, design, engine)


def _rows(design: PimDesign, content: PimContent) -> dict[str, Sram]:
    """Where arrays are rewritten, what from."""
    if not design.reloaded:
        return {}
    width, depth = design.weight_bits, design.weight_words
    return {WEIGHTS: Sram(WEIGHTS, width=width, depth=depth, ports=1, init=content.rows)}

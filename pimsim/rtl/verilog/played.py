"""What a bench plays: the layer's top with its memories, the words of its inputs, and what it has to do."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.lib.wiring import In

from pimsim.hardware import BitSerialPim
from pimsim.rtl.bench.run_pim import source_values
from pimsim.rtl.bench.words import map_words, weight_words
from pimsim.rtl.crossbar.layer import PimLayer
from pimsim.rtl.crossbar.place import pim_content, pim_design
from pimsim.rtl.event.core import event_core
from pimsim.rtl.parts.design import event_design, sweep_design
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.sweep.current_sweep import CurrentSweep
from pimsim.rtl.verify.case import LayerCase
from pimsim.rtl.verilog import bench
from pimsim.rtl.verilog.bench import COUNTER_BITS, Bench, Inputs
from pimsim.rtl.verilog.expected import Expected
from pimsim.rtl.verilog.hexfiles import hex_text
from pimsim.rtl.verilog.top import ACTIVITY, LayerTop

WEIGHTS, CURRENTS, SOURCE = "weights", "currents", "source"


@dataclass(frozen=True, eq=False)
class Played:
    """``words`` are those of all ``inputs``, sample by sample and step by step."""

    top: LayerTop
    expected: Expected
    inputs: Inputs
    words: list[int]

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
            bench.INPUTS: hex_text(self.words, self.inputs.bits),
            bench.CYCLES: hex_text(expected.cycles, COUNTER_BITS),
            bench.MEMBRANES: hex_text(expected.membranes, sweep.lanes * sweep.neuron.accumulator_bits),
            bench.COUNTS: hex_text(counts.values(), COUNTER_BITS),
        }
        if sweep.word_values:
            return files | {bench.OUTPUTS: hex_text(expected.outputs, sweep.word_bits)}
        return files | {bench.CLASSES: hex_text(expected.classes, COUNTER_BITS)}


def played(case: LayerCase) -> Played:
    """The layer's core, or where its sums are not described the sweep alone, whose currents are then the inputs."""
    if case.on_event_core:
        return _event(case)
    return _crossbar(case) if case.sums_described else _sweep(case)


def _event(case: LayerCase) -> Played:
    design = event_design(case.network, case.mapping, case.hardware, case.index)
    asynchronous = design.pipeline_depth == 1
    weights = Sram(
        WEIGHTS,
        width=design.lanes * design.weight_bits,
        depth=design.weight_words,
        ports=2 if asynchronous else 1,
        asynchronous=asynchronous,
        init=weight_words(design, case.weights.weight),
    )
    rows = case.inputs.reshape(-1, case.inputs.shape[-1])
    return Played(
        top=LayerTop(event_core(design), {WEIGHTS: weights}),
        expected=Expected(case, design.sweep),
        inputs=Inputs(
            design.map_words, design.scan_width, every_step=True, readers=((SOURCE, index_bits(design.map_words)),)
        ),
        words=map_words(rows, design.map_neurons, design.scan_width),
    )


def _sweep(case: LayerCase) -> Played:
    design = sweep_design(case.network, case.mapping, case.hardware, case.index)
    plan = case.layer.memories.current
    assert plan is not None  # every dense layer has one
    width = design.lanes * design.neuron.accumulator_bits
    currents = Sram(CURRENTS, width=width, depth=design.words, ports=plan.ports)
    expected = Expected(case, design)
    return Played(
        top=LayerTop(CurrentSweep(design), {CURRENTS: currents}),
        expected=expected,
        inputs=Inputs(design.words, width, every_step=case.index > 0, filled=CURRENTS),
        words=expected.currents,
    )


def _crossbar(case: LayerCase) -> Played:
    engine = case.hardware.engines.named(case.layer.engine)
    assert isinstance(engine, BitSerialPim)
    design = pim_design(case.weights, case.layer, engine)
    content = pim_content(case.weights, design, engine)
    sweep = sweep_design(case.network, case.mapping, case.hardware, case.index)
    memories = {}
    if design.reloaded:
        memories[WEIGHTS] = Sram(
            WEIGHTS, width=design.weight_bits, depth=design.weight_words, ports=1, init=content.rows
        )
    words = design.passes * design.map_values
    readers = tuple((f"{SOURCE}_{number}", index_bits(words)) for number in range(design.readers))
    once = case.index == 0 or design.passes > 1
    return Played(
        top=LayerTop(PimLayer(design, content, sweep, once=once), memories),
        expected=Expected(case, sweep),
        inputs=Inputs(words, design.stored_bits, every_step=not once, readers=readers),
        words=source_values(case.layer.shape, case.inputs).reshape(-1).tolist(),
    )

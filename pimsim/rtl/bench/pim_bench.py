"""What stands around a layer on a crossbar while it is simulated: the source maps, and recorders of its sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import memory
from amaranth.sim import SimulatorContext

from pimsim.rtl.bench.step_bench import StepBench, connect_memory
from pimsim.rtl.bench.sums_recorder import SumsRecorder
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.layer import PimLayer
from pimsim.rtl.crossbar.place import PimContent
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import Observed
from pimsim.rtl.parts.sram import Sram


class PimBench(StepBench):
    """A `StepBench` of a `PimLayer`.

    ``values`` are those of all source maps in order, ``passes`` maps per evaluation.
    """

    def __init__(
        self,
        design: PimDesign,
        content: PimContent,
        sweep: SweepDesign,
        values: Sequence[int],
        *,
        steps: int,
        once: bool,
    ) -> None:
        self.design, self.once = design, once
        self.evaluations = len(values) // (design.passes * design.map_values)
        self.weights = row_memory(design, content)
        self.maps = memory.MemoryData(shape=design.stored_bits, depth=len(values), init=values)
        self.sums = SumsRecorder(design, self.evaluations)
        layer = PimLayer(design, content, sweep, once=once)
        runs = self.evaluations * steps if once else self.evaluations
        super().__init__(layer, sweep, runs=runs, steps=steps, patience=patience(design, sweep))

    def _feed(self, m: Module, _run: Signal) -> None:
        evaluation = self.sums.connect(m, self.core.core)
        connect_values(m, self.core.source, self.maps, evaluation * self.design.passes * self.design.map_values)
        if self.weights is not None:
            connect_memory(m, "weight_memory", self.weights, self.core.weights)

    def completed(self, context: SimulatorContext, observed: Observed) -> Observed:
        """Sums that are formed for all steps at once are told apart from the steps."""
        currents = self.sums.currents(context, len(observed.step_cycles))
        observed = replace(observed, currents=currents if currents.shape[1] > 1 else currents[:, 0])
        if not self.once:
            return observed
        fronts = self.sums.cycles(context)
        cycles = observed.step_cycles.copy()
        cycles[:, 0] -= fronts
        return replace(observed, front_cycles=fronts, step_cycles=cycles)


def row_memory(design: PimDesign, content: PimContent) -> Sram | None:
    """What the arrays are rewritten from, where they are."""
    if not design.reloaded:
        return None
    return Sram("weight_memory", width=design.weight_bits, depth=design.weight_words, ports=1, init=content.rows)


def connect_values(m: Module, readers: Iterable[Any], values: memory.MemoryData, place: Value) -> None:
    """Every reader has a port of its own to ``values``, of which those from ``place`` on are its map."""
    m.submodules.maps = maps = memory.Memory(values)
    first = Signal(range(max(1, values.depth)))
    m.d.comb += first.eq(place)
    for reader in readers:
        port = maps.read_port()
        m.d.comb += [
            port.en.eq(reader.enable),
            port.addr.eq(first + reader.address),
            reader.data.eq(port.data),
        ]


def patience(design: PimDesign, sweep: SweepDesign) -> int:
    """Cycles that no step takes: what is done for every group of windows, one thing after the other, and a sweep."""
    total = sweep.words + sweep.depth + 64
    for number, one in enumerate(design.rounds):
        stages = range(one.stages)
        turns = sum(design.turns(number, stage, design.at_once) for stage in stages) * design.slices
        pulses = len(stages) * design.slices * (design.pulse_cycles + 1)
        words = design.at_once * design.kernels * one.words
        group = design.reads + pulses + turns * design.adc_cycles + words + design.correction_depth + 8
        total += sum(tile.rows for tile in one.tiles) + 2 + design.groups * design.passes * group
    return total

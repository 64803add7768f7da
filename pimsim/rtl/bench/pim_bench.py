"""What stands around a layer on a crossbar while it is simulated: the source maps, and recorders of its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import memory
from amaranth.sim import SimulatorContext

from pimsim.rtl.bench.recorded import lane_values, rows_of
from pimsim.rtl.bench.step_bench import StepBench
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.layer import PimLayer
from pimsim.rtl.crossbar.place import PimContent
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import METER_BITS, Observed
from pimsim.rtl.parts.sram import Sram


class PimBench(StepBench):
    """A `StepBench` of a `PimLayer`.

    ``values`` are those of all source maps in order, ``passes`` maps per evaluation.  `currents` and `fronts` record
    the words that each evaluation leaves in the current memory, and its cycles.
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
        self.weights: Sram | None = None
        if design.reloaded:
            self.weights = Sram(
                "weight_memory", width=design.weight_bits, depth=design.weight_words, ports=1, init=content.rows
            )
        self.maps = memory.MemoryData(shape=design.stored_bits, depth=len(values), init=values)
        words = self.evaluations * design.sum_words
        self.currents = memory.MemoryData(shape=design.sum_bits, depth=words, init=[])
        self.fronts = memory.MemoryData(shape=METER_BITS, depth=self.evaluations, init=[])
        layer = PimLayer(design, content, sweep, once=once)
        runs = self.evaluations * steps if once else self.evaluations
        super().__init__(layer, sweep, runs=runs, steps=steps, patience=patience(design, sweep))

    def _feed(self, m: Module, _run: Signal) -> None:
        layer, evaluation, cycle = self.core, Signal(range(self.evaluations + 1)), Signal(METER_BITS)
        with m.If(layer.summing):
            m.d.sync += cycle.eq(cycle + 1)
        with m.If(layer.summed):
            m.d.sync += [cycle.eq(0), evaluation.eq(evaluation + 1)]
        self._recorder(m, "fronts", self.fronts, layer.summed, evaluation, cycle + 1)
        core = layer.core
        place = evaluation * self.design.sum_words + core.write_address
        self._recorder(m, "currents", self.currents, core.write_enable, place, core.write_data.as_value())
        self._connect_maps(m, evaluation)
        if self.weights is not None:
            self._connect_weights(m, self.weights)

    def completed(self, context: SimulatorContext, observed: Observed) -> Observed:
        """Sums that are formed for all steps at once are told apart from the steps."""
        samples = len(observed.step_cycles)
        shape, maps = self.design.shape, self.evaluations * self.design.passes // samples
        words = lane_values(rows_of(context, self.currents), self.design.lanes, self.design.array.accumulator_bits)
        sums = words.reshape(samples, maps, shape.positions, -1)[..., : shape.out_channels]
        currents = np.ascontiguousarray(sums).reshape(samples, maps, shape.neurons)
        observed = replace(observed, currents=currents if maps > 1 else currents[:, 0])
        if not self.once:
            return observed
        fronts = np.array(rows_of(context, self.fronts), np.int64)
        cycles = observed.step_cycles.copy()
        cycles[:, 0] -= fronts
        return replace(observed, front_cycles=fronts, step_cycles=cycles)

    def _connect_maps(self, m: Module, evaluation: Signal) -> None:
        """Every reader has a port of its own to the maps of all evaluations."""
        values = self.design.passes * self.design.map_values
        m.submodules.maps = maps = memory.Memory(self.maps)
        first = Signal(range(max(1, self.maps.depth)))
        m.d.comb += first.eq(evaluation * values)
        for reader in self.core.source:
            port = maps.read_port()
            m.d.comb += [
                port.en.eq(reader.enable),
                port.addr.eq(first + reader.address),
                reader.data.eq(port.data),
            ]

    def _connect_weights(self, m: Module, weights: Sram) -> None:
        m.submodules.weight_memory = weights
        m.d.comb += [
            weights.read_enable.eq(self.core.weights.enable),
            weights.read_address.eq(self.core.weights.address),
            self.core.weights.data.eq(weights.read_data),
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

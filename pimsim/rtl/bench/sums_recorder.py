"""What a crossbar's sequencer leaves in its current memory, evaluation by evaluation."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import memory
from amaranth.sim import SimulatorContext

from pimsim.rtl.bench.recorded import lane_values, rows_of
from pimsim.rtl.crossbar.core import PimCore
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.parts.observe import METER_BITS, Int64Array


class SumsRecorder:
    """Records the words that each of ``evaluations`` writes, and its cycles."""

    def __init__(self, design: PimDesign, evaluations: int) -> None:
        self.design, self.evaluations = design, evaluations
        self._words = memory.MemoryData(shape=design.sum_bits, depth=evaluations * design.sum_words, init=[])
        self._cycles = memory.MemoryData(shape=METER_BITS, depth=evaluations, init=[])

    def connect(self, m: Module, core: PimCore) -> Signal:
        """Watches ``core``; the number of the evaluation that it is at."""
        evaluation, cycle = Signal(range(self.evaluations + 1)), Signal(METER_BITS)
        with m.If(core.busy):
            m.d.sync += cycle.eq(cycle + 1)
        with m.If(core.done):
            m.d.sync += [cycle.eq(0), evaluation.eq(evaluation + 1)]
        place = evaluation * self.design.sum_words + core.write_address
        for name, content, enable, at, value in (
            ("recorded_cycles", self._cycles, core.done, evaluation, cycle + 1),
            ("recorded_sums", self._words, core.write_enable, place, core.write_data.as_value()),
        ):
            m.submodules[name] = store = memory.Memory(content)
            port = store.write_port()
            m.d.comb += [port.en.eq(enable), port.addr.eq(at), port.data.eq(value)]
        return evaluation

    def currents(self, context: SimulatorContext, samples: int) -> Int64Array:
        """(N, maps, neurons), those of every map that a sample's evaluations took."""
        shape, maps = self.design.shape, self.evaluations * self.design.passes // samples
        words = lane_values(rows_of(context, self._words), self.design.lanes, self.design.array.accumulator_bits)
        sums = words.reshape(samples, maps, shape.positions, -1)[..., : shape.out_channels]
        return np.ascontiguousarray(sums).reshape(samples, maps, shape.neurons)

    def cycles(self, context: SimulatorContext) -> Int64Array:
        """(evaluations,)"""
        return np.array(rows_of(context, self._cycles), np.int64)

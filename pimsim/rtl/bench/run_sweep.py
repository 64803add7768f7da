"""Simulates the sweeps of a layer on a dense engine, from sums that lie in the current memory."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import memory

from pimsim.rtl.bench.step_bench import StepBench, check_lanes, run_bench
from pimsim.rtl.bench.words import current_words
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import Int64Array, Observed
from pimsim.rtl.sweep.current_sweep import CurrentSweep


class SweepBench(StepBench):
    """A `StepBench` of a `CurrentSweep`; ``currents`` are the words of all current memories in order, of input spikes
    those of step 1 in front of each sample's others.

    Each is swept ``sweeps`` times, in as many steps.
    """

    def __init__(self, design: SweepDesign, currents: list[int], *, steps: int, sweeps: int) -> None:
        self._sweeps = sweeps
        self.currents = memory.MemoryData(
            shape=design.lanes * design.neuron.accumulator_bits, depth=len(currents), init=currents
        )
        runs = len(currents) // design.words * sweeps
        patience = design.words + design.depth + 2
        super().__init__(CurrentSweep(design), design, runs=runs, steps=steps, patience=patience)

    def _feed(self, m: Module, _run: Signal) -> None:
        base, sweep, core = Signal(range(self.currents.depth + 1)), Signal(range(self._sweeps + 1)), self.core
        with m.If(core.done):
            m.d.sync += sweep.eq(sweep + 1)
            with m.If(sweep == self._sweeps - 1):
                m.d.sync += [sweep.eq(0), base.eq(base + self.sweep.words)]
        m.submodules.current_memory = currents = memory.Memory(self.currents)
        read = currents.read_port()
        m.d.comb += [
            read.en.eq(core.currents.enable),
            read.addr.eq(base + core.currents.address),
            core.currents.data.eq(read.data),
        ]
        if self.sweep.opens:
            m.d.comb += core.first.eq(self.step == 0)


def run_sweep(design: SweepDesign, currents: Int64Array, *, steps: int, name: str = "") -> Observed:
    """``steps`` sweeps of each of N samples over ``currents``, (N, neurons), or (N, steps, neurons) where every step
    has its own; neurons in the order position, channel.

    The last step leaves the membranes zero.  Raises HardwareError for more than 2048 lanes, RuntimeError, naming the
    layer, where a sweep does not end.
    """
    check_lanes(design)
    words = current_words(design, currents.reshape(-1, design.neurons))
    bench = SweepBench(design, words, steps=steps, sweeps=steps if currents.ndim == 2 else 1)
    return run_bench(bench, name)[0]

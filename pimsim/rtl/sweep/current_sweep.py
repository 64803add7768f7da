"""The sweeps of a layer whose sums lie in a current memory, docs/microarchitecture.md §7."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import joined, reported
from pimsim.rtl.parts.signals import Probe, ReadPort
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.sweep.sweep import Sweep, membrane_word, sweep_activity

CURRENT_READ = "current_memory_read"


def current_port(design: SweepDesign) -> ReadPort:
    """Reads P sums of accumulator width, the first in the lowest bits."""
    return ReadPort(depth=design.words, shape=unsigned(design.lanes * design.neuron.accumulator_bits))


class CurrentSweep(wiring.Component):
    """One step of a layer on a dense engine: its sums, as they stand in the current memory, meet its membranes.

    ``start`` is cycle 0 of a step, in which word 0 is addressed already; ``done`` its hand-over cycle; ``busy`` holds
    from one to the other.  ``start`` may come in the cycle behind ``done``.  ``last`` is held during the inference's
    last step, which leaves the membranes zero.  The current memory and the maps are outside, the membranes inside.  In
    a CNN there are none, and the one step is both first and last.
    """

    def __init__(self, design: SweepDesign) -> None:
        assert design.adds
        self.design = design
        self.sweep = Sweep(design)
        self.membranes = (
            Sram("membrane_memory", width=membrane_word(design).size, depth=design.words)
            if design.stored_bits
            else None
        )
        result = "target" if design.word_values else "winner"
        ports: dict[str, Member] = {
            "start": In(1),
            "last": In(1),
            "done": Out(1),
            "busy": Out(1),
            "currents": Out(current_port(design)),
            result: self.sweep.signature.members[result],
            "probe": Out(Probe(design)),
            "activity": Out(joined(sweep_activity(design), data.StructLayout({CURRENT_READ: 1}))),
        }
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        m, sweep = Module(), self.sweep
        m.submodules.sweep = sweep
        self._control(m)
        m.d.comb += [
            self.currents.enable.eq(sweep.issue),
            self.currents.address.eq(sweep.issue_word),
            sweep.addend.as_value().eq(self.currents.data),
        ]
        if self.membranes is not None:
            m.submodules.membranes = self.membranes
            sweep.connect_membranes(m, self.membranes)
        self._show(m)
        return m

    def _control(self, m: Module) -> None:
        running = Signal()
        m.d.comb += [
            self.busy.eq(self.start | running),
            self.done.eq(running & self.sweep.empty),
            self.sweep.restart.eq(self.start),
            self.sweep.last.eq(self.last),
            self.sweep.ready.eq(self.busy),
        ]
        m.d.sync += running.eq(self.busy & ~self.done)

    def _show(self, m: Module) -> None:
        self.sweep.connect_results(m, self)
        m.d.comb += reported(self.activity, self.sweep.activity)
        m.d.comb += self.activity[CURRENT_READ].eq(self.sweep.issue)

"""The sweeps of a layer whose sums lie in a current memory, docs/microarchitecture.md §7."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import joined, reported
from pimsim.rtl.parts.signals import Probe
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.sweep.opening import CURRENT_READ, OPENING_READ, current_port, opening_activity
from pimsim.rtl.sweep.sweep import Sweep, membrane_word, sweep_activity


class CurrentSweep(wiring.Component):
    """One step of a layer on a dense engine: its sums, as they stand in the current memory, meet its membranes.

    ``start`` is cycle 0 of a step, in which word 0 is addressed already; ``done`` its hand-over cycle; ``busy`` holds
    from one to the other.  ``start`` may come in the cycle behind ``done``.  ``last`` is held during the inference's
    last step, which leaves the membranes zero.  The current memory and the maps are outside, the membranes inside.  In
    a CNN there are none, and the one step is both first and last.

    Of input spikes ``first`` is held during the inference's first step: words come as they are then, and count 2^k in
    all others.
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
            "activity": Out(
                joined(sweep_activity(design), data.StructLayout({CURRENT_READ: 1}), opening_activity(design))
            ),
        }
        super().__init__(ports | ({"first": In(1)} if design.opens else {}))

    def elaborate(self, _platform: object) -> Module:
        m, sweep = Module(), self.sweep
        m.submodules.sweep = sweep
        self._control(m)
        m.d.comb += [
            self.currents.enable.eq(sweep.issue),
            self.currents.address.eq(sweep.issue_word),
            sweep.addend.as_value().eq(self.currents.data),
        ]
        if self.design.opens:
            m.d.comb += sweep.first.eq(self.first)
            with m.If(~self.first):
                m.d.comb += sweep.addend.as_value().eq(self._shifted())
        if self.membranes is not None:
            m.submodules.membranes = self.membranes
            sweep.connect_membranes(m, self.membranes)
        self._show(m)
        return m

    def _shifted(self) -> Value:
        """Sums times 2^k, modulo 2^A."""
        bits = self.design.neuron.accumulator_bits
        lanes = (self.currents.data.word_select(lane, bits) for lane in range(self.design.lanes))
        return Cat((lane << self.design.shift)[:bits] for lane in lanes)

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
        opens = self.first if self.design.opens else Const(0)
        m.d.comb += self.activity[CURRENT_READ].eq(self.sweep.issue & ~opens)
        if self.design.opens:
            m.d.comb += self.activity[OPENING_READ].eq(self.sweep.issue & opens)

"""A whole layer on a bit-serial crossbar: its sums, the current memory, its sweeps; docs/microarchitecture.md §8."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.core import PimCore
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.place import PimContent
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import joined, reported
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.parts.wires import wire
from pimsim.rtl.sweep.current_sweep import CurrentSweep
from pimsim.rtl.sweep.opening import CURRENT_READ, opening_ports, opening_sums


class PimLayer(wiring.Component):
    """Steps of inferences, from ``start`` in cycle 0 of a step to ``done`` in its hand-over cycle.

    With ``once`` the sums are formed in front of an inference's first step, those of all steps where ``passes`` is
    above 1; else in every step.  Sums end with a hand-over cycle of their own; the sweep starts in the cycle behind it.
    ``last`` is held during the inference's last step.  The maps and the weight memory are outside, the current memory
    and the membranes inside.

    Of input spikes ``first`` is held during the inference's first step, which only sweeps ``currents``; sums that are
    formed once are those of all other steps.
    """

    def __init__(self, design: PimDesign, content: PimContent, sweep: SweepDesign, *, once: bool) -> None:
        assert once or design.passes == 1
        self.design, self.once = design, once
        self.core, self.sweep = PimCore(design, content), CurrentSweep(sweep)
        self.words = sweep.words
        ports = 2 if design.reads_back else 1  # one word is read in the cycle in which another one is written (§3)
        self.current = Sram("current_memory", width=design.sum_bits, depth=design.sum_words, ports=ports)
        core, swept = self.core.signature.members, self.sweep.signature.members
        result = "target" if sweep.word_values else "winner"
        passed = {name: core[name] for name in ("source", "weights") if name in core}
        passed |= {name: swept[name] for name in (result, "probe")} | opening_ports(sweep)
        flags = {name: Out(1) for name in ("done", "busy")}
        activity = joined(self.core.activity.shape(), self.sweep.activity.shape())
        super().__init__({"start": In(1), "last": In(1), **flags, **passed, "activity": Out(activity)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core, m.submodules.sweep, m.submodules.current_memory = self.core, self.sweep, self.current
        self._control(m)
        self._connect_currents(m)
        self._pass_on(m)
        return m

    def _control(self, m: Module) -> None:
        core, sweep, fresh, running = self.core, self.sweep, Signal(init=1), Signal()
        due = fresh if self.once else Const(1)
        m.d.comb += [
            core.start.eq(self.start & due & ~self._opens),
            sweep.last.eq(self.last),
            self.done.eq(sweep.done),
            self.busy.eq(self.start | running),
        ]
        formed = Signal()  # sums were handed over in the cycle before
        m.d.sync += [formed.eq(core.done), running.eq(self.busy & ~self.done)]
        m.d.comb += sweep.start.eq(formed | (self.start & ~core.start))
        with m.If(self.done):
            m.d.sync += fresh.eq(self.last | self._opens)
        with m.Elif(core.start):
            m.d.sync += fresh.eq(0)

    @property
    def _opens(self) -> Value:
        """Whether the step has no sums of its own."""
        return self.first if self.sweep.design.opens else Const(0)

    def _connect_opening(self, m: Module) -> None:
        """The first step's sums come from outside."""
        sweep = self.sweep
        m.d.comb += [
            sweep.first.eq(self.first),
            self.currents.enable.eq(sweep.currents.enable & self.first),
            self.currents.address.eq(sweep.currents.address),
        ]
        with m.If(self.first):
            m.d.comb += sweep.currents.data.eq(opening_sums(sweep.design, self.currents.data))

    def _connect_currents(self, m: Module) -> None:
        """Written by the sums; read by the sweep, or by later rounds of sums."""
        core, sweep, current = self.core, self.sweep, self.current
        m.d.comb += [
            current.write_enable.eq(core.write_enable),
            current.write_address.eq(core.write_address),
            current.write_data.eq(core.write_data),
            sweep.currents.data.eq(current.read_data),
        ]
        address = wire(m, "swept", self._first(m) + sweep.currents.address)
        enable: Any = sweep.currents.enable & ~self._opens
        if self.design.reads_back:
            enable = enable | core.earlier.enable
            address = wire(m, "read", Mux(core.busy, core.earlier.address, address))
            m.d.comb += core.earlier.data.eq(current.read_data)
        m.d.comb += [current.read_enable.eq(enable), current.read_address.eq(address)]
        if sweep.design.opens:
            self._connect_opening(m)

    def _first(self, m: Module) -> Signal:
        """Where the step's sums begin."""
        first = Signal(range(self.design.sum_words))
        if self.design.passes > 1:
            with m.If(self.done & ~self._opens):
                m.d.sync += first.eq(Mux(self.last, 0, first + self.words))
        return first

    def _pass_on(self, m: Module) -> None:
        core, sweep = self.core, self.sweep
        for mine, port in zip(self.source, core.source, strict=True):
            wiring.connect(m, wiring.flipped(mine), port)
        if self.design.reloaded:
            wiring.connect(m, wiring.flipped(self.weights), core.weights)
        wiring.connect(m, sweep.probe, wiring.flipped(self.probe))
        if "target" in sweep.signature.members:
            wiring.connect(m, sweep.target, wiring.flipped(self.target))
        else:
            m.d.comb += self.winner.eq(sweep.winner)
        m.d.comb += reported(self.activity, core.activity, sweep.activity, apart=(CURRENT_READ,))
        read = core.activity[CURRENT_READ] if CURRENT_READ in core.activity.shape().members else 0
        m.d.comb += self.activity[CURRENT_READ].eq(read | sweep.activity[CURRENT_READ])

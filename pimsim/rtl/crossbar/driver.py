"""The row driver of a crossbar: slices and groups of rows as pulses, docs/microarchitecture.md §5.3."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.wires import wire


def pulse_layout(design: PimDesign) -> data.StructLayout:
    """Which pulse: slice i and stage (group of rows) g; ``first`` and ``final`` of its group of windows, and whether
    that is a map's last, possibly smaller one (``rest``)."""
    return data.StructLayout(
        {
            "slice": unsigned(index_bits(design.slices)),
            "stage": unsigned(index_bits(len(design.array.stages))),
            "first": unsigned(1),
            "final": unsigned(1),
            "rest": unsigned(1),
        }
    )


class RowDriver(wiring.Component):
    """Pulses of ``pulse_cycles``, the lowest slice first, in each slice the groups of rows one after the other.

    ``full``, ``full_last``  the shadow registers hold a group, a map's last one
    ``take``      they become the active ones at the end of this cycle: the swap σ.  The active ones are free then: not
                  in use, or the last pulse is in its last cycle
    ``round``     held while a round works
    ``begin``     the conversion of the charge on the columns begins in this cycle
    ``converting``  a conversion is running, that one included
    ``pulse``     a pulse is on, ``driven`` says which; ``pulse_end``: in its last cycle
    ``charged``   a charge waits on the columns, that of pulse ``charge``
    ``stall``     a finished pulse waits on the columns: for its conversion's begin, or without sample-and-hold its end
    """

    def __init__(self, design: PimDesign) -> None:
        self.design = design
        pulse = pulse_layout(design)
        inputs = {name: In(1) for name in ("full", "full_last", "begin", "converting")}
        outputs = {name: Out(1) for name in ("take", "pulse", "pulse_end", "charged", "stall")}
        tags = {"driven": Out(pulse), "charge": Out(pulse)}
        super().__init__({**inputs, "round": In(index_bits(len(design.rounds))), **outputs, **tags})

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        used = Signal()  # the active registers have pulses to come
        left = Signal(range(design.pulse_cycles))
        pulsing = wire(m, "pulsing", left != 0)
        if design.sample_and_hold:
            free = ~pulsing & (~self.charged | self.begin)
            waits = self.charged & ~self.begin
        else:
            free = ~pulsing & ~self.charged & ~self.converting
            waits = self.charged | self.converting
        start = wire(m, "start", free & used)
        m.d.comb += [
            self.pulse.eq(start | pulsing),
            self.pulse_end.eq(self.pulse & (Mux(start, design.pulse_cycles - 1, left - 1) == 0)),
            self.take.eq(self.full & (~used | (self.pulse_end & self.driven.final))),
            self.stall.eq(waits),
        ]
        with m.If(start):
            m.d.sync += left.eq(design.pulse_cycles - 1)
        with m.Elif(pulsing):
            m.d.sync += left.eq(left - 1)
        with m.If(self.take):
            m.d.sync += used.eq(1)
        with m.Elif(self.pulse_end & self.driven.final):
            m.d.sync += used.eq(0)
        self._charge(m)
        self._count(m)
        return m

    def _charge(self, m: Module) -> None:
        with m.If(self.pulse_end):
            m.d.sync += [self.charged.eq(1), self.charge.eq(self.driven)]
        with m.Elif(self.begin):
            m.d.sync += self.charged.eq(0)

    def _count(self, m: Module) -> None:
        """Stages in each slice, slices in each group of windows."""
        part, stage, rest = Signal(range(self.design.slices)), Signal(self.driven.stage.shape()), Signal()
        stages = [one.stages for one in self.design.rounds]
        last = wire(m, "last_stage", stage == lookup([number - 1 for number in stages], self.round))
        m.d.comb += [
            self.driven.slice.eq(part),
            self.driven.stage.eq(stage),
            self.driven.first.eq((part == 0) & (stage == 0)),
            self.driven.final.eq((part == self.design.slices - 1) & last),
            self.driven.rest.eq(rest),
        ]
        with m.If(self.pulse_end):
            m.d.sync += stage.eq(Mux(last, 0, stage + 1))
            with m.If(last):
                m.d.sync += part.eq(Mux(self.driven.final, 0, part + 1))
        with m.If(self.take):
            m.d.sync += rest.eq(self.full_last)

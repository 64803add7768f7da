"""The sequencer of a crossbar's conversions, docs/microarchitecture.md §5.3."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.driver import pulse_layout
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.wires import wire


def slot_bits(design: PimDesign) -> int:
    """Of the number of a turn, counted through all kinds of stages."""
    return index_bits(sum(len(turns) for turns in design.array.slots))


def add_layout(design: PimDesign) -> data.StructLayout:
    """Which converted values are added: those of turn ``slot``, of slice ``slice``."""
    return data.StructLayout({"slot": unsigned(slot_bits(design)), "slice": unsigned(index_bits(design.slices))})


class Conversions(wiring.Component):
    """All converters in step, each column by column of its share, ``adc_cycles`` for every one.

    ``charged``, ``charge``  a charge waits on the columns, that of this pulse
    ``room``     the writer could take a group's sums in the next cycle
    ``begin``    a conversion begins: the converter is free, and if it is a group's first, sums of the group before
                 move to the writer in the next cycle at the latest
    ``running``  also in that cycle (busy); ``work`` is the pulse that is converted
    ``slot``     the turn, ``convert``: in its last cycle, when the converters have their codes
    ``add``      in the cycle behind: ``adding`` says what
    ``complete`` a group's sums are: two cycles behind its last conversion's last cycle, until ``move``
    """

    def __init__(self, design: PimDesign) -> None:
        self.design = design
        pulse = pulse_layout(design)
        inputs = {name: In(1) for name in ("charged", "room", "move")}
        outputs = {name: Out(1) for name in ("begin", "running", "convert", "add", "complete")}
        buses = {
            "charge": In(pulse),
            "round": In(index_bits(len(design.rounds))),
            "work": Out(pulse),
            "slot": Out(slot_bits(design)),
            "adding": Out(add_layout(design)),
        }
        super().__init__({**inputs, **outputs, **buses})

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        busy, kept = Signal(), Signal.like(self.work)
        cycle, turn = Signal(range(design.adc_cycles)), Signal(slot_bits(design))
        finishing = Signal()  # a group's last value is being added
        # where conversions take a cycle, sums that are being finished wait behind others that move in this one
        ahead = finishing | (self.complete & ~self.move)
        waits = self.charge.first & ahead & ~self.room
        m.d.comb += [
            self.begin.eq(self.charged & ~busy & ~waits),
            self.running.eq(self.begin | busy),
            self.work.eq(Mux(self.begin, self.charge, kept)),
            self.slot.eq(self._first_slot() + turn),
            self.convert.eq(self.running & (cycle == design.adc_cycles - 1)),
        ]
        ends = wire(m, "ends", self.convert & (turn == self._last_turn()))
        with m.If(self.begin):
            m.d.sync += kept.eq(self.charge)
        with m.If(self.running):
            m.d.sync += [busy.eq(~ends), cycle.eq(Mux(self.convert, 0, cycle + 1))]
        with m.If(self.convert):
            m.d.sync += turn.eq(Mux(ends, 0, turn + 1))
        m.d.sync += [
            self.add.eq(self.convert),
            self.adding.slot.eq(self.slot),
            self.adding.slice.eq(self.work.slice),
            finishing.eq(ends & self.work.final),
        ]
        with m.If(finishing):
            m.d.sync += self.complete.eq(1)
        with m.Elif(self.move):
            m.d.sync += self.complete.eq(0)
        return m

    def _first_slot(self) -> Value:
        """Of the stage's kind."""
        array = self.design.array
        sizes = [len(turns) for turns in array.slots]
        bases = [sum(sizes[: array.kinds.index(kind)]) for kind in array.seen]
        return lookup(bases, self.work.stage)

    def _last_turn(self) -> Value:
        """Number of the busiest converter's last turn: of the stage and the group, or of the round's widest tile."""
        design = self.design
        if len(design.rounds) > 1:
            turns = [design.turns(number, 0, 1) - 1 for number in range(len(design.rounds))]
            return lookup(turns, self.round)
        sizes = (design.at_once, design.last_group)
        turns = [design.turns(0, stage, size) - 1 for stage in range(len(design.array.stages)) for size in sizes]
        return lookup(turns, Cat(self.work.rest, self.work.stage))

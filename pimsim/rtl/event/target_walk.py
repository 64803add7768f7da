"""The registers that step through an event's targets, docs/microarchitecture.md §4.3."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.decoder import AddressLayout, ReachLayout
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.signals import index_bits


class SlotLayout(data.StructLayout):
    """What is issued in one cycle: a beat, the ``first`` and the ``final`` one of its target marked, or a ``void``."""

    def __init__(self, design: EventDesign) -> None:
        super().__init__({"void": 1, "first": 1, "final": 1, "at": AddressLayout(design)})


class TargetWalk(wiring.Component):
    """``slot`` is the one to issue next, ``over`` says that it is its event's last one.

    ``load`` takes an event's ``reach``, ``step`` goes on to the next beat: b fastest, then width, height, depth.  Where
    a row or a plane of targets begins is kept, so that every step is an addition of a constant.
    """

    def __init__(self, design: EventDesign) -> None:
        self._design = design
        super().__init__(
            {
                "load": In(1),
                "reach": In(ReachLayout(design)),
                "step": In(1),
                "slot": Out(SlotLayout(design)),
                "over": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        layout = AddressLayout(self._design)
        self._row, self._plane = Signal(layout, name="row"), Signal(layout, name="plane")
        self._left = Signal(self.reach.further.shape(), name="left")  # targets behind this one, by axis
        self._columns = Signal(len(self._left.width), name="columns")  # behind the first one of each row
        self._rows = Signal(len(self._left.height), name="rows")
        self._word = Signal(index_bits(self._design.sweep.beats), name="word")
        final = self._word == self._design.sweep.beats - 1
        m.d.comb += [
            self.slot.first.eq(self._word == 0),
            self.slot.final.eq(final),
            self.over.eq(self.slot.void | (final & (self._left.as_value() == 0))),
        ]
        with m.If(self.load):
            self._begin(m)
        with m.Elif(self.step):
            with m.If(~final):
                m.d.sync += self._word.eq(self._word + 1)
                self._move(m, self.slot.at, self.slot.at, membrane=1, weight=1)
            with m.Else():
                m.d.sync += self._word.eq(0)
                self._next_target(m)
        return m

    def _begin(self, m: Module) -> None:
        first, further = self.reach.first, self.reach.further
        m.d.sync += [register.eq(first) for register in (self.slot.at, self._row, self._plane)]
        m.d.sync += [
            self.slot.void.eq(self.reach.void),
            self._word.eq(0),
            self._left.eq(further),
            self._columns.eq(further.width),
            self._rows.eq(further.height),
        ]

    def _next_target(self, m: Module) -> None:
        """From the last beat of a target to the first one of the next: the outer an axis, the more starts again."""
        beats, (_, rows, columns) = self._design.sweep.beats, self._design.shape.out_size
        depth, height, width = self._tap_steps()
        with m.If(self._left.width != 0):
            m.d.sync += self._left.width.eq(self._left.width - 1)
            self._move(m, self.slot.at, self.slot.at, position=1, membrane=1, weight=1 - beats - width)
        with m.Elif(self._left.height != 0):
            m.d.sync += [self._left.height.eq(self._left.height - 1), self._left.width.eq(self._columns)]
            for register in (self.slot.at, self._row):
                self._move(m, register, self._row, position=columns, membrane=columns * beats, weight=-height)
        with m.Else():
            m.d.sync += [
                self._left.depth.eq(self._left.depth - 1),
                self._left.height.eq(self._rows),
                self._left.width.eq(self._columns),
            ]
            plane = rows * columns
            for register in (self.slot.at, self._row, self._plane):
                self._move(m, register, self._plane, position=plane, membrane=plane * beats, weight=-depth)

    def _tap_steps(self) -> tuple[int, int, int]:
        """Weight words between the taps of neighbouring outputs along each axis: a stride of taps."""
        channels = self._design.shape.in_shape[0]
        _, rows, columns = self._design.shape.kernel
        tap = channels * self._design.sweep.beats
        depth, height, width = self._design.shape.stride
        return depth * rows * columns * tap, height * columns * tap, width * tap

    @staticmethod
    def _move(m: Module, register: data.View, start: data.View, **steps: int) -> None:
        """``register`` becomes ``start`` plus ``steps``, modulo its width."""
        m.d.sync += [register[name].eq(start[name] + steps.get(name, 0)) for name in register.shape().members]

"""The packer, docs/microarchitecture.md §4.7: results of P lanes at a time become full words of the next map."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.parts.design import PackDesign
from pimsim.rtl.parts.signals import MapWrite
from pimsim.rtl.parts.wires import wire


class Packer(wiring.Component):
    """A register of up to W − 1 + P values, for a map that is packed as ``design`` says.

    In a cycle with ``enter`` the ``values`` of a word enter at its end, as many as the position has channels left where
    it is its ``final`` word (unused ones are 0), behind those that are there.  In the cycle after, ``busy``, every full
    word is written; with the ``last`` word of the map also the rest, padded with 0.  ``written`` counts them.
    """

    def __init__(self, design: PackDesign) -> None:
        self.design = design
        self.most = design.at_once
        width = data.ArrayLayout(design.value_bits, design.lanes)
        super().__init__(
            {
                "enter": In(1),
                "values": In(width),
                "final": In(1),
                "last": In(1),
                "busy": Out(1),
                "written": Out(range(self.most + 1)),
                "target": Out(MapWrite(design)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        self.held = Signal((design.word_values - 1 + design.lanes) * design.value_bits)
        self.full = Signal(range(self.most + 1))  # full words in the register
        self.rest = Signal(range(design.word_values))  # values behind them
        self.flush = Signal()  # the last word has entered
        m.d.sync += [self.busy.eq(self.enter), self.flush.eq(self.enter & self.last)]
        self._write(m)
        self._take(m)
        return m

    def _write(self, m: Module) -> None:
        """Full words go out, behind the last word the rest too, and the next map begins at word 0."""
        words, width = self.most, self.design.word_bits
        padded = self.flush & (self.rest != 0)
        m.d.comb += [
            self.written.eq(self.full + padded),
            self.target.enable.eq(Cat(self.written > k for k in range(words))),
            *(self.target.data[k].eq(self.held[k * width : (k + 1) * width]) for k in range(words)),
        ]
        with m.If(self.flush):
            m.d.sync += self.target.address.eq(0)
        with m.Else():
            m.d.sync += self.target.address.eq(self.target.address + self.written)

    def _take(self, m: Module) -> None:
        """What was not written moves down, and a word that enters follows it."""
        design = self.design
        rest = wire(m, "rest_kept", Mux(self.flush, 0, self.rest))
        moved = _moved(m, "down", self.held, self.full, -design.word_bits)
        kept = wire(m, "kept", Mux(self.flush, 0, moved))
        entering = _moved(m, "up", self.values.as_value(), rest, design.value_bits)
        with m.If(self.enter):
            m.d.sync += self.held.eq(kept | entering)
            self._fill(m, rest)
        with m.Else():
            m.d.sync += [self.held.eq(kept), self.full.eq(0), self.rest.eq(rest)]

    def _fill(self, m: Module, rest: Value) -> None:
        """The new numbers of full words and values behind them: a word brings P values or those that are left."""
        design, width = self.design, self.design.word_values
        (words, values), (last_words, last_values) = divmod(design.lanes, width), divmod(design.left, width)
        total = wire(m, "total", rest + Mux(self.final, last_values, values))
        over = wire(m, "over", total >= width)
        m.d.sync += [
            self.full.eq(Mux(self.final, last_words, words) + over),
            self.rest.eq(Mux(over, total - width, total)),
        ]


def _moved(m: Module, name: str, value: Value, amount: Value, step: int) -> Value:
    """``value`` shifted by ``amount`` · ``step`` bits, to lower ones where ``step`` is negative: a barrel shifter."""
    for place in range(len(amount)):
        distance = abs(step) << place
        shifted = value << distance if step > 0 else value[distance:]
        value = wire(m, f"{name}_{place}", Mux(amount[place], shifted, value))
    return value

"""Counting the words of a layer's neurons: position by position, and a position's words one after the other."""

from __future__ import annotations

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.parts.signals import index_bits


class Walk(wiring.Component):
    """Shows one word until ``advance`` is high, from the next cycle on the one behind it; word 0 follows the last one.

    ``word`` is the number of 0 … ``positions`` · ``beats`` − 1, ``first`` and ``final`` say whether it is its
    position's, ``last`` whether it is the last of all, ``bank`` is ``word`` modulo ``banks``.
    """

    def __init__(self, *, positions: int, beats: int, banks: int = 1) -> None:
        self.words, self.beats, self.banks = positions * beats, beats, banks
        super().__init__(
            {
                "advance": In(1),
                "word": Out(index_bits(self.words)),
                "first": Out(1),
                "final": Out(1),
                "last": Out(1),
                "beat": Out(index_bits(beats)),
                "bank": Out(index_bits(banks)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.first.eq(self.beat == 0),
            self.final.eq(self.beat == self.beats - 1),
            self.last.eq(self.word == self.words - 1),
        ]
        with m.If(self.advance):
            self._count(m, self.word, self.last)
            self._count(m, self.beat, self.final)
            self._count(m, self.bank, self.last | (self.bank == self.banks - 1))
        return m

    def _count(self, m: Module, counter: Value, wrap: Value) -> None:
        with m.If(wrap):
            m.d.sync += counter.eq(0)
        with m.Else():
            m.d.sync += counter.eq(counter + 1)

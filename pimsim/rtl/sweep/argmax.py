"""Behind the classifier, docs/microarchitecture.md §4.7: the class with the largest sum, the lowest of equals."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.model.fixed_point import word_range
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.wires import wire


class _Candidate(NamedTuple):
    sum: Value
    lane: Value


class Argmax(wiring.Component):
    """In a cycle with ``enter`` the largest of a word's sums is found and registered at its end; in the cycle after,
    ``busy``, it is compared with the best of the words before.  ``winner`` shows it one cycle later.

    ``first`` and ``final`` mark the first and the last word of the classes, whose unused lanes do not count.
    """

    def __init__(self, design: SweepDesign) -> None:
        self.design = design
        self.word = Shape(design.neuron.output_bits, signed=True)
        super().__init__(
            {
                "enter": In(1),
                "values": In(data.ArrayLayout(self.word, design.lanes)),
                "first": In(1),
                "final": In(1),
                "busy": Out(1),
                "winner": Out(index_bits(design.neurons)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        largest, lane = Signal(self.word), Signal(index_bits(design.lanes))
        begins, base = Signal(), Signal(range((design.beats - 1) * design.lanes + 1))
        m.d.sync += self.busy.eq(self.enter)
        word = _largest(m, [self._candidate(lane) for lane in range(design.lanes)])
        with m.If(self.enter):
            m.d.sync += [largest.eq(word.sum), lane.eq(word.lane), begins.eq(self.first)]
            m.d.sync += base.eq(Mux(self.first, 0, base + design.lanes))
        best = Signal(self.word)
        with m.If(self.busy & (begins | (largest > best))):
            m.d.sync += [best.eq(largest), self.winner.eq(base + lane)]
        return m

    def _candidate(self, lane: int) -> _Candidate:
        """An unused lane is never larger than a used one, and behind it."""
        value = self.values[lane]
        if lane >= self.design.left_over:
            value = Mux(self.final, Const(word_range(self.word.width)[0], self.word), value)
        return _Candidate(value, Const(lane, index_bits(self.design.lanes)))


def _largest(m: Module, candidates: list[_Candidate]) -> _Candidate:
    """A tree of comparators; of equals the first."""
    if len(candidates) == 1:
        return candidates[0]
    middle = len(candidates) // 2
    left, right = _largest(m, candidates[:middle]), _largest(m, candidates[middle:])
    later = wire(m, "later", right.sum > left.sum)
    return _Candidate(
        wire(m, "sum", Mux(later, right.sum, left.sum)), wire(m, "lane", Mux(later, right.lane, left.lane))
    )

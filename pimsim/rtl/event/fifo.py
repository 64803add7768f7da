"""The FIFO between a scanner and an address generator, docs/microarchitecture.md §4.2."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.parts.signals import index_bits

FIFO_ACTIVITY = data.StructLayout({"fifo_push": 1, "fifo_pop": 1})
"""What a FIFO reports of a cycle."""


class Fifo(wiring.Component):
    """``depth`` entries; every output is what the registers hold at the start of the cycle.

    A push in cycle q raises ``level`` in q + 1, and its entry can be ``head`` then; a pop in p lowers it in p + 1.  So
    a full FIFO takes a push one cycle after a pop.  ``push`` needs ``ready``, ``pop`` needs ``available``.
    """

    def __init__(self, *, depth: int, entry: Shape | data.Layout) -> None:
        self._depth, self._shape = depth, entry
        super().__init__(
            {
                "push": In(1),
                "entry": In(entry),
                "ready": Out(1),
                "pop": In(1),
                "head": Out(entry),
                "available": Out(1),
                "level": Out(range(depth + 1)),
                "activity": Out(FIFO_ACTIVITY),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        newest = Signal(index_bits(self._depth))
        oldest = Signal(index_bits(self._depth))
        m.submodules.entries = entries = memory.Memory(shape=self._shape, depth=self._depth, init=[])
        write, read = entries.write_port(), entries.read_port(domain="comb")
        m.d.comb += [
            self.ready.eq(self.level != self._depth),
            self.available.eq(self.level != 0),
            Value.cast(write.data).eq(Value.cast(self.entry)),
            write.addr.eq(newest),
            write.en.eq(self.push),
            read.addr.eq(oldest),
            Value.cast(self.head).eq(Value.cast(read.data)),
            self.activity.fifo_push.eq(self.push),
            self.activity.fifo_pop.eq(self.pop),
        ]
        m.d.sync += self.level.eq(self.level + self.push - self.pop)
        with m.If(self.push):
            m.d.sync += newest.eq(self._behind(newest))
        with m.If(self.pop):
            m.d.sync += oldest.eq(self._behind(oldest))
        return m

    def _behind(self, place: Signal) -> Value:
        """The place that follows ``place`` around the ring."""
        return Mux(place == self._depth - 1, 0, place + 1)

"""The spike-map scanner of the scatter dataflow, docs/microarchitecture.md §4.1."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.parts.signals import ReadPort, index_bits

SCANNER_ACTIVITY = data.StructLayout(
    {"scanner_busy": 1, "scanner_stall": 1, "scanner_load": 1, "scanner_encode": 1, "spike_memory_read": 1}
)
"""What a scanner reports of a cycle; loads and reads are words, encodes events."""


class LowestBit(wiring.Component):
    """``index`` of the lowest set bit of ``word``, ``rest`` of the word without it; both 0 where none is set."""

    def __init__(self, width: int) -> None:
        self._width = width
        super().__init__({"word": In(width), "index": Out(index_bits(width)), "rest": Out(width)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        alone = Signal(self._width)
        m.d.comb += [alone.eq(self.word & (~self.word + 1)), self.rest.eq(self.word & ~alone)]
        for digit in range(len(self.index)):
            places = sum(1 << place for place in range(self._width) if place >> digit & 1)
            m.d.comb += self.index[digit].eq((alone & places).any())
        return m


class Scanner(wiring.Component):
    """Pushes the number of every set bit of a map of ``words`` words, lowest first.

    ``start`` in cycle 0 addresses word 0; from cycle 2 on the scan register holds a word.  Each cycle it pushes the
    lowest set bit (``push``, ``entry``), passes an empty word, or, holding an event while the FIFO is not ``ready``,
    waits.  ``scanned`` is high from the cycle behind the one that passed the last word, until the next ``start``.
    """

    def __init__(self, *, words: int, width: int, entry_bits: int) -> None:
        assert width & (width - 1) == 0, "bits of a word are numbered by wires"
        self._words, self._width = words, width
        super().__init__(
            {
                "start": In(1),
                "source": Out(ReadPort(depth=words, shape=unsigned(width))),
                "ready": In(1),
                "push": Out(1),
                "entry": Out(entry_bits),
                "scanned": Out(1),
                "activity": Out(SCANNER_ACTIVITY),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        holds, scan = Signal(), Signal(self._width)  # the scan register
        passes = Signal()
        m.submodules.lowest = lowest = LowestBit(self._width)
        empty = scan == 0
        m.d.comb += [
            lowest.word.eq(scan),
            self.push.eq(holds & ~empty & self.ready),
            passes.eq(holds & (empty | (self.ready & (lowest.rest == 0)))),
        ]
        word = self._read(m, holds, scan, passes)
        with m.If(self.push & ~passes):
            m.d.sync += scan.eq(lowest.rest)
        m.d.comb += [
            self.entry.eq(Cat(lowest.index[: (self._width - 1).bit_length()], word)),
            self.activity.scanner_busy.eq(passes | self.push),
            self.activity.scanner_stall.eq(holds & ~empty & ~self.ready),
            self.activity.scanner_encode.eq(self.push),
        ]
        return m

    def _read(self, m: Module, holds: Signal, scan: Signal, passes: Signal) -> Value:
        """From the map into the scan register; returns the number of the word that is in it."""
        following = Signal(range(self._words + 1))  # the next word to address
        read, scanned_word = Signal(index_bits(self._words)), Signal(index_bits(self._words))
        arrived, loads = Signal(), Signal()
        m.d.comb += [
            loads.eq(arrived & (~holds | passes)),
            self.source.enable.eq(self.start | (loads & (following != self._words))),
            self.source.address.eq(following & ~self.start.replicate(len(following))),
            self.activity.scanner_load.eq(loads),
            self.activity.spike_memory_read.eq(self.source.enable),
        ]
        with m.If(loads):
            m.d.sync += [scan.eq(self.source.data), scanned_word.eq(read), holds.eq(1), arrived.eq(0)]
        with m.Elif(passes):
            m.d.sync += [holds.eq(0), self.scanned.eq(1)]
        with m.If(self.source.enable):
            m.d.sync += [arrived.eq(1), read.eq(self.source.address), following.eq(self.source.address + 1)]
        with m.If(self.start):
            m.d.sync += self.scanned.eq(0)
        return scanned_word

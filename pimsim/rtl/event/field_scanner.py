"""The scanner of the gather dataflow: receptive field by receptive field, docs/microarchitecture.md §4.8."""

from __future__ import annotations

from math import prod

from amaranth.hdl import Cat, Const, Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.model.architecture import LayerShape
from pimsim.rtl.event.field_reads import FieldReads
from pimsim.rtl.event.scanner import SCANNER_ACTIVITY, LowestBit
from pimsim.rtl.parts.signals import ReadPort, index_bits


def entry_layout(shape: LayerShape) -> data.StructLayout:
    """What the FIFO holds: an event, or nothing but a place (``void``), and whether it is its position's ``last``."""
    return data.StructLayout({"event": index_bits(prod(shape.source_shape)), "void": 1, "last": 1})


class FieldFetch(wiring.Component):
    """Reads the words of every field, docs/microarchitecture.md §4.8 *Reads*.

    ``start`` in cycle 0 addresses read 0.  With ``arrived`` the memory's output holds ``word``, number ``number`` of
    the map, of which only the bits of the field's stretch are left; ``closes`` says that the field ends with it.  It is
    ``taken`` only then, and the next read, if there is one, is addressed in the same cycle.
    """

    def __init__(self, shape: LayerShape, scan_width: int) -> None:
        self._shape, self._width = shape, scan_width
        words = -(-prod(shape.source_shape) // scan_width)
        super().__init__(
            {
                "start": In(1),
                "source": Out(ReadPort(depth=words, shape=unsigned(scan_width))),
                "taken": In(1),
                "arrived": Out(1),
                "word": Out(scan_width),
                "number": Out(index_bits(words)),
                "closes": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.reads = reads = FieldReads(self._shape, self._width)
        left = Signal()  # reads of this step are left to be addressed
        low, high = Signal(reads.low.shape()), Signal(reads.high.shape())
        ones, unused = Const(-1, unsigned(self._width)), Signal(reads.high.shape())
        m.d.comb += [
            self.source.enable.eq(self.start | (self.taken & left)),
            self.source.address.eq(reads.word),
            reads.take.eq(self.source.enable),
            unused.eq(self._width - 1 - high),
            self.word.eq(self.source.data & (ones << low) & (ones >> unused)),
        ]
        with m.If(self.source.enable):
            m.d.sync += [self.number.eq(reads.word), low.eq(reads.low), high.eq(reads.high)]
            m.d.sync += [self.closes.eq(reads.closes), self.arrived.eq(1), left.eq(~reads.final)]
        with m.Elif(self.taken):
            m.d.sync += self.arrived.eq(0)
        return m


class FieldScanner(wiring.Component):
    """Pushes the events of every output position's field, in the order of its reads, and marks the last entry of each.

    ``start`` in cycle 0 addresses read 0; from cycle 2 on the scan register holds a word, masked to its stretch.  Each
    cycle it pushes the lowest set bit (``push``, ``entry``), or a void entry for an empty word that a position ends
    with; passes another empty word; or, with an entry to push while the FIFO is not ``ready``, waits.
    """

    def __init__(self, shape: LayerShape, scan_width: int) -> None:
        self._shape, self._width = shape, scan_width
        words = -(-prod(shape.source_shape) // scan_width)
        super().__init__(
            {
                "start": In(1),
                "source": Out(ReadPort(depth=words, shape=unsigned(scan_width))),
                "ready": In(1),
                "push": Out(1),
                "entry": Out(entry_layout(shape)),
                "activity": Out(SCANNER_ACTIVITY),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.fetch = fetch = FieldFetch(self._shape, self._width)
        m.submodules.lowest = lowest = LowestBit(self._width)
        wiring.connect(m, fetch.source, wiring.flipped(self.source))
        holds, scan, number, closes = Signal(), Signal(self._width), Signal(fetch.number.shape()), Signal()
        empty, ends, wants, passes = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            lowest.word.eq(scan),
            empty.eq(scan == 0),
            ends.eq(lowest.rest == 0),  # nothing is left in the word behind the lowest bit
            wants.eq(holds & (~empty | closes)),
            self.push.eq(wants & self.ready),
            passes.eq(holds & ends & (~wants | self.ready)),
            fetch.start.eq(self.start),
            fetch.taken.eq(fetch.arrived & (~holds | passes)),
            self.entry.event.eq(Cat(lowest.index, number)),
            self.entry.void.eq(empty),
            self.entry.last.eq(closes & ends),
        ]
        with m.If(fetch.taken):
            m.d.sync += [holds.eq(1), scan.eq(fetch.word), number.eq(fetch.number), closes.eq(fetch.closes)]
        with m.Elif(passes):
            m.d.sync += holds.eq(0)
        with m.Elif(self.push):
            m.d.sync += scan.eq(lowest.rest)
        m.d.comb += [
            self.activity.scanner_busy.eq(self.push | passes),
            self.activity.scanner_stall.eq(wants & ~self.ready),
            self.activity.scanner_encode.eq(self.push & ~empty),
            self.activity.scanner_load.eq(fetch.taken),
            self.activity.spike_memory_read.eq(self.source.enable),
        ]
        return m

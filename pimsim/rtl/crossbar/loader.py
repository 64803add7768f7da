"""The loader of a crossbar: from the source map to the row registers, docs/microarchitecture.md §5.3."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.address import ValueAddress
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.odometer import advanced, counts, digit_signals
from pimsim.rtl.parts.signals import ReadPort, index_bits
from pimsim.rtl.parts.wires import wire


class Loader(wiring.Component):
    """Reads ``readers`` values of the map per cycle, group of windows by group.

    ``begin``    a round begins: the first read of its first group is issued in this cycle
    ``round``    its number, held; in the cycle before ``begin`` at the latest
    ``take``     the shadow registers are given away at the end of this cycle (the swap σ); so the next group's first
                 read is issued in it
    ``ports``    a value each of the source map; ``first`` is where its maps' current one begins
    ``arrive``   values of a read issued in the cycle before: ``values``, z_x for those in the padding; ``arrive_last``
                 they are the group's last
    ``full``     the shadow registers hold a group: seen from the second cycle behind its last read on, until ``take``;
                 ``full_last``: it is a map's last group, which may be smaller
    ``read``     a read is issued (busy); ``stall``: it could go on with the next group but for the full shadow
    ``words``    words of the source memory that this cycle's values open: full words of values, group by group
    ``fetched``  values of this cycle; ``arrived``: those that arrive
    """

    def __init__(self, design: PimDesign) -> None:
        self.design = design
        self.most_words = -(-design.readers // design.word_values)
        value = unsigned(design.stored_bits)
        depth = design.passes * design.map_values
        super().__init__(
            {
                "begin": In(1),
                "round": In(index_bits(len(design.rounds))),
                "take": In(1),
                "ports": Out(ReadPort(depth=depth, shape=value)).array(design.readers),
                "arrive": Out(1),
                "arrive_last": Out(1),
                "values": Out(data.ArrayLayout(value, design.readers)),
                "full": Out(1),
                "full_last": Out(1),
                "read": Out(1),
                "stall": Out(1),
                "words": Out(self.most_words.bit_length()),
                "fetched": Out(design.readers.bit_length()),
                "arrived": Out(design.readers.bit_length()),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        self._sequence(m)
        self._groups(m)
        self._addresses(m)
        self._shadow(m)
        self._open_words(m)
        return m

    def _sequence(self, m: Module) -> None:
        """Reads of a group follow each other without a pause."""
        design = self.design
        self.last_group, self.last_map = Signal(), Signal()
        totals = [design.at_once * one.rows * design.pool for one in design.rounds]
        rests = [design.last_group * one.rows * design.pool for one in design.rounds]
        total = Mux(self.last_group, lookup(rests, self.round), lookup(totals, self.round))
        self.left = Signal(range(max(totals) + 1), init=totals[0] if design.groups > 1 else rests[0])
        self.reading, self.open = Signal(), Signal()
        self.last_read = wire(m, "last_read", self.read & (self.left <= design.readers))
        m.d.comb += [
            self.read.eq(self.begin | self.reading | (self.open & self.take)),
            self.stall.eq(self.open & ~self.read),
            self.fetched.eq(Mux(self.read, Mux(self.last_read, self.left, design.readers), 0)),
        ]
        m.d.sync += self.reading.eq(self.read & ~self.last_read)
        with m.If(self.read):
            m.d.sync += self.left.eq(self.left - design.readers)
        with m.Else():
            m.d.sync += self.left.eq(total)
        with m.If(self.begin):
            m.d.sync += self.open.eq(1)
        with m.If(self.last_read & self.last_group & self.last_map):
            m.d.sync += self.open.eq(0)

    def _groups(self, m: Module) -> None:
        """The group that is loaded, by its first window, and its map; counted on with its last read."""
        design = self.design
        sizes = design.window.out_size[::-1]
        self.window = digit_signals("window", sizes)
        group, number = Signal(range(design.groups)), Signal(range(design.passes))
        self.first = Signal(index_bits(design.passes * design.map_values))
        following = advanced(m, self.window, sizes, design.at_once)
        m.d.comb += [self.last_group.eq(group == design.groups - 1), self.last_map.eq(number == design.passes - 1)]
        with m.If(self.last_read):
            with m.If(self.last_group):
                m.d.sync += group.eq(0)
                counts(m, self.window, [Const(0) for _ in self.window])
                with m.If(self.last_map):
                    m.d.sync += [number.eq(0), self.first.eq(0)]
                with m.Else():
                    m.d.sync += [number.eq(number + 1), self.first.eq(self.first + design.map_values)]
            with m.Else():
                m.d.sync += group.eq(group + 1)
                counts(m, self.window, following)

    def _addresses(self, m: Module) -> None:
        """A reader beyond the group's last value reads nothing."""
        zero = Const(self.design.input_zero, self.design.stored_bits)
        for index in range(self.design.readers):
            place = ValueAddress(self.design, index)
            m.submodules[f"reader_{index}"] = place
            m.d.comb += [place.step.eq(self.read), place.round.eq(self.round)]
            m.d.comb += [getattr(place, f"window_{axis}").eq(digit) for axis, digit in enumerate(self.window)]
            port = self.ports[index]
            found = Signal(name=f"found_{index}")
            m.d.comb += [
                port.enable.eq(self.read & (self.left > index) & place.inside),
                port.address.eq(self.first + place.address),
                self.values[index].eq(Mux(found, port.data, zero)),
            ]
            m.d.sync += found.eq(port.enable)

    def _shadow(self, m: Module) -> None:
        m.d.sync += [self.arrive.eq(self.read), self.arrive_last.eq(self.last_read), self.arrived.eq(self.fetched)]
        arriving = Signal()  # the group whose values arrive is a map's last
        with m.If(self.read):
            m.d.sync += arriving.eq(self.last_group)
        with m.If(self.arrive_last):
            m.d.sync += [self.full.eq(1), self.full_last.eq(arriving)]
        with m.Elif(self.take):
            m.d.sync += self.full.eq(0)

    def _open_words(self, m: Module) -> None:
        """Values of an open word are taken before another one is opened."""
        width = self.design.word_values
        rest = Signal(range(width))
        opened = sum((self.fetched > rest + number * width for number in range(self.most_words)), start=Const(0, 1))
        m.d.comb += self.words.eq(opened)
        with m.If(self.last_read):
            m.d.sync += rest.eq(0)
        with m.Elif(self.read):
            m.d.sync += rest.eq(rest + self.words * width - self.fetched)

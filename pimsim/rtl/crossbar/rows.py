"""Row registers of a crossbar and the adders of a pool in front of them, docs/microarchitecture.md §5.3."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.parts.wires import wire


class PoolAdder(wiring.Component):
    """Sums of ``pool`` consecutive values of a stream that comes ``readers`` values at a time.

    In a cycle with ``arrive`` the values complete the sums ``sums``[0] … of the rows behind those that were complete
    (a last part of the stream, of ``arrived`` values, may complete fewer).  A sum that is not complete is kept.
    ``added``: values that join others.  ``arrive_last``: the stream starts anew behind this cycle.
    """

    def __init__(self, design: PimDesign) -> None:
        self.design = design
        self.most = -(-design.readers // design.pool)
        super().__init__(
            {
                "arrive": In(1),
                "arrive_last": In(1),
                "values": In(data.ArrayLayout(unsigned(design.stored_bits), design.readers)),
                "arrived": In(design.readers.bit_length()),
                "added": Out(range(design.readers + 1)),
                "sums": Out(data.ArrayLayout(unsigned(design.row_bits), self.most)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        pool, readers = design.pool, design.readers
        phase = Signal(range(pool))  # members of the open window that have come
        kept = Signal(design.row_bits)
        totals: list[Value] = []
        joins: list[Value] = []
        before: Value = kept
        for index in range(readers):
            opens = wire(m, "opens", phase == -index % pool)
            totals.append(wire(m, "total", Mux(opens, 0, before) + self.values[index])[: design.row_bits])
            before = totals[-1]
            joins.append(~opens & (index < self.arrived))
        m.d.comb += self.added.eq(sum(joins))
        with m.Switch(phase):
            for start in range(pool):
                with m.Case(start):
                    ends = range(pool - 1 - start, readers, pool)
                    m.d.comb += [self.sums[place].eq(totals[end]) for place, end in enumerate(ends)]
        with m.If(self.arrive_last):
            m.d.sync += [phase.eq(0), kept.eq(0)]
        with m.Elif(self.arrive):
            following = wire(m, "following", phase + readers % pool)
            m.d.sync += [phase.eq(Mux(following >= pool, following - pool, following)), kept.eq(before)]
        return m


class RowRegisters(wiring.Component):
    """Shadow and active registers of all rows of a group's windows, window by window.

    Values that ``arrive`` are in the shadow from the next cycle on; with ``take`` the shadow becomes active at the end
    of the cycle.  ``active`` has ``row_bits`` per row, whole slices.
    """

    def __init__(self, design: PimDesign) -> None:
        self.design = design
        super().__init__(
            {
                "arrive": In(1),
                "arrive_last": In(1),
                "values": In(data.ArrayLayout(unsigned(design.stored_bits), design.readers)),
                "arrived": In(design.readers.bit_length()),
                "take": In(1),
                "active": Out(design.loaded_rows * design.row_bits),
                "added": Out(range(design.readers + 1)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        sums, most = self._sums(m)
        # room behind the last row for what a last, partial read does not complete
        shadow = Signal((design.loaded_rows + most) * design.row_bits)
        read = Signal(range(design.reads))
        with m.If(self.arrive), m.Switch(read):
            for number in range(design.reads):
                with m.Case(number):  # rows that reads before this one have completed
                    first = number * design.readers // design.pool * design.row_bits
                    m.d.sync += shadow[first : first + len(sums)].eq(sums)
        with m.If(self.arrive):
            m.d.sync += read.eq(read + 1)
        with m.If(self.arrive_last):
            m.d.sync += read.eq(0)
        with m.If(self.take):
            m.d.sync += self.active.eq(shadow)
        return m

    def _sums(self, m: Module) -> tuple[Value, int]:
        """What the values add up to, row by row, and of how many rows at most."""
        design = self.design
        if design.pool == 1:
            rows = [self.values[index] for index in range(design.readers)]
            padded = Cat(*(Cat(row, Const(0, design.row_bits - design.stored_bits)) for row in rows))
            return padded, design.readers
        m.submodules.pool = pool = PoolAdder(design)
        m.d.comb += [
            pool.arrive.eq(self.arrive),
            pool.arrive_last.eq(self.arrive_last),
            pool.values.eq(self.values),
            pool.arrived.eq(self.arrived),
            self.added.eq(pool.added),
        ]
        return pool.sums.as_value(), pool.most

"""Rounds of a crossbar: its controller, and the rewriting of its arrays, docs/microarchitecture.md §5.1."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import ReadPort, index_bits
from pimsim.rtl.parts.wires import wire


class Rounds(wiring.Component):
    """One round after the other, from ``start`` to ``done``.

    ``start``   the evaluation's cycle 0
    ``ended``   the round's last word is being written
    ``begin``   the round's first read is issued in this cycle: that of ``start``, or, where arrays are rewritten, the
                one behind the last row's writing; ``round`` is its number
    ``done``    the hand-over cycle, behind the last write of all; ``busy`` from ``start`` until then

    Where arrays are rewritten a row is read from ``weights`` in every cycle, from the one of ``start`` or the one
    behind ``ended`` on, and written (``write``) in the cycle behind: row ``write_row`` of array ``write_array``.
    """

    def __init__(self, design: PimDesign) -> None:
        self.design = design
        ports = {
            "start": In(1),
            "ended": In(1),
            **{name: Out(1) for name in ("begin", "done", "busy")},
            "round": Out(index_bits(len(design.rounds))),
        }
        if design.reloaded:
            ports["weights"] = Out(ReadPort(depth=design.weight_words, shape=design.weight_bits))
            ports |= {"write": Out(1), "write_array": Out(range(design.tiles))}
            ports["write_row"] = Out(range(design.array.rows))
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        active, again = Signal(), Signal()
        last = wire(m, "last_round", self.round == len(design.rounds) - 1)
        m.d.sync += [self.done.eq(self.ended & last), again.eq(self.ended & ~last)]
        m.d.comb += self.busy.eq(self.start | active)
        with m.If(self.start):
            m.d.sync += active.eq(1)
        with m.Elif(self.done):
            m.d.sync += active.eq(0)
        with m.If(self.ended):
            m.d.sync += self.round.eq(Mux(last, 0, self.round + 1))
        if design.reloaded:
            self._reload(m, wire(m, "opens", self.start | again))
        else:
            m.d.comb += self.begin.eq(self.start)
        return m

    def _reload(self, m: Module, opens: Signal) -> None:
        """Tile by tile, row by row."""
        design = self.design
        reading, tile, row = Signal(), Signal(range(design.tiles)), Signal(range(design.array.rows))
        address = Signal(range(design.weight_words))
        numbers = [(number, index) for number in range(len(design.rounds)) for index in range(design.tiles)]
        rows = [_rows(design, *number) for number in numbers]
        tiles = [len(one.tiles) - 1 for one in design.rounds]
        read = wire(m, "read", opens | reading)
        last_row = wire(m, "last_row", row == lookup(rows, self.round * design.tiles + tile))
        last_tile = wire(m, "last_tile", tile == lookup(tiles, self.round))
        finished = wire(m, "finished", read & last_row & last_tile)
        written = Signal()  # the last row is being written
        m.d.comb += [self.weights.enable.eq(read), self.weights.address.eq(address)]
        m.d.sync += [
            reading.eq(read & ~finished),
            self.write.eq(read),
            self.write_array.eq(tile),
            self.write_row.eq(row),
            written.eq(finished),
            self.begin.eq(written),
        ]
        with m.If(read):
            last_word = address == design.weight_words - 1
            m.d.sync += [row.eq(Mux(last_row, 0, row + 1)), address.eq(Mux(last_word, 0, address + 1))]
            with m.If(last_row):
                m.d.sync += tile.eq(Mux(last_tile, Const(0), tile + 1))


def _rows(design: PimDesign, number: int, index: int) -> int:
    """Number of the last row of a round's tile; 0 for an array that it leaves alone."""
    tiles = design.rounds[number].tiles
    return tiles[index].rows - 1 if index < len(tiles) else 0

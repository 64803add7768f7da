"""The double-buffered map between two layers, docs/microarchitecture.md §3 and §8."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from pimsim.rtl.parts.design import PackDesign
from pimsim.rtl.parts.divide import Divide
from pimsim.rtl.parts.signals import MapWrite, ReadPort, index_bits
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.parts.wires import wire


class MapBuffer(wiring.Component):
    """``halves`` of ``maps`` maps each, as they are ``packed``: one is read while the other is written.

    ``write`` puts words of map ``write_map`` into half ``write_half``, as many in a cycle as a packer can have full;
    they follow each other, so they lie in as many SRAM side by side, word k in number k modulo theirs.  ``read`` takes
    words of map ``read_map`` out of half ``read_half``.
    """

    def __init__(self, name: str, packed: PackDesign, *, maps: int, halves: int = 2) -> None:
        self._words, self._maps, self._width = packed.words, maps, packed.word_bits
        self._total, self._at_once = halves * maps * packed.words, packed.at_once
        depth = -(-self._total // self._at_once)
        self.srams = [
            Sram(name if self._at_once == 1 else f"{name}_{k}", width=self._width, depth=depth)
            for k in range(self._at_once)
        ]
        number = index_bits(maps)
        super().__init__(
            {
                "write": In(MapWrite(packed)),
                "write_half": In(1),
                "write_map": In(number),
                "read": In(ReadPort(depth=self._words, shape=unsigned(self._width))),
                "read_half": In(1),
                "read_map": In(number),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for k, sram in enumerate(self.srams):
            m.submodules[f"sram_{k}"] = sram
        self._write(m)
        self._read(m)
        return m

    def _place(self, m: Module, name: str, half: Value, number: Value, address: Value) -> Divide:
        """Which of the SRAM holds the word, and where."""
        place = Divide(self._at_once, self._total)
        m.submodules[name] = place
        m.d.comb += place.number.eq((Mux(half, self._maps, 0) + number) * self._words + address)
        return place

    def _write(self, m: Module) -> None:
        """Word k goes to the k-th SRAM behind that of the first word; around the last of them, into the next row."""
        write, count = self.write, self._at_once
        first = self._place(m, "write_place", self.write_half, self.write_map, write.address)
        for k, sram in enumerate(self.srams):
            wraps = wire(m, f"wraps_{k}", first.remainder > k)
            which = Signal(index_bits(count), name=f"which_{k}")
            m.d.comb += [
                which.eq(k + Mux(wraps, count, 0) - first.remainder),
                sram.write_enable.eq(write.enable.bit_select(which, 1)),
                sram.write_address.eq(first.quotient + wraps),
                sram.write_data.eq(Array(write.data)[which]),
            ]

    def _read(self, m: Module) -> None:
        read = self.read
        place = self._place(m, "read_place", self.read_half, self.read_map, read.address)
        held = Signal.like(place.remainder)
        with m.If(read.enable):
            m.d.sync += held.eq(place.remainder)
        for k, sram in enumerate(self.srams):
            m.d.comb += [
                sram.read_enable.eq(read.enable & (place.remainder == k)),
                sram.read_address.eq(place.quotient),
            ]
        m.d.comb += read.data.eq(Array(sram.read_data for sram in self.srams)[held])

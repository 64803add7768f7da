"""The double-buffered map in front of a crossbar, docs/microarchitecture.md §5.3 and §8."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from pimsim.rtl.parts.design import PackDesign
from pimsim.rtl.parts.divide import Divide
from pimsim.rtl.parts.signals import MapWrite, ReadPort, index_bits


class ValueBuffer(wiring.Component):
    """``halves`` of ``maps`` maps each, as they are ``packed``; ``readers`` read a value each, wherever it lies.

    ``write`` is that of a `MapBuffer`.  A reader's address is that of a value among those of all maps of half
    ``read_half``.  As many addresses as values are what a crossbar's loader has been given (§5.3); no SRAM has them.
    """

    def __init__(self, packed: PackDesign, *, maps: int, readers: int, halves: int = 2) -> None:
        self._packed, self._maps, self._halves = packed, maps, halves
        value = ReadPort(depth=maps * packed.values, shape=unsigned(packed.value_bits))
        super().__init__(
            {
                "write": In(MapWrite(packed)),
                "write_half": In(1),
                "write_map": In(index_bits(maps)),
                "read": In(value).array(readers),
                "read_half": In(1),
                "read_map": In(index_bits(maps)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, words = Module(), self._packed.words
        content = memory.MemoryData(shape=self._packed.word_bits, depth=self._halves * self._maps * words, init=[])
        m.submodules.words = store = memory.Memory(content)
        first = Signal(range(content.depth))
        m.d.comb += first.eq((Mux(self.write_half, self._maps, 0) + self.write_map) * words)
        for k in range(len(self.write.enable)):
            port = store.write_port()
            m.d.comb += [
                port.en.eq(self.write.enable[k]),
                port.addr.eq(first + self.write.address + k),
                port.data.eq(self.write.data[k]),
            ]
        for number in range(len(self.read)):
            self._reader(m, number, store.read_port())
        return m

    def _reader(self, m: Module, number: int, port: memory.ReadPort) -> None:
        """Map, word of the map, and place in the word."""
        packed, read = self._packed, self.read[number]
        of_map = Divide(packed.values, self._maps * packed.values)
        of_word = Divide(packed.word_values, packed.values)
        m.submodules[f"map_{number}"], m.submodules[f"word_{number}"] = of_map, of_word
        place = Signal.like(of_word.remainder)
        first = (Mux(self.read_half, self._maps, 0) + of_map.quotient) * packed.words
        m.d.comb += [
            of_map.number.eq(read.address),
            of_word.number.eq(of_map.remainder),
            port.en.eq(read.enable),
            port.addr.eq(first + of_word.quotient),
            read.data.eq(port.data.word_select(place, packed.value_bits)),
        ]
        with m.If(read.enable):
            m.d.sync += place.eq(of_word.remainder)

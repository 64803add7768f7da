"""SRAM buffers: the one place where memories are made, so that a technology's macros can take their place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from amaranth.hdl import ClockSignal, Instance, Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.parts.signals import index_bits

SLICE_BITS = 1024
"""Of a word that one memory of the simulator holds: it evaluates a write bit by bit, in one nested expression."""


class Sram(wiring.Component):
    """``depth`` words of ``width`` bits, synchronous read and write (docs/microarchitecture.md §1).

    ``ports`` 2: a read and a write port; a read in the cycle of a write to the same word has the old data.
    ``ports`` 1: one access per cycle, the write wins.  ``asynchronous``: data follow the address in the same cycle (a
    pipeline of one stage).  Read data are held until the next read.  ``name`` is the buffer's, unique in a design, and
    names the file of the initial content ``init`` where Verilog is emitted; without content it holds zeros.
    """

    def __init__(
        self, name: str, *, width: int, depth: int, ports: int = 2, asynchronous: bool = False, init: Iterable[int] = ()
    ) -> None:
        self.name, self.width, self.depth, self.ports, self.asynchronous = name, width, depth, ports, asynchronous
        self.init = tuple(init)
        assert ports == 2 or not asynchronous
        self.slices = [
            memory.MemoryData(shape=bits, depth=depth, init=[word >> low & (1 << bits) - 1 for word in self.init])
            for low, bits in self._cuts()
        ]
        address = index_bits(depth)
        super().__init__(
            {
                "read_enable": In(1),
                "read_address": In(address),
                "read_data": Out(width),
                "write_enable": In(1),
                "write_address": In(address),
                "write_data": In(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if isinstance(platform, Macros):
            m.submodules.macro = platform.macro(self)
            return m
        single = self.ports == 1
        address = Mux(self.write_enable, self.write_address, self.read_address) if single else self.read_address
        enable = self.read_enable & ~self.write_enable if single else self.read_enable
        for (low, bits), content in zip(self._cuts(), self.slices, strict=True):
            m.submodules[f"bits_{low}"] = store = memory.Memory(content)
            write = store.write_port()
            read = store.read_port(domain="comb" if self.asynchronous else "sync")
            m.d.comb += [
                write.en.eq(self.write_enable),
                write.addr.eq(self.write_address),
                write.data.eq(self.write_data[low : low + bits]),
                read.addr.eq(address),
                self.read_data[low : low + bits].eq(read.data),
            ]
            if not self.asynchronous:
                m.d.comb += read.en.eq(enable)
        return m

    def _cuts(self) -> list[tuple[int, int]]:
        """Lowest bit and width of every slice of a word."""
        return [(low, min(SLICE_BITS, self.width - low)) for low in range(0, self.width, SLICE_BITS)]

    @property
    def memory(self) -> memory.MemoryData:
        """The content, where one slice holds a word."""
        (content,) = self.slices
        return content


class Content(Protocol):
    """Words of ``width`` bits that a memory of this name starts with."""

    name: str
    width: int

    @property
    def init(self) -> tuple[int, ...]: ...


class Macros:
    """A platform on which every `Sram` is an instance of the module ``pimsim_sram``, to be replaced by macros.

    ``contents`` collects, by name, the initial content of each buffer that has one.  Crossbar arrays, which are SRAM
    as well, are instances of ``pimsim_array`` and leave their content here too.
    """

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}

    def macro(self, sram: Sram) -> Instance:
        content = {"p_FILE": f"{sram.name}.hex"} if sram.init else {}
        if content:
            self.contents[sram.name] = sram
        return Instance(
            "pimsim_sram",
            p_WIDTH=sram.width,
            p_DEPTH=sram.depth,
            p_ADDRESS=index_bits(sram.depth),
            p_PORTS=sram.ports,
            p_ASYNCHRONOUS=int(sram.asynchronous),
            **content,
            i_clk=ClockSignal(),
            i_read_enable=sram.read_enable,
            i_read_address=sram.read_address,
            o_read_data=sram.read_data,
            i_write_enable=sram.write_enable,
            i_write_address=sram.write_address,
            i_write_data=sram.write_data,
        )

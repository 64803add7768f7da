"""Buffers in banks, docs/microarchitecture.md §3 and §4.4: word k of N banks is word ⌊k / N⌋ of bank k modulo N."""

from __future__ import annotations

from amaranth.hdl import Array, Assert, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, Signature

from pimsim.rtl.parts.divide import Divide
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.sram import Macros, Sram


class BufferPort(Signature):
    """A read and a write of a buffer in one cycle, seen from the unit that does them; read data as of `ReadPort`."""

    def __init__(self, *, depth: int, width: int) -> None:
        address = index_bits(depth)
        super().__init__(
            {
                "read_enable": Out(1),
                "read_address": Out(address),
                "read_data": In(width),
                "write_enable": Out(1),
                "write_address": Out(address),
                "write_data": Out(width),
            }
        )


class BankedMemory(wiring.Component):
    """``depth`` words in ``banks`` of ``ports`` each; ``accessed`` has a bit per bank that serves a read or a write.

    Who uses it keeps reads out of a bank with one port that is written, which a simulation checks in every cycle.
    ``asynchronous`` as of `Sram`.
    """

    def __init__(
        self, name: str, *, width: int, depth: int, banks: int, ports: int, asynchronous: bool = False
    ) -> None:
        self._depth, self._banks, self._ports = depth, banks, ports
        self.srams = [
            Sram(
                name if banks == 1 else f"{name}_{bank}",
                width=width,
                depth=-(-depth // banks),
                ports=ports,
                asynchronous=asynchronous,
            )
            for bank in range(banks)
        ]
        self._asynchronous = asynchronous
        super().__init__({"port": In(BufferPort(depth=depth, width=width)), "accessed": Out(banks)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        read, write = Divide(self._banks, self._depth), Divide(self._banks, self._depth)
        m.submodules.read_bank, m.submodules.write_bank = read, write
        m.d.comb += [read.number.eq(self.port.read_address), write.number.eq(self.port.write_address)]
        for bank, sram in enumerate(self.srams):
            m.submodules[f"bank_{bank}"] = sram
            m.d.comb += [
                sram.read_enable.eq(self.port.read_enable & (read.remainder == bank)),
                sram.read_address.eq(read.quotient),
                sram.write_enable.eq(self.port.write_enable & (write.remainder == bank)),
                sram.write_address.eq(write.quotient),
                sram.write_data.eq(self.port.write_data),
                self.accessed[bank].eq(sram.read_enable | sram.write_enable),
            ]
            if self._ports == 1 and not isinstance(platform, Macros):
                m.d.sync += Assert(~(sram.read_enable & sram.write_enable), "a bank with one port is read and written")
        m.d.comb += self.port.read_data.eq(self._chosen(m, read.remainder))
        return m

    def _chosen(self, m: Module, bank: Signal) -> Signal:
        """Data of the bank that was read last, or without a clock of the one that is addressed."""
        outputs = Array(sram.read_data for sram in self.srams)
        if self._asynchronous or self._banks == 1:
            return outputs[bank]
        held = Signal.like(bank, name="read_bank_held")
        with m.If(self.port.read_enable):
            m.d.sync += held.eq(bank)
        return outputs[held]


class SharedMemory(wiring.Component):
    """A `BankedMemory` that lanes and sweep use in turn: the lanes unless ``sweeping``.

    The sweep's read data follow its address by a cycle even where the lanes' do not; who has not its turn sees zeros,
    and nothing of it toggles.  ``read`` and ``write`` say that a word is accessed, ``accessed`` in which banks.
    """

    def __init__(
        self, name: str, *, width: int, depth: int, banks: int, ports: int, asynchronous: bool = False
    ) -> None:
        self._asynchronous, self._port = asynchronous, BufferPort(depth=depth, width=width)
        self.words = BankedMemory(name, width=width, depth=depth, banks=banks, ports=ports, asynchronous=asynchronous)
        users = {"lanes": In(self._port), "sweep": In(self._port), "sweeping": In(1)}
        super().__init__({**users, "accessed": Out(banks), "read": Out(1), "write": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.words = self.words
        inner = self.words.port
        for name, member in self._port.members.items():
            if member.flow is Out:
                chosen = Mux(self.sweeping, getattr(self.sweep, name), getattr(self.lanes, name))
                m.d.comb += getattr(inner, name).eq(chosen)
        m.d.comb += [
            self.accessed.eq(self.words.accessed),
            self.read.eq(inner.read_enable),
            self.write.eq(inner.write_enable),
        ]
        read = inner.read_data
        if self._asynchronous:
            read = Signal.like(inner.read_data, name="read_data_held")
            with m.If(self.sweep.read_enable):
                m.d.sync += read.eq(inner.read_data)
        with m.If(self.sweeping):
            m.d.comb += self.sweep.read_data.eq(read)
        with m.Else():
            m.d.comb += self.lanes.read_data.eq(inner.read_data)
        return m

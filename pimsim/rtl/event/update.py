"""A pipeline that changes words of a memory in place, docs/microarchitecture.md §4.4."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.membranes import BufferPort
from pimsim.rtl.parts.divide import Divide
from pimsim.rtl.parts.signals import index_bits


class Update(wiring.Component):
    """Words addressed in stage 1, changed in stage 2 and written in stage ``depth`` (all in stage 1 for depth 1).

    A beat on the word ``address`` enters with ``issue`` and is in stage k in the k-th cycle behind.  ``clash`` says of
    ``address``, whether issued or not, that it may not enter in this cycle: without ``forwarding`` because a beat on
    its word is in stages 1 … depth − 1, with a single port because the beat in stage depth − 1 will write to its bank
    when this one reads.  While a beat is in the stage that ``changes`` its word, ``result`` has to be what becomes of
    ``operand``, the word as all older beats leave it: with ``forwarding`` from the youngest that is still in the
    pipeline.  A stage's registers load with a beat only.
    """

    def __init__(self, *, words: int, width: int, depth: int, forwarding: bool, ports: int, banks: int) -> None:
        assert ports == 2 or depth > 1
        self._words, self._width, self._depth = words, width, depth
        self._forwarding, self._ports, self._banks = forwarding, ports, banks
        super().__init__(
            {
                "issue": In(1),
                "address": In(index_bits(words)),
                "clash": Out(1),
                "memory": Out(BufferPort(depth=words, width=width)),
                "changes": Out(1),
                "operand": Out(width),
                "result": In(width),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        stages = range(1, self._depth + 1)
        self._valid = {k: Signal(name=f"valid_{k}") for k in stages}
        self._at = {k: Signal.like(self.address, name=f"at_{k}") for k in stages}
        self._value: dict[int, Signal] = {2: self.result} | {
            k: Signal(self._width, name=f"value_{k}") for k in stages if k > 2
        }
        self._pass_on(m)
        m.d.comb += [
            self.changes.eq(self._valid[min(2, self._depth)]),
            self.memory.read_enable.eq(self._valid[1]),
            self.memory.read_address.eq(self._at[1]),
            self.operand.eq(self._operand(m)),
            self.memory.write_enable.eq(self._valid[self._depth]),
            self.memory.write_address.eq(self._at[self._depth]),
            self.memory.write_data.eq(self._value[max(2, self._depth)]),
            self.clash.eq(self._waits_for_word() | self._waits_for_port(m)),
        ]
        return m

    def _pass_on(self, m: Module) -> None:
        """Every stage takes over what the one before it holds; the pipeline never stops."""
        m.d.sync += self._valid[1].eq(self.issue)
        with m.If(self.issue):
            m.d.sync += self._at[1].eq(self.address)
        for stage in range(2, self._depth + 1):
            m.d.sync += self._valid[stage].eq(self._valid[stage - 1])
            with m.If(self._valid[stage - 1]):
                m.d.sync += self._at[stage].eq(self._at[stage - 1])
                if stage > 2:
                    m.d.sync += self._value[stage].eq(self._value[stage - 1])

    def _operand(self, m: Module) -> Value:
        """What is changed: the memory's output, or what was forwarded while stage 1 read."""
        if not self._forwarding or self._depth == 1:
            return self.memory.read_data
        forwarded, value = Signal(), Signal(self._width, name="forwarded_value")
        m.d.sync += forwarded.eq(0)
        for stage in range(self._depth, 1, -1):  # the youngest has the last word
            with m.If(self._valid[1] & self._valid[stage] & (self._at[stage] == self._at[1])):
                m.d.sync += [forwarded.eq(1), value.eq(self._value[stage])]
        return Mux(forwarded, value, self.memory.read_data)

    def _waits_for_word(self) -> Value:
        if self._forwarding:
            return Const(0)
        older = [self._valid[k] & (self._at[k] == self.address) for k in range(1, self._depth)]
        return reduce(or_, older, Const(0))

    def _waits_for_port(self, m: Module) -> Value:
        if self._ports == 2:
            return Const(0)
        m.submodules.bank = bank = Divide(self._banks, self._words)
        m.d.comb += bank.number.eq(self.address)
        banks = {k: Signal.like(bank.remainder, name=f"bank_{k}") for k in range(1, self._depth)}
        m.d.sync += banks[1].eq(bank.remainder)
        m.d.sync += [banks[k].eq(banks[k - 1]) for k in range(2, self._depth)]
        return self._valid[self._depth - 1] & (banks[self._depth - 1] == bank.remainder)

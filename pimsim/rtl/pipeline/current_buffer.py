"""The first layer's current memory in a pipeline, docs/microarchitecture.md §8."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, Signature

from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.sweep.opening import opening_port

WRITE = ("write_enable", "write_address", "write_data")


class FrontPort(Signature):
    """The engine that forms the first layer's sums, seen from the pipeline.

    ``start`` begins a sample, ``done`` is high in the hand-over cycle of its sums; ``write_*`` writes them to the
    current memory, ``earlier`` reads it where sums are added to in parts.
    """

    def __init__(self, sweep: SweepDesign) -> None:
        word = sweep.lanes * sweep.current_bits
        super().__init__(
            {
                "start": Out(1),
                "done": In(1),
                "write_enable": In(1),
                "write_address": In(index_bits(sweep.words)),
                "write_data": In(word),
                "earlier": In(opening_port(sweep)),
            }
        )


class CurrentBuffer(wiring.Component):
    """The current memory in two halves: one is written, and read back, while the other is swept.

    Where both are full, both sides point at the same half, and the one in front waits.
    """

    def __init__(self, sweep: SweepDesign) -> None:
        width = sweep.lanes * sweep.current_bits
        self.halves = [Sram(f"current_memory_{half}", width=width, depth=sweep.words) for half in range(2)]
        front = FrontPort(sweep).members
        written = {name: front[name] for name in (*WRITE, "earlier")}
        super().__init__({**written, "write_half": In(1), "read_half": In(1), "currents": In(opening_port(sweep))})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for half, sram in enumerate(self.halves):
            m.submodules[f"half_{half}"] = sram
            swept = self.currents.enable & (self.read_half == half)
            m.d.comb += [
                sram.write_enable.eq(self.write_enable & (self.write_half == half)),
                sram.write_address.eq(self.write_address),
                sram.write_data.eq(self.write_data),
                sram.read_enable.eq(swept | (self.earlier.enable & (self.write_half == half))),
                sram.read_address.eq(Mux(swept, self.currents.address, self.earlier.address)),
            ]
        data = Array(sram.read_data for sram in self.halves)
        m.d.comb += [self.earlier.data.eq(data[self.write_half]), self.currents.data.eq(data[self.read_half])]
        return m

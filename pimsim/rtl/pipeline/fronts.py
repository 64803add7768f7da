"""Engines in front of a simulated pipeline: they form the first layer's sums, sample after sample."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from pimsim.rtl.crossbar.core import PimCore
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.place import PimContent
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.pipeline.current_buffer import WRITE, FrontPort


class _Front(wiring.Component):
    """Works on one sample after the other: the k-th ``start`` is that of sample k."""

    def __init__(self, sweep: SweepDesign) -> None:
        super().__init__({"port": In(FrontPort(sweep))})

    def _counted(self, m: Module, step: int) -> Value:
        """``step`` times the number of the sample at work."""
        base = Signal(48)
        with m.If(self.port.done):
            m.d.sync += base.eq(base + step)
        return base


class PimFront(_Front):
    """A bit-serial crossbar with the codes of all samples, ``values``, and its weights."""

    def __init__(self, sweep: SweepDesign, design: PimDesign, content: PimContent, values: Sequence[int]) -> None:
        super().__init__(sweep)
        self.core, self._design, self._rows = PimCore(design, content), design, content.rows
        self._values = memory.MemoryData(shape=design.stored_bits, depth=len(values), init=values)

    def elaborate(self, _platform: object) -> Module:
        m, core, port = Module(), self.core, self.port
        m.submodules.core = core
        m.d.comb += [
            core.start.eq(port.start),
            port.done.eq(core.done),
            *(Value.cast(getattr(port, name)).eq(getattr(core, name)) for name in WRITE),
        ]
        if hasattr(core, "earlier"):
            m.d.comb += [
                port.earlier.enable.eq(core.earlier.enable),
                port.earlier.address.eq(core.earlier.address),
                core.earlier.data.eq(port.earlier.data),
            ]
        self._feed(m)
        return m

    def _feed(self, m: Module) -> None:
        core, base = self.core, self._counted(m, self._design.map_values)
        m.submodules.input_memory = codes = memory.Memory(self._values)
        for reader in core.source:
            read = codes.read_port()
            m.d.comb += [read.en.eq(reader.enable), read.addr.eq(base + reader.address), reader.data.eq(read.data)]
        if not self._design.reloaded:
            return
        m.submodules.weight_memory = rows = Sram(
            "weight_memory", width=self._design.weight_bits, depth=self._design.weight_words, init=self._rows
        )
        m.d.comb += [
            rows.read_enable.eq(core.weights.enable),
            rows.read_address.eq(core.weights.address),
            core.weights.data.eq(rows.read_data),
        ]


class RecordedFront(_Front):
    """In the place of an engine that is not described: ``sums`` of all samples as words, each sample's written one per
    cycle, and handed over after ``cycles``."""

    def __init__(self, sweep: SweepDesign, sums: Sequence[int], cycles: int) -> None:
        super().__init__(sweep)
        assert cycles > sweep.words
        self._words, self._cycles = sweep.words, cycles
        self._sums = memory.MemoryData(shape=sweep.lanes * sweep.current_bits, depth=len(sums), init=sums)

    def elaborate(self, _platform: object) -> Module:
        m, port = Module(), self.port
        m.submodules.sums = store = memory.Memory(self._sums)
        read, base = store.read_port(domain="comb"), self._counted(m, self._words)
        running, cycle = Signal(), Signal(range(self._cycles))
        m.d.comb += [
            read.addr.eq(base + cycle),
            port.write_enable.eq((port.start | running) & (cycle < self._words)),
            port.write_address.eq(cycle),
            port.write_data.eq(read.data),
            port.done.eq(running & (cycle == self._cycles - 1)),
        ]
        with m.If(port.done):
            m.d.sync += [running.eq(0), cycle.eq(0)]
        with m.Elif(port.start | running):
            m.d.sync += [running.eq(1), cycle.eq(cycle + 1)]
        return m


Front = PimFront | RecordedFront

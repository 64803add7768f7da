"""What stands around a crossbar while it is simulated: memories, a sequencer of evaluations, recorders."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out

from pimsim.rtl.observe import METER_BITS, Meter
from pimsim.rtl.pim import PimCore
from pimsim.rtl.pim_design import PimDesign
from pimsim.rtl.pim_place import PimContent
from pimsim.rtl.sram import Sram


class PimBench(wiring.Component):
    """Evaluates a layer's sums again and again, one evaluation behind the other.

    ``values`` are those of all source maps in order, ``passes`` maps per evaluation.  It begins by itself in the first
    cycle; ``over`` follows the last evaluation, ``stuck`` says that one took more than ``patience`` cycles.
    `currents` and `cycles` record what is seen: the words that an evaluation leaves in the current memory, and its
    cycles.
    """

    def __init__(self, design: PimDesign, content: PimContent, values: Sequence[int], patience: int) -> None:
        self._design, self._patience = design, patience
        self.runs = len(values) // (design.passes * design.map_values)
        self.core = PimCore(design, content)
        self.meter = Meter(self.core.activity.shape())
        self.current = Sram("current_memory", width=design.sum_bits, depth=design.sum_words)
        self.weights: Sram | None = None
        if design.reloaded:
            self.weights = Sram("weight_memory", width=design.weight_bits, depth=design.weight_words, init=content.rows)
        self.source = memory.MemoryData(shape=design.stored_bits, depth=len(values), init=values)
        self.currents = memory.MemoryData(shape=design.sum_bits, depth=self.runs * design.sum_words, init=[])
        self.cycles = memory.MemoryData(shape=METER_BITS, depth=self.runs, init=[])
        super().__init__({"over": Out(1), "stuck": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core, m.submodules.meter = self.core, self.meter
        run = Signal(range(self.runs + 1))
        m.d.comb += self.meter.activity.eq(self.core.activity)
        self._sequence(m, run)
        self._feed(m, run)
        self._sums(m, run)
        return m

    def _sequence(self, m: Module, run: Signal) -> None:
        """Starts an evaluation in the cycle behind the one before, and counts its cycles."""
        core, starts, cycle = self.core, Signal(init=1), Signal(METER_BITS)
        m.d.comb += core.start.eq(starts)
        m.d.sync += [starts.eq(0), cycle.eq(cycle + 1), self.stuck.eq(self.stuck | (cycle > self._patience))]
        with m.If(core.done):
            m.d.sync += [cycle.eq(0), run.eq(run + 1)]
            m.d.sync += [starts.eq(run != self.runs - 1), self.over.eq(run == self.runs - 1)]
        m.submodules.cycles = store = memory.Memory(self.cycles)
        port = store.write_port()
        m.d.comb += [port.en.eq(core.done), port.addr.eq(run), port.data.eq(cycle + 1)]

    def _feed(self, m: Module, run: Signal) -> None:
        """Every reader has a port of its own to the maps of all evaluations."""
        core, values = self.core, self._design.passes * self._design.map_values
        m.submodules.source = source = memory.Memory(self.source)
        for reader in core.source:
            port = source.read_port()
            m.d.comb += [
                port.en.eq(reader.enable),
                port.addr.eq(run * values + reader.address),
                reader.data.eq(port.data),
            ]
        if self.weights is not None:
            m.submodules.weight_memory = self.weights
            m.d.comb += [
                self.weights.read_enable.eq(core.weights.enable),
                self.weights.read_address.eq(core.weights.address),
                core.weights.data.eq(self.weights.read_data),
            ]

    def _sums(self, m: Module, run: Signal) -> None:
        """The current memory, and a copy of what each evaluation writes to it."""
        core, current = self.core, self.current
        m.submodules.current_memory = current
        m.submodules.currents = store = memory.Memory(self.currents)
        copy = store.write_port()
        m.d.comb += [
            current.write_enable.eq(core.write_enable),
            current.write_address.eq(core.write_address),
            current.write_data.eq(core.write_data),
            copy.en.eq(core.write_enable),
            copy.addr.eq(run * self._design.sum_words + core.write_address),
            copy.data.eq(core.write_data),
        ]
        if hasattr(core, "earlier"):
            m.d.comb += [
                current.read_enable.eq(core.earlier.enable),
                current.read_address.eq(core.earlier.address),
                core.earlier.data.eq(current.read_data),
            ]

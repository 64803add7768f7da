"""What stands around an event core while it is simulated: memories, a sequencer of steps, recorders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out

from pimsim.rtl.design import EventDesign
from pimsim.rtl.gather import GatherCore
from pimsim.rtl.observe import METER_BITS, Meter
from pimsim.rtl.scatter import ScatterCore
from pimsim.rtl.signals import index_bits
from pimsim.rtl.sram import Sram

Core = ScatterCore | GatherCore


class EventBench(wiring.Component):
    """Runs ``steps`` steps of each of a number of inferences, one behind the other.

    ``weights`` and ``maps`` are the words of the weight memory and of all source maps in order.  It begins by itself
    in the first cycle; ``over`` follows the last step, ``stuck`` says that a step took more than ``patience`` cycles.
    `membranes`, `target` and `cycles` record what is seen, a row or a stretch per step; `winners` one per inference.
    """

    def __init__(
        self, design: EventDesign, weights: Sequence[int], maps: Sequence[int], steps: int, patience: int
    ) -> None:
        self._design, self._steps, self._patience = design, steps, patience
        self.runs = runs = len(maps) // design.map_words
        sweep = design.sweep
        self.core: Core = core_of(design)
        self.meter = Meter(self.core.activity.shape())
        self.weights = Sram(
            "weight_memory",
            width=design.lanes * design.weight_bits,
            depth=design.weight_words,
            ports=2,
            asynchronous=design.pipeline_depth == 1,
            init=weights,
        )
        self.source = memory.MemoryData(shape=design.scan_width, depth=len(maps), init=maps)
        width = sweep.lanes * sweep.neuron.accumulator_bits
        self.membranes = memory.MemoryData(shape=width, depth=runs * sweep.words, init=[])
        self.target = memory.MemoryData(shape=max(1, sweep.word_bits), depth=runs * max(1, sweep.output_words), init=[])
        self.winners = memory.MemoryData(shape=index_bits(sweep.neurons), depth=runs, init=[])
        self.cycles = memory.MemoryData(shape=METER_BITS, depth=runs, init=[])
        super().__init__({"over": Out(1), "stuck": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core, m.submodules.meter, m.submodules.weight_memory = self.core, self.meter, self.weights
        run = Signal(range(self.runs + 1))
        self._sequence(m, run)
        self._feed(m, run)
        self._record(m, run)
        m.d.comb += self.meter.activity.eq(self.core.activity)
        return m

    def _sequence(self, m: Module, run: Signal) -> None:
        """Starts a step in the cycle behind the one before, and counts its cycles."""
        core, starts, cycle, step = self.core, Signal(init=1), Signal(METER_BITS), Signal(range(self._steps + 1))
        m.d.comb += [core.start.eq(starts), core.last.eq(step == self._steps - 1)]
        m.d.sync += [starts.eq(0), cycle.eq(cycle + 1), self.stuck.eq(self.stuck | (cycle > self._patience))]
        with m.If(core.done):
            m.d.sync += [cycle.eq(0), run.eq(run + 1), step.eq(step + 1)]
            with m.If(core.last):
                m.d.sync += step.eq(0)
            m.d.sync += [starts.eq(run != self.runs - 1), self.over.eq(run == self.runs - 1)]
        self._recorder(m, "cycles", self.cycles, core.done, run, cycle + 1)

    def _feed(self, m: Module, run: Signal) -> None:
        """The maps of all steps lie behind each other in one memory; that of the step is read."""
        core = self.core
        m.submodules.source = source = memory.Memory(self.source)
        read = source.read_port()
        m.d.comb += [
            read.en.eq(core.source.enable),
            read.addr.eq(run * self._design.map_words + core.source.address),
            core.source.data.eq(read.data),
            self.weights.read_enable.eq(core.weights.enable),
            self.weights.read_address.eq(core.weights.address),
            core.weights.data.eq(self.weights.read_data),
        ]

    def _record(self, m: Module, run: Signal) -> None:
        core, sweep = self.core, self._design.sweep
        place = run * sweep.words + core.probe.word
        self._recorder(m, "membranes", self.membranes, core.probe.valid, place, core.probe.membrane.as_value())
        if not sweep.word_values:
            self._recorder(m, "winners", self.winners, core.done, run, core.winner)
            return
        m.submodules.target = target = memory.Memory(self.target)
        for index in range(len(core.target.enable)):
            port = target.write_port()
            m.d.comb += [
                port.en.eq(core.target.enable[index]),
                port.addr.eq(run * sweep.output_words + core.target.address + index),
                port.data.eq(core.target.data[index]),
            ]

    @staticmethod
    def _recorder(m: Module, name: str, content: memory.MemoryData, enable: Any, place: Any, value: Any) -> None:
        m.submodules[name] = store = memory.Memory(content)
        port = store.write_port()
        m.d.comb += [port.en.eq(enable), port.addr.eq(place), port.data.eq(value)]


def core_of(design: EventDesign) -> Core:
    """The core of the layer's dataflow."""
    return GatherCore(design) if design.gather else ScatterCore(design)

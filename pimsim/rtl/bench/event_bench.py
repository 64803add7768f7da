"""What stands around an event core while it is simulated: weights and source maps."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import memory

from pimsim.rtl.bench.step_bench import StepBench, connect_memory
from pimsim.rtl.event.core import event_core
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.sram import Sram


class EventBench(StepBench):
    """A `StepBench` of an event core; ``weights`` and ``maps`` are the words of the weight memory and of all source
    maps in order."""

    def __init__(
        self, design: EventDesign, weights: Sequence[int], maps: Sequence[int], steps: int, patience: int
    ) -> None:
        self._design = design
        self.weights = weight_memory(design, weights)
        self.source = memory.MemoryData(shape=design.scan_width, depth=len(maps), init=maps)
        runs = len(maps) // design.map_words
        super().__init__(event_core(design), design.sweep, runs=runs, steps=steps, patience=patience)

    def _feed(self, m: Module, run: Signal) -> None:
        """The maps of all steps lie behind each other in one memory; that of the step is read."""
        core = self.core
        m.submodules.source = source = memory.Memory(self.source)
        read = source.read_port()
        m.d.comb += [
            read.en.eq(core.source.enable),
            read.addr.eq(run * self._design.map_words + core.source.address),
            core.source.data.eq(read.data),
        ]
        connect_memory(m, "weight_memory", self.weights, core.weights)


def weight_memory(design: EventDesign, weights: Sequence[int]) -> Sram:
    """Of an event core, with its words."""
    return Sram(
        "weight_memory",
        width=design.lanes * design.weight_bits,
        depth=design.weight_words,
        ports=2,
        asynchronous=design.pipeline_depth == 1,
        init=weights,
    )

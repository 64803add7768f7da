"""The lane pipeline of the gather dataflow, docs/microarchitecture.md §4.8 *Lanes*."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.gather_generator import slot_layout
from pimsim.rtl.event.lanes import weight_port
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.signals import index_bits

LANES_ACTIVITY = data.StructLayout({"weight_memory_read": 1})
"""What the lanes report of a cycle; what is added, the sums report."""


class GatherLanes(wiring.Component):
    """``pipeline_depth`` stages that never stop.

    A ``slot`` given in cycle i is in stage k in cycle i + k.  Stage 1 reads its weights, word ``weight`` of the memory,
    which are there in stage 2, or at once where there is one stage only.  ``final`` is the slot in the last stage,
    ``addend`` its weights.
    """

    def __init__(self, design: EventDesign) -> None:
        self.design = design
        slot, weights = slot_layout(design), weight_port(design)
        super().__init__(
            {
                "slot": In(slot),
                "weight": In(index_bits(design.weight_words)),
                "weights": Out(weights),
                "final": Out(slot),
                "addend": Out(design.lanes * design.weight_bits),
                "activity": Out(LANES_ACTIVITY),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        depth = self.design.pipeline_depth
        stages = [Signal(slot_layout(self.design), name=f"stage_{k}") for k in range(1, depth + 1)]
        for older, stage in zip([self.slot, *stages], stages, strict=False):
            m.d.sync += stage.eq(older)
        with m.If(self.slot.beat):
            m.d.sync += self.weights.address.eq(self.weight)
        m.d.comb += [
            self.weights.enable.eq(stages[0].beat),
            self.activity.weight_memory_read.eq(self.weights.enable),
            self.final.eq(stages[-1]),
        ]
        weights: Value = self.weights.data
        for stage in range(2, depth):  # the memory's output is that of stage 2
            kept = Signal(self.weights.data.shape(), name=f"weights_{stage + 1}")
            m.d.sync += kept.eq(weights)
            weights = kept
        m.d.comb += self.addend.eq(weights)
        return m

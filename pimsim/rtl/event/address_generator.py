"""The address generator of the scatter dataflow, docs/microarchitecture.md §4.3."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.decoder import EventDecoder
from pimsim.rtl.event.target_walk import SlotLayout, TargetWalk
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.signals import index_bits

GENERATOR_ACTIVITY = data.StructLayout(
    {"address_generator_busy": 1, "address_generator_stall": 1, "address_generator_beat": 1}
)
"""What an address generator reports of a cycle: a slot issued or held, and whether it is a beat."""


class AddressGenerator(wiring.Component):
    """Holds at most one event and issues its slots, one in every cycle in which the lanes are ``willing``.

    ``slot`` is what it would issue, valid while it ``holds`` an event; ``issue`` says that it does.  It pops the FIFO
    in a cycle in which an ``event`` is ``available`` and no slot is left after this cycle; the popped event's slots
    follow from the next cycle on: targets in the order depth, height, width, and of each its B words, or one void.
    """

    def __init__(self, design: EventDesign) -> None:
        self._design = design
        super().__init__(
            {
                "available": In(1),
                "event": In(index_bits(design.map_neurons)),
                "pop": Out(1),
                "willing": In(1),
                "holds": Out(1),
                "slot": Out(SlotLayout(design)),
                "issue": Out(1),
                "activity": Out(GENERATOR_ACTIVITY),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.decoder = decoder = EventDecoder(self._design)
        m.submodules.walk = walk = TargetWalk(self._design)
        m.d.comb += [
            decoder.event.eq(self.event),
            walk.reach.eq(decoder.reach),
            walk.load.eq(self.pop),
            walk.step.eq(self.issue),
            self.slot.eq(walk.slot),
            self.issue.eq(self.holds & self.willing),
            self.pop.eq(self.available & (~self.holds | (self.issue & walk.over))),
            self.activity.address_generator_busy.eq(self.issue),
            self.activity.address_generator_stall.eq(self.holds & ~self.willing),
            self.activity.address_generator_beat.eq(self.issue & ~walk.slot.void),
        ]
        with m.If(self.pop):
            m.d.sync += self.holds.eq(1)
        with m.Elif(self.issue & walk.over):
            m.d.sync += self.holds.eq(0)
        return m

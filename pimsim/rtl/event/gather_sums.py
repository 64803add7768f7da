"""The half of a gather core in front of its sweep, docs/microarchitecture.md §4.8: from the source map to sums."""

from __future__ import annotations

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.rtl.event.accumulators import SETS, Accumulators, SetFlags, accumulator_activity
from pimsim.rtl.event.address_generator import GENERATOR_ACTIVITY
from pimsim.rtl.event.field_scanner import FieldScanner, entry_layout
from pimsim.rtl.event.fifo import FIFO_ACTIVITY, Fifo
from pimsim.rtl.event.gather_generator import GatherGenerator
from pimsim.rtl.event.gather_lanes import LANES_ACTIVITY, GatherLanes
from pimsim.rtl.event.lanes import weight_port
from pimsim.rtl.event.scanner import SCANNER_ACTIVITY
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.observe import joined, reported
from pimsim.rtl.parts.signals import ReadPort, index_bits


def sums_activity(design: EventDesign) -> data.StructLayout:
    """What these units report of a cycle."""
    return joined(SCANNER_ACTIVITY, FIFO_ACTIVITY, GENERATOR_ACTIVITY, LANES_ACTIVITY, accumulator_activity(design))


class GatherSums(wiring.Component):
    """Scanner, FIFO, address generator, lanes and two sets of sums.

    From ``start``, cycle 0 of a step, on it adds up one output position after the other, in set 0, 1, 0, ….  ``full``
    tells by set that its position is complete.  ``take`` gives ``sums`` of word ``word`` of set ``set``, with word 0
    the ``count`` of its events, and clears them; ``release``, by set, gives it up, at the earliest in the cycle before
    its last word is taken.
    """

    def __init__(self, design: EventDesign) -> None:
        self.design, sweep = design, design.sweep
        self.scanner = FieldScanner(design.shape, design.scan_width)
        self.fifo = Fifo(depth=design.fifo_depth, entry=entry_layout(design.shape))
        self.generator = GatherGenerator(design)
        self.lanes = GatherLanes(design)
        self.accumulators = Accumulators(design)
        self.sets = SetFlags()
        ports: dict[str, Member] = {
            "start": In(1),
            "source": Out(ReadPort(depth=design.map_words, shape=unsigned(design.scan_width))),
            "weights": Out(weight_port(design)),
            "full": Out(SETS),
            "release": In(SETS),
            "take": In(1),
            "set": In(1),
            "word": In(index_bits(sweep.beats)),
            "sums": Out(data.ArrayLayout(signed(sweep.neuron.accumulator_bits), design.lanes)),
            "activity": Out(sums_activity(design)),
        }
        super().__init__(ports | ({"count": Out(sweep.count_bits)} if sweep.weight_zero else {}))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for name in ("scanner", "fifo", "generator", "lanes", "accumulators", "sets"):
            m.submodules[name] = getattr(self, name)
        self._connect_entries(m)
        self._connect_slots(m)
        self._connect_sums(m)
        units = (self.scanner, self.fifo, self.generator, self.lanes, self.accumulators)
        m.d.comb += reported(self.activity, *(unit.activity for unit in units))
        return m

    def _connect_entries(self, m: Module) -> None:
        """Scanner → FIFO → generator."""
        scanner, fifo, generator = self.scanner, self.fifo, self.generator
        wiring.connect(m, scanner.source, wiring.flipped(self.source))
        m.d.comb += [
            scanner.start.eq(self.start),
            scanner.ready.eq(fifo.ready),
            fifo.push.eq(scanner.push),
            fifo.entry.eq(scanner.entry),
            generator.available.eq(fifo.available),
            generator.head.eq(fifo.head),
            fifo.pop.eq(generator.pop),
        ]

    def _connect_slots(self, m: Module) -> None:
        """Generator → lanes → sums, and the sets that slots wait for and fill."""
        generator, lanes, sets = self.generator, self.lanes, self.sets
        wiring.connect(m, lanes.weights, wiring.flipped(self.weights))
        m.d.comb += [
            generator.free.eq(sets.free),
            sets.claim.eq(generator.claim),
            lanes.slot.eq(generator.slot),
            lanes.weight.eq(generator.weight),
            self.accumulators.slot.eq(lanes.final),
            self.accumulators.addend.eq(lanes.addend),
            sets.closes.eq(lanes.final.closes << lanes.final.set),
        ]

    def _connect_sums(self, m: Module) -> None:
        """Sums and sets as the sweep sees them."""
        sums, sets = self.accumulators, self.sets
        m.d.comb += [
            sets.release.eq(self.release),
            self.full.eq(sets.full),
            sums.take.eq(self.take),
            sums.set.eq(self.set),
            sums.word.eq(self.word),
            self.sums.eq(sums.sums),
        ]
        if self.design.sweep.weight_zero:
            m.d.comb += self.count.eq(sums.count)

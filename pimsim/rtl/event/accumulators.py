"""The two sets of sums of the gather dataflow, docs/microarchitecture.md §4.8."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.rtl.event.gather_generator import slot_layout
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import index_bits

SETS = 2


class SetFlags(wiring.Component):
    """Who may use a set of sums; bit k of every port is set k's.

    A set is not ``free`` from the cycle behind its ``claim`` on.  It is ``full`` from the cycle behind the one in which
    it ``closes``, its position's last slot being added.  It is free again, and not full, behind its ``release``.
    """

    def __init__(self) -> None:
        ports = {"claim": In(SETS), "closes": In(SETS), "release": In(SETS), "free": Out(SETS), "full": Out(SETS)}
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        owned, full = Signal(SETS), Signal(SETS)
        m.d.sync += [
            owned.eq((owned | self.claim) & ~self.release),
            full.eq((full | self.closes) & ~self.release),
        ]
        m.d.comb += [self.free.eq(~owned), self.full.eq(full)]
        return m


class Accumulators(wiring.Component):
    """Two sets of B·P sums, each with a counter of the position's events where weights have a zero point.

    A beat in the lanes' last stage (``slot``) adds ``addend`` to its word, modulo 2^A, and with a position's word 0 one
    to its count: read, added and written in this cycle.  ``take`` gives ``sums`` of word ``word`` of set ``set``, and
    with word 0 its ``count``, and leaves 0; it is never of a word that is added to in the same cycle.
    """

    def __init__(self, design: EventDesign) -> None:
        self.design = design
        sweep = design.sweep
        sums = data.ArrayLayout(signed(sweep.neuron.accumulator_bits), design.lanes)
        ports: dict[str, Member] = {
            "slot": In(slot_layout(design)),
            "addend": In(design.lanes * design.weight_bits),
            "take": In(1),
            "set": In(1),
            "word": In(index_bits(sweep.beats)),
            "sums": Out(sums),
            "activity": Out(accumulator_activity(design)),
        }
        if sweep.weight_zero:
            ports["count"] = Out(sweep.count_bits)
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        added, taken = Cat(self.slot.word, self.slot.set), Cat(self.word, self.set)
        before, after = Signal(self.sums.shape()), Signal(self.sums.shape())  # of the word that is added to
        m.d.comb += Value.cast(after).eq(self._added(before))
        kept = self._registers()
        for chosen, word in ((added, before), (taken, self.sums)):
            with m.Switch(chosen):
                for number, register in kept.items():
                    with m.Case(number):
                        m.d.comb += Value.cast(word).eq(register)
        for enable, chosen, value in ((self.take, taken, Const(0)), (self.slot.beat, added, after)):
            with m.If(enable), m.Switch(chosen):
                for number, register in kept.items():
                    with m.Case(number):
                        m.d.sync += register.eq(value)
        if self.design.sweep.weight_zero:
            self._count(m)
        self._report(m)
        return m

    def _registers(self) -> dict[int, Signal]:
        """By set and word, as they are chosen, the sums of the lanes that have a channel."""
        bits, places = self.design.sweep.neuron.accumulator_bits, len(self.word)
        return {
            chosen << places | word: Signal(bits * lanes, name=f"sum_{chosen}_{word}")
            for chosen in range(SETS)
            for word, lanes in enumerate(active_lanes(self.design))
        }

    def _added(self, before: data.View[data.ArrayLayout]) -> Value:
        """Sums with the slot's weights added."""
        bits = self.design.sweep.neuron.accumulator_bits
        return Cat((before[lane] + self._weight(lane))[:bits] for lane in range(self.design.lanes))

    def _weight(self, lane: int) -> Value:
        code = self.addend.word_select(lane, self.design.weight_bits)
        return (code.as_signed() if self.design.weight_signed else code) << self.design.sweep.shift

    def _count(self, m: Module) -> None:
        """The sets' event counters."""
        counted, cleared = self.slot.beat & (self.slot.word == 0), self.take & (self.word == 0)
        counts = [Signal(self.design.sweep.count_bits, name=f"count_{number}") for number in range(SETS)]
        m.d.comb += self.count.eq(Mux(self.set, counts[1], counts[0]))
        for number, count in enumerate(counts):
            with m.If(counted & (self.slot.set == number)):
                m.d.sync += count.eq(count + 1)
            with m.Elif(cleared & (self.set == number)):
                m.d.sync += count.eq(0)
        touched = counted + cleared
        m.d.comb += [
            self.activity.correction_count.eq(counted),
            self.activity.counter_read.eq(touched),
            self.activity.counter_write.eq(touched),
        ]

    def _report(self, m: Module) -> None:
        lanes = active_lanes(self.design)
        added = Mux(self.slot.beat, lookup(lanes, self.slot.word), 0)
        taken = Mux(self.take, lookup(lanes, self.word), 0)
        m.d.comb += [
            self.activity.lanes_busy.eq(self.slot.beat),
            self.activity.lane_accumulate.eq(added),
            self.activity.accumulator_read.eq(added + taken),
            self.activity.accumulator_write.eq(added + taken),
        ]


def active_lanes(design: EventDesign) -> list[int]:
    """Lanes that have an output channel, of each word of a position."""
    return [min(design.lanes, design.sweep.channels - word * design.lanes) for word in range(design.sweep.beats)]


def accumulator_activity(design: EventDesign) -> data.StructLayout:
    """Accesses of a cycle: of sums, lane by lane, those added to and those taken; and of the position's counters."""
    highest = {"lanes_busy": 1, "lane_accumulate": design.lanes}
    highest |= dict.fromkeys(("accumulator_read", "accumulator_write"), 2 * design.lanes)
    if design.sweep.weight_zero:
        highest |= {"correction_count": 1, "counter_read": 2, "counter_write": 2}
    return data.StructLayout({name: count.bit_length() for name, count in highest.items()})

"""The accumulate lanes of the scatter dataflow, docs/microarchitecture.md §4.4 and §4.6."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.membranes import BufferPort
from pimsim.rtl.event.target_walk import SlotLayout
from pimsim.rtl.event.update import Update
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.popcount import ones
from pimsim.rtl.parts.signals import ReadPort
from pimsim.rtl.sweep.sweep import membrane_word


def weight_port(design: EventDesign) -> ReadPort:
    """Reads P weight codes, that of the first channel in the lowest bits."""
    return ReadPort(depth=design.weight_words, shape=design.lanes * design.weight_bits)


class LaneActivity(data.StructLayout):
    """What lanes report of a cycle: in the stage that adds, whether there is a beat and how many lanes add for it."""

    def __init__(self, design: EventDesign) -> None:
        counted = {"correction_count": 1} if design.sweep.weight_zero else {}
        super().__init__(
            {"lanes_busy": 1, "lane_accumulate": range(design.lanes + 1), "weight_memory_read": 1, **counted}
        )


class Adders(wiring.Component):
    """``sums`` of P lanes: ``operand`` with a weight added to each sum, modulo 2^A; flags above the sums stay.

    In a position's ``final`` word lanes beyond the last channel add 0; so do, where lanes skip, those whose flag is
    set.  ``added``: lanes that add.
    """

    def __init__(self, design: EventDesign) -> None:
        self._design, width = design, membrane_word(design.sweep).size
        super().__init__(
            {
                "operand": In(width),
                "codes": In(design.lanes * design.weight_bits),
                "final": In(1),
                "sums": Out(width),
                "added": Out(range(design.lanes + 1)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        bits, lanes, sweep = self._design.sweep.stored_bits, self._design.lanes, self._design.sweep
        channels = Mux(self.final, sweep.left_over, lanes)
        m.d.comb += [
            self.sums.eq(self.operand),
            self.added.eq(channels - ones(m, self.operand[bits * lanes :]) if sweep.skips else channels),
        ]
        for lane in range(lanes):
            total = self.operand.word_select(lane, bits) + self._weight(lane)
            m.d.comb += self.sums.word_select(lane, bits).eq(total)
        return m

    def _weight(self, lane: int) -> Value:
        code = self.codes.word_select(lane, self._design.weight_bits)
        weight = (code.as_signed() if self._design.weight_signed else code) << self._design.sweep.shift
        sweep = self._design.sweep
        if sweep.skips:
            weight = Mux(self.operand[sweep.stored_bits * self._design.lanes + lane], 0, weight)
        return Mux(self.final, 0, weight) if lane >= sweep.left_over else weight


class Lanes(wiring.Component):
    """P lanes add a beat's weights to a word of membranes; beside them a target's event is counted where z_w ≠ 0.

    A slot that enters with ``issue`` is in stage k in the k-th cycle behind.  ``willing`` says of ``slot``, valid or
    not, that it may enter in this cycle.  ``empty``: no stage holds a slot.
    """

    def __init__(self, design: EventDesign) -> None:
        self._design = design
        sweep = design.sweep
        counts = {"counts": Out(BufferPort(depth=sweep.positions, width=sweep.count_bits))} if sweep.weight_zero else {}
        super().__init__(
            {
                "slot": In(SlotLayout(design)),
                "issue": In(1),
                "willing": Out(1),
                "empty": Out(1),
                "weights": Out(weight_port(design)),
                "membranes": Out(BufferPort(depth=sweep.words, width=membrane_word(sweep).size)),
                **counts,
                "activity": Out(LaneActivity(design)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        at, beat = self.slot.at, Signal()
        m.submodules.sums = sums = self._update(self._design.sweep.words, self.membranes)
        wiring.connect(m, sums.memory, wiring.flipped(self.membranes))
        m.d.comb += [
            beat.eq(self.issue & ~self.slot.void),
            sums.issue.eq(beat),
            sums.address.eq(at.membrane),
            self.willing.eq(self.slot.void | ~sums.clash),
        ]
        self._fetch(m, beat)
        adds, final = self._stages(m, beat)
        m.submodules.adders = adders = Adders(self._design)
        m.d.comb += [
            adders.operand.eq(sums.operand),
            adders.codes.eq(self.weights.data),
            adders.final.eq(final),
            sums.result.eq(adders.sums),
            self.activity.lanes_busy.eq(adds),
            self.activity.lane_accumulate.eq(Mux(adds, adders.added, 0)),
        ]
        if self._design.sweep.weight_zero:
            self._count(m, beat)
        return m

    @property
    def _adding(self) -> int:
        """The stage that has the data."""
        return min(2, self._design.pipeline_depth)

    def _update(self, words: int, port: wiring.PureInterface, ports: int | None = None) -> Update:
        design = self._design
        return Update(
            words=words,
            width=len(port.read_data),
            depth=design.pipeline_depth,
            forwarding=design.forwarding,
            ports=design.sweep.ports if ports is None else ports,
            banks=design.sweep.banks,
        )

    def _fetch(self, m: Module, beat: Value) -> None:
        """Stage 1 addresses the weight memory."""
        m.d.sync += self.weights.enable.eq(beat)
        with m.If(beat):
            m.d.sync += self.weights.address.eq(self.slot.at.weight)
        m.d.comb += self.activity.weight_memory_read.eq(self.weights.enable)

    def _stages(self, m: Module, beat: Value) -> tuple[Value, Value]:
        """Whether the stage that adds holds a beat, and a final one; lanes that hold a void slot are not empty."""
        held = Signal(self._design.pipeline_depth)
        m.d.sync += held.eq(Cat(self.issue, held))
        m.d.comb += self.empty.eq(held == 0)
        adds, final = beat, self.slot.final
        for stage in range(1, self._adding + 1):
            adds, final = self._next(m, f"beat_{stage}", adds), self._next(m, f"final_{stage}", final)
        return adds, final

    @staticmethod
    def _next(m: Module, name: str, value: Value) -> Signal:
        register = Signal(name=name)
        m.d.sync += register.eq(value)
        return register

    def _count(self, m: Module, beat: Value) -> None:
        """One event more of the target whose first beat this is; it never waits where its sums do not (§4.6)."""
        m.submodules.events = events = self._update(self._design.sweep.positions, self.counts, ports=2)
        wiring.connect(m, events.memory, wiring.flipped(self.counts))
        m.d.comb += [
            events.issue.eq(beat & self.slot.first),
            events.address.eq(self.slot.at.position),
            events.result.eq(events.operand + 1),
            self.activity.correction_count.eq(events.changes),
        ]

"""The writer of a crossbar: sums to the current memory, corrected on the way, docs/microarchitecture.md §5.3."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.correct import Corrector, sums_layout
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.place import kernel_shift
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.odometer import advanced, counts, digit_signals
from pimsim.rtl.parts.signals import ReadPort, index_bits
from pimsim.rtl.parts.wires import wire


class Writer(wiring.Component):
    """One word of P sums per cycle: window by window, kernel by kernel, the words of the round's outputs.

    ``complete``  sums of a group wait; ``move``: they are taken at the end of this cycle, in which the last word of the
                  group before is issued, or none
    ``room``      a group's sums could move in the next cycle, behind those that move in this one
    ``sums``      of every array, copy by copy, held from the cycle behind ``move`` until the next one
    ``issue``     a word is issued (busy).  Where earlier rounds have left sums, these are read in this cycle; the word
                  is written ``correction_depth`` cycles later
    ``ended``     the round's last word is written
    ``multiplied``, ``corrected``  products with z_u, and corrections added, that this word takes
    """

    def __init__(self, design: PimDesign, constants: Sequence[int]) -> None:
        self.design, self.constants = design, constants
        self.word = data.ArrayLayout(Shape(design.array.accumulator_bits), design.lanes)
        address = index_bits(design.sum_words)
        ports = {
            "complete": In(1),
            "round": In(index_bits(len(design.rounds))),
            "sums": In(data.ArrayLayout(sums_layout(design.array), design.arrays)),
            **{name: Out(1) for name in ("move", "room", "issue", "ended")},
            "multiplied": Out(range(design.tiles + 1)),
            "corrected": Out(range(2 * design.lanes + 1)),
            "write_enable": Out(1),
            "write_address": Out(address),
            "write_data": Out(self.word),
        }
        if design.reads_back:
            ports["earlier"] = Out(ReadPort(depth=design.sum_words, shape=self.word))
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        self.left = Signal(range(design.at_once * design.kernels * max(one.words for one in design.rounds) + 1))
        self.place, self.beat = Signal(range(design.at_once * design.kernels)), Signal(range(design.beats))
        self._sequence(m)
        address = self._positions(m)
        m.submodules.corrector = corrector = Corrector(design, self.constants)
        m.d.comb += [
            corrector.sums.eq(self.sums),
            corrector.place.eq(self.place),
            corrector.round.eq(self.round),
            corrector.beat.eq(self.beat),
            self.multiplied.eq(Mux(self.issue, corrector.multiplied, 0)),
            self.corrected.eq(Mux(self.issue, corrector.corrected, 0)),
        ]
        self._pipeline(m, address, corrector)
        return m

    def _sequence(self, m: Module) -> None:
        design = self.design
        group = Signal(range(design.groups * design.passes))
        self.last_group = wire(m, "last_group", group == design.groups * design.passes - 1)
        turn = Signal(range(design.groups))  # of the map
        rest = wire(m, "rest", turn == design.groups - 1)
        words = lookup([one.words for one in design.rounds], self.round)
        windows = Mux(rest, design.last_group, design.at_once)
        taken = wire(m, "taken", windows * design.kernels * words)
        m.d.comb += [
            self.issue.eq(self.left != 0),
            self.move.eq(self.complete & (self.left <= 1)),
            self.room.eq(Mux(self.move, taken <= 1, self.left <= 2)),
        ]
        self.last_beat = wire(m, "last_beat", self.beat == words - 1)
        self.last_word = Signal()  # of the round
        finishes = Signal()  # the group that is written is the round's last
        m.d.comb += self.last_word.eq(finishes & (self.left == 1))
        with m.If(self.move):
            m.d.sync += [
                self.left.eq(taken),
                finishes.eq(self.last_group),
                group.eq(Mux(self.last_group, 0, group + 1)),
                turn.eq(Mux(rest, 0, turn + 1)),
                self.place.eq(0),
                self.beat.eq(0),
            ]
        with m.Elif(self.issue):
            m.d.sync += [self.left.eq(self.left - 1), self.beat.eq(Mux(self.last_beat, 0, self.beat + 1))]
            with m.If(self.last_beat):
                m.d.sync += self.place.eq(self.place + 1)

    def _positions(self, m: Module) -> Value:
        """Address of the word, from the numbers of its kernel, its window (width, height, depth) and its map."""
        design = self.design
        sizes = (design.kernels, *design.window.out_size[::-1], design.passes)
        kernel, *window, number = digits = digit_signals("position", sizes)
        with m.If(self.issue & self.last_beat):
            counts(m, digits, advanced(m, digits, sizes, 1))
        axis, _ = kernel_shift(design.shape, design.window)
        position: Value = number * design.shape.positions
        for place, across in enumerate((2, 1, 0)):
            output: Value = window[place]
            if design.kernels > 1 and across == axis:
                output = output * design.kernels + kernel
            position = position + output * prod(design.shape.out_size[across + 1 :])
        first = lookup([one.first_word for one in design.rounds], self.round)
        return wire(m, "address", position * design.beats + first + self.beat)

    def _pipeline(self, m: Module, address: Value, corrector: Corrector) -> None:
        """Stage 1 has what earlier rounds have left; the last stage writes."""
        stage = data.StructLayout(
            {"valid": 1, "last": 1, "again": 1, "address": len(self.write_address), "word": self.word}
        )
        stages = [Signal(stage, name=f"stage_{number + 1}") for number in range(self.design.correction_depth)]
        again = self._again()
        m.d.sync += [
            stages[0].valid.eq(self.issue),
            stages[0].last.eq(self.issue & self.last_word),
            stages[0].again.eq(again),
            stages[0].address.eq(address),
            stages[0].word.eq(corrector.word),
        ]
        word = self._summed(m, stages[0])
        for before, behind in pairwise(stages):
            m.d.sync += behind.eq(before)
            if before is stages[0]:
                m.d.sync += behind.word.eq(word)
        if self.design.reads_back:
            m.d.comb += [self.earlier.enable.eq(self.issue & again), self.earlier.address.eq(address)]
        m.d.comb += [
            self.write_enable.eq(stages[-1].valid),
            self.write_address.eq(stages[-1].address),
            self.write_data.eq(word if len(stages) == 1 else stages[-1].word),
            self.ended.eq(stages[-1].last),
        ]

    def _summed(self, m: Module, stage: data.View[data.StructLayout]) -> Value:
        if not self.design.reads_back:
            return stage.word.as_value()
        lanes: Sequence[Value] = [
            (stage.word[lane] + Mux(stage.again, self.earlier.data[lane], 0))[: self.design.array.accumulator_bits]
            for lane in range(self.design.lanes)
        ]
        return wire(m, "summed", Cat(*lanes))

    def _again(self) -> Value:
        """Whether the word holds sums of earlier rounds."""
        design = self.design
        bases: list[int] = []
        flags: list[int] = []
        for one in design.rounds:
            bases.append(len(flags))
            flags += [int(one.first_word + beat in one.kept) for beat in range(one.words)]
        return lookup(flags, lookup(bases, self.round) + self.beat) if design.reads_back else Const(0)

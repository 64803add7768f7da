"""The pass over a layer's neurons, docs/microarchitecture.md §4.7: word by word through a pipeline."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Shape, ShapeCastable, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.model.network import ACCUMULATE, CLASSIFIERS, IF, LIF, RELU, SINGLE_SPIKE, TIMED
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.popcount import ones
from pimsim.rtl.parts.signals import MapWrite, Probe, index_bits
from pimsim.rtl.parts.wires import wire
from pimsim.rtl.sweep.argmax import Argmax
from pimsim.rtl.sweep.neuron import Neurons, stored_shift
from pimsim.rtl.sweep.packer import Packer
from pimsim.rtl.sweep.walk import Walk


def membrane_word(sweep: SweepDesign) -> data.StructLayout:
    """A word of the membrane memory: P values, the first in the lowest bits, and above them `single_spike`'s flags, or
    the steps that classes of `timed` have noted.

    ``value`` is of accumulator width and scale where sums are added in place (scatter); elsewhere it is the membrane as
    stored, without its lowest ``membrane_shift`` bits.
    """
    fields: dict[str, Shape | data.Layout] = {
        "value": data.ArrayLayout(Shape(sweep.stored_bits, signed=True), sweep.lanes)
    }
    if sweep.neuron.kind == SINGLE_SPIKE:
        fields["fired"] = unsigned(sweep.lanes)
    if sweep.neuron.kind == TIMED:
        fields["noted"] = data.ArrayLayout(sweep.neuron.time_bits, sweep.lanes)
    return data.StructLayout(fields)


def sweep_activity(sweep: SweepDesign) -> data.StructLayout:
    """What a sweep counts in a cycle, docs/microarchitecture.md §4.7 *Counted*; only what the layer has.

    Reads are counted in the cycle of the word's issue, sums and corrections in stage 1, all else in the cycle of its
    write, packed words behind it.
    """
    neuron, each = sweep.neuron, sweep.lanes
    highest = {"sweep_busy": 1, "sweep_stall": 1}
    if sweep.stored_bits:
        highest |= {"membrane_memory_read": 1, "membrane_memory_write": 1}
        added = each * (sweep.adds or sweep.opens) + each * (neuron.kind == TIMED)
        highest |= {"neuron_integrate": added} if added else {}
    if sweep.weight_zero:
        highest |= {} if sweep.adds else {"count_memory_read": 1, "count_memory_write": 1}
        highest |= {"correction_multiply": 1, "correction_add": each}
    if neuron.leak_digits:
        highest["neuron_shift_leak"] = each * len(neuron.leak_digits)
    elif neuron.kind not in (RELU, *CLASSIFIERS) and neuron.multiplies:
        highest["neuron_leak"] = each
    highest["neuron_relu" if neuron.kind == RELU else "neuron_compare"] = each * (1 + (neuron.kind == TIMED))
    if neuron.kind in (LIF, IF):
        highest["neuron_reset"] = each
    if sweep.word_values:
        written = "activation_memory_write" if neuron.kind == RELU else "spike_memory_write"
        highest |= {"packer_pack": 1, written: sweep.packed.at_once}
    return data.StructLayout({name: unsigned(count.bit_length()) for name, count in highest.items()})


class Sweep(wiring.Component):
    """S · B words, one per cycle at best, ``depth`` stages each.

    ``restart``   high in the first cycle of a step, in which word 0 may already be issued
    ``first``     the step is the inference's first, held; where its sums lie in a current memory (``opens``) these are
                  the ``addend``, of sums in place only then, and nothing is corrected
    ``last``      the step is the inference's last: zeros are written for membranes, the argmax counts; held
    ``ready``     the next word may be issued
    ``issue``     it is: word ``issue_word``, ``issue_first`` and ``issue_final`` of its position's; its membranes (and
                  with the first one its count) are addressed
    ``stall``     it is ready, but the only port of its bank is taken by a write
    ``stage_one`` word ``stage_one_word`` is in stage 1: ``read_data`` hold its membranes, ``addend`` has to hold its
                  sums, and with ``stage_one_first`` ``count`` its position's events
    ``write_*``   in stage ``depth``; with ``write_first`` the count is cleared
    ``empty``     all words are through, and packed words written: the hand-over cycle of the step, and idle behind it
    ``target``    the packed map; behind the classifier ``winner``, the class, valid where ``empty`` follows a last step
    ``probe``, ``activity`` are for observers and may be left open
    """

    def __init__(self, design: SweepDesign) -> None:
        self.design = design
        word = index_bits(design.words)
        ports: dict[str, Member] = {
            **{name: In(1) for name in ("restart", "last", "ready")},
            **{name: Out(1) for name in ("issue", "issue_first", "issue_final", "stall", "empty")},
            **{name: Out(1) for name in ("stage_one", "stage_one_first", "stage_one_final")},
            "issue_word": Out(word),
            "stage_one_word": Out(word),
            "write_first": Out(1),
            "write_enable": Out(1),
            "write_address": Out(word),
            "probe": Out(Probe(design)),
            "activity": Out(sweep_activity(design)),
        }
        ports |= {"first": In(1)} if design.opens else {}
        super().__init__(ports | self._operands(word) | self._results())

    def _operands(self, word: int) -> dict[str, Member]:
        """What a layer's words are made of."""
        design = self.design
        ports: dict[str, Member] = {}
        if design.stored_bits:
            width = membrane_word(design).size
            ports |= {"read_enable": Out(1), "read_address": Out(word)}
            ports |= {"read_data": In(width), "write_data": Out(width)}
        if design.adds or design.opens:
            sums: ShapeCastable = data.ArrayLayout(Shape(design.neuron.accumulator_bits, signed=True), design.lanes)
            ports["addend"] = In(sums)
        if design.weight_zero:
            ports["count"] = In(design.count_bits)
        return ports

    def _results(self) -> dict[str, Member]:
        design = self.design
        if not design.word_values:
            return {"winner": Out(index_bits(design.neurons))}
        return {"target": Out(MapWrite(design.packed))}

    def connect_membranes(self, m: Module, port: Any) -> None:
        """To a memory's port of a read and a write, `Sram` or a bank's; ``m`` is that of the unit around both."""
        m.d.comb += [
            port.read_enable.eq(self.read_enable),
            port.read_address.eq(self.read_address),
            self.read_data.eq(port.read_data),
            port.write_enable.eq(self.write_enable),
            port.write_address.eq(self.write_address),
            port.write_data.eq(self.write_data),
        ]

    def connect_results(self, m: Module, outside: Any) -> None:
        """``probe``, and ``target`` or ``winner``, to those of the unit around."""
        wiring.connect(m, self.probe, wiring.flipped(outside.probe))
        if self.design.word_values:
            wiring.connect(m, self.target, wiring.flipped(outside.target))
        else:
            m.d.comb += outside.winner.eq(self.winner)

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        banks = design.banks if design.ports == 1 else 1
        m.submodules.issued = self.issued = Walk(positions=design.positions, beats=design.beats, banks=banks)
        m.submodules.written = self.written = Walk(positions=design.positions, beats=design.beats, banks=banks)
        self.occupied = Signal(design.depth)  # bit k − 1: stage k holds a word
        self.through = Signal(init=1)  # the step's last word has been issued
        self._issue(m)
        self._enter(m)
        self.neurons = self._lanes(m)
        self._write(m)
        self._probe(m)
        collecting = self._pack(m) if design.word_values else self._classify(m)
        m.d.comb += self.empty.eq(self.through & ~self.occupied.any() & ~collecting)
        m.d.comb += [self.activity[name].eq(count) for name, count in self._counts(m).items()]
        return m

    def _issue(self, m: Module) -> None:
        """The next word, unless the only port of its bank writes an older one."""
        taken = self.occupied[-1] & (self.issued.bank == self.written.bank) if self.design.ports == 1 else Const(0)
        wanted = wire(m, "wanted", (self.restart | ~self.through) & self.ready)
        m.d.comb += [
            self.stall.eq(wanted & taken),
            self.issue.eq(wanted & ~taken),
            self.issued.advance.eq(self.issue),
            self.issue_word.eq(self.issued.word),
            self.issue_first.eq(self.issued.first),
            self.issue_final.eq(self.issued.final),
        ]
        with m.If(self.issue):
            m.d.sync += self.through.eq(self.issued.last)
        with m.Elif(self.restart):
            m.d.sync += self.through.eq(0)
        if self.design.stored_bits:
            m.d.comb += [self.read_enable.eq(self.issue), self.read_address.eq(self.issue_word)]

    def _enter(self, m: Module) -> None:
        """An issued word is in stage 1 in the next cycle, and moves on in every one."""
        m.d.sync += self.occupied.eq(Cat(self.issue, self.occupied))
        m.d.comb += self.stage_one.eq(self.occupied[0])
        with m.If(self.issue):
            m.d.sync += [
                self.stage_one_word.eq(self.issued.word),
                self.stage_one_first.eq(self.issued.first),
                self.stage_one_final.eq(self.issued.final),
            ]

    def _lanes(self, m: Module) -> Neurons:
        """P neurons and their operands in stage 1."""
        design = self.design
        m.submodules.neurons = neurons = Neurons(design)
        left = design.left_over
        idle = Cat(Const(0, left), self.stage_one_final.replicate(design.lanes - left))
        m.d.comb += [neurons.occupied.eq(self.occupied), neurons.active.eq(~idle)]
        if design.stored_bits:
            word = data.View(membrane_word(design), self.read_data)
            m.d.comb += neurons.stored.eq(word.value)
            if self._flags:
                m.d.comb += neurons.had_fired.eq(word.fired)
            if self._notes:
                m.d.comb += [neurons.earlier.eq(word.noted), neurons.step.eq(self._step(m))]
        if design.adds:
            m.d.comb += neurons.addend.eq(self.addend)
        elif design.opens:
            m.d.comb += neurons.addend.as_value().eq(Mux(self.first, self.addend.as_value(), 0))
        if design.weight_zero:
            correction = self._correction(m)
            m.d.comb += neurons.correction.eq(Mux(self.first, 0, correction) if design.opens else correction)
        return neurons

    def _step(self, m: Module) -> Value:
        """Number of the step, from 1; the one behind an inference's last is the first again."""
        step, over = Signal(self.design.neuron.time_bits), Signal(init=1)
        with m.If(self.restart):
            m.d.sync += [step.eq(Mux(over, 1, step + 1)), over.eq(self.last)]
        return step

    def _correction(self, m: Module) -> Value:
        """z_w · count (of input spikes 2^k times that), formed with a position's first word and kept for its others."""
        kept = Signal(Shape(self.design.neuron.accumulator_bits, signed=True))
        product = wire(m, "product", self.count * self.design.weight_zero << self.design.shift)
        with m.If(self.stage_one & self.stage_one_first):
            m.d.sync += kept.eq(product)
        correction = Signal.like(kept)
        m.d.comb += correction.eq(Mux(self.stage_one_first, product, kept))
        return correction

    @property
    def _flags(self) -> bool:
        return self.design.neuron.kind == SINGLE_SPIKE

    @property
    def _notes(self) -> bool:
        return self.design.neuron.kind == TIMED

    def _write(self, m: Module) -> None:
        """Stage ``depth``: zeros where the step is the last."""
        m.d.comb += [
            self.write_enable.eq(self.occupied[-1]),
            self.written.advance.eq(self.write_enable),
            self.write_address.eq(self.written.word),
            self.write_first.eq(self.written.first),
        ]
        if not self.design.stored_bits:
            return
        word = data.View(membrane_word(self.design), self.write_data)
        lowest, bits = stored_shift(self.design), self.design.stored_bits
        with m.If(~self.last):
            m.d.comb += word.value.as_value().eq(Cat(one[lowest : lowest + bits] for one in self.neurons.membrane))
            if self._flags:
                m.d.comb += word.fired.eq(self.neurons.has_fired)
            if self._notes:
                m.d.comb += word.noted.eq(self.neurons.noted)

    def _probe(self, m: Module) -> None:
        m.d.comb += [
            self.probe.valid.eq(self.write_enable),
            self.probe.word.eq(self.write_address),
            self.probe.membrane.eq(self.neurons.membrane),
        ]
        if self._spikes:
            m.d.comb += self.probe.fired.eq(self.neurons.result.as_value())

    @property
    def _spikes(self) -> bool:
        return self.design.neuron.kind not in (RELU, *CLASSIFIERS)

    def _pack(self, m: Module) -> Value:
        """Whether packed words are still to be written."""
        m.submodules.packer = self.packer = packer = Packer(self.design.packed)
        m.d.comb += [
            packer.enter.eq(self.write_enable),
            packer.final.eq(self.written.final),
            packer.last.eq(self.written.last),
            packer.values.eq(self.neurons.result),
        ]
        wiring.connect(m, wiring.flipped(self.target), packer.target)
        return packer.busy

    def _classify(self, m: Module) -> Value:
        """Whether sums are still being compared."""
        m.submodules.argmax = argmax = Argmax(self.design)
        m.d.comb += [
            argmax.enter.eq(self.write_enable & self.last),
            argmax.first.eq(self.written.first),
            argmax.final.eq(self.written.final),
            argmax.values.eq(self.neurons.output if self._notes else self.neurons.membrane),
            self.winner.eq(argmax.winner),
        ]
        entered = Signal()  # a cycle of its own in every step, so that all steps are alike
        m.d.sync += entered.eq(self.write_enable)
        return entered

    def _counts(self, m: Module) -> dict[str, Value]:
        """By field of ``activity``; see `sweep_activity`."""
        entered, wrote, design = self.stage_one, self.write_enable, self.design
        taken, done = self._working(m)
        opening = self.first if design.opens else Const(0)
        later = wire(m, "later", ~opening)
        final = wire(m, "classified", Mux(self.last, done, 0))
        compared = {ACCUMULATE: final, TIMED: done + final}
        added = taken if design.adds else Mux(opening, taken, 0)
        counts = {
            "sweep_busy": self.issue,
            "sweep_stall": self.stall,
            "membrane_memory_read": self.issue,
            "membrane_memory_write": wrote,
            "count_memory_read": self.issue & self.issue_first & later,
            "count_memory_write": wrote & self.write_first & later,
            "correction_multiply": entered & self.stage_one_first & later,
            "correction_add": Mux(later, taken, 0),
            "neuron_integrate": added + final if self._notes else added,
            "neuron_leak": done,
            "neuron_shift_leak": done * len(design.neuron.leak_digits),
            "neuron_compare": compared.get(design.neuron.kind, done),
            "neuron_relu": done,
            "packer_pack": wrote,
        }
        if self._spikes:
            counts["neuron_reset"] = Mux(wrote, ones(m, self.neurons.result.as_value()), 0)
        if design.word_values:
            counts |= dict.fromkeys(("spike_memory_write", "activation_memory_write"), self.packer.written)
        return {name: counts[name] for name in self.activity.shape().members}

    def _working(self, m: Module) -> tuple[Value, Value]:
        """Lanes that work in stage 1, and in the stage that writes: those with a channel, and not skipped."""
        left, lanes, found = self.design.left_over, self.design.lanes, []
        stages = (
            ("neurons_taken", self.stage_one, self.stage_one_final),
            ("neurons_done", self.write_enable, self.written.final),
        )
        skipped = (self.neurons.had_fired, self.neurons.skipped) if self.design.skips else (None, None)
        for (name, valid, final), gated in zip(stages, skipped, strict=True):
            channels: Value = Mux(final, left, lanes)
            working = channels if gated is None else channels - ones(m, gated)
            found.append(wire(m, name, Mux(valid, working, 0)[: lanes.bit_length()]))
        return found[0], found[1]

"""Benches for the neuron sweep: random designs, operands that keep inside their words, and what has to come out.

Expected values are those of `pimsim.model.fixed_point`, taken neuron by neuron; expected cycles those of the machine
that `naive_event.py` steps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from hypothesis import strategies as st
from naive_event import EventCore

from pimsim.model.architecture import LayerShape
from pimsim.model.fixed_point import leaked, requantized, stored, word_range
from pimsim.rtl.parts.design import NeuronDesign, SweepDesign, digits_of
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.sweep.sweep import Sweep, membrane_word

ROUNDING = {False: "floor", True: "half_up"}


@st.composite
def neurons(draw, kind=None):
    kind = kind or draw(st.sampled_from(["lif", "if", "single_spike", "relu", "accumulate", "timed"]))
    accumulator_bits = draw(st.integers(2, 46))
    membrane_bits = draw(st.integers(1, accumulator_bits))
    fraction_bits = draw(st.integers(0, 16))
    one = 1 << fraction_bits
    hidden = kind in ("lif", "if", "single_spike")
    drawn = st.one_of(st.sampled_from([0, 1, one]), st.integers(0, one))
    leak = {"if": one, "relu": 0, "accumulate": 0, "timed": 0}.get(kind, draw(drawn))
    shifts = hidden and leak not in (0, one) and draw(st.booleans())
    relu = kind == "relu"
    near = st.integers(0, min(2**31 - 1, word_range(accumulator_bits)[1]))
    return NeuronDesign(
        kind=kind,
        threshold=draw(st.one_of(near, st.integers(0, 2**31 - 1))) if hidden or kind == "timed" else 0,
        leak=leak,
        fraction_bits=fraction_bits,
        leak_half_up=draw(st.booleans()),
        leak_digits=digits_of(leak) if shifts else (),
        accumulator_bits=accumulator_bits,
        membrane_bits=membrane_bits,
        membrane_shift=draw(st.integers(0, accumulator_bits - membrane_bits)),
        membrane_half_up=draw(st.booleans()),
        multiplier=draw(st.integers(1, 2**16 - 1)) if relu else 0,
        shift=draw(st.integers(0, 46)) if relu else 0,
        activation_bits=draw(st.integers(1, 16)) if relu else 0,
        time_weight=draw(st.sampled_from([0, 1, 9, 2**31 - 1])) if kind == "timed" else 0,
        steps=draw(st.integers(3, 9)),
    )


@st.composite
def sweeps(draw, kind=None, adds=None):
    """A sweep of any core: sums in place (scatter), in registers (gather) or from a memory (dense engines)."""
    neuron = draw(neurons(kind))
    classifies, relu = neuron.kind in ("accumulate", "timed"), neuron.kind == "relu"
    adds = relu or (draw(st.booleans()) if adds is None else adds)
    weight_zero = 0 if relu else draw(st.sampled_from([0, 0, 1, 5, 63, 2**15]))
    whole = not adds or classifies
    return SweepDesign(
        neuron=neuron,
        lanes=draw(st.integers(1, 9)),
        channels=draw(st.integers(1, 20)),
        positions=1 if classifies else draw(st.integers(1, 6)),
        depth=draw(st.one_of(st.integers(1, 6), st.integers(1, 32))),
        stored_bits=0 if relu else neuron.accumulator_bits if whole else neuron.membrane_bits,
        ports=2 if relu else draw(st.sampled_from([1, 2])),
        banks=draw(st.integers(1, 5)),
        adds=adds,
        weight_zero=weight_zero,
        count_bits=draw(st.integers(1, 12)) if weight_zero else 0,
        value_bits=0 if classifies else neuron.activation_bits if relu else 1,
        word_values=0 if classifies else draw(st.integers(1, 40)),
    )


class Bench(wiring.Component):
    """A sweep, its membranes, and its operands by word: what a core would have at hand in stage 1."""

    def __init__(self, design: SweepDesign) -> None:
        self.design, words = design, design.words
        self.sweep = Sweep(design)
        bits = design.neuron.accumulator_bits
        self.membranes = Sram(
            "membranes", width=membrane_word(design).size if design.stored_bits else 1, depth=words, ports=2
        )
        self.sums = Sram("sums", width=design.lanes * bits, depth=words)
        self.events = Sram("events", width=max(1, design.count_bits), depth=words)
        super().__init__({})

    def elaborate(self, _platform):
        m, sweep = Module(), self.sweep
        m.submodules += [sweep, self.membranes, self.sums, self.events]
        for memory in (self.sums, self.events):
            m.d.comb += [memory.read_enable.eq(sweep.issue), memory.read_address.eq(sweep.issue_word)]
        if self.design.adds:
            m.d.comb += Cat(sweep.addend.as_value()).eq(self.sums.read_data)
        if self.design.weight_zero:
            m.d.comb += sweep.count.eq(self.events.read_data)
        if self.design.stored_bits:
            m.d.comb += [
                self.membranes.read_enable.eq(sweep.read_enable),
                self.membranes.read_address.eq(sweep.read_address),
                self.membranes.write_enable.eq(sweep.write_enable),
                self.membranes.write_address.eq(sweep.write_address),
                self.membranes.write_data.eq(sweep.write_data),
                sweep.read_data.eq(self.membranes.read_data),
            ]
        return m


@dataclass
class Step:
    """One step: operands and results by neuron, (positions, channels); the map as a list of its values.

    ``noted`` in it the step of a class's first crossing, 0 where there is none yet.
    """

    potential: np.ndarray
    fired: np.ndarray
    noted: np.ndarray
    membrane: np.ndarray
    result: np.ndarray
    events: np.ndarray  # (positions,)


def made_steps(design: SweepDesign, steps: int, rng: np.random.Generator) -> list[Step]:
    """Potentials at, around and far from the threshold and the ends of the word."""
    neuron, shape = design.neuron, (design.positions, design.channels)
    low, high = word_range(neuron.accumulator_bits)
    marks = np.array([low, low + 1, -1, 0, 1, high - 1, high, neuron.threshold, neuron.threshold + 1])
    small = rng.integers(max(low, -40), min(high, 40) + 1, shape)
    wide = rng.integers(low, high + 1, shape)
    fired, noted, made = np.zeros(shape, bool), np.zeros(shape, np.int64), []
    for step in range(1, steps + 1):
        choice = rng.integers(0, 3, shape)
        potential = np.clip(np.choose(choice, [small, wide, rng.choice(marks, shape)]), low, high).astype(np.int64)
        wide, small = rng.permutation(wide.ravel()).reshape(shape), rng.permutation(small.ravel()).reshape(shape)
        membrane, result, spike = expected(neuron, potential, fired)
        fired = fired | spike
        crosses = (potential > neuron.threshold) & (noted == 0) & (neuron.kind == "timed")
        noted = np.where(crosses, step, noted)
        events = rng.integers(0, 2**design.count_bits, design.positions)
        made.append(Step(potential, fired, noted, membrane, result, events))
    return made


def expected(neuron, potential, had_fired):
    """(m[t], what goes into the map, o[t])"""
    none = np.zeros(potential.shape, bool)
    if neuron.kind in ("accumulate", "timed"):
        return potential, none, none
    if neuron.kind == "relu":
        return potential, requantized(potential, neuron.multiplier, neuron.shift, neuron.activation_bits), none
    spike = potential > neuron.threshold
    offer = leaked(potential, neuron.leak, neuron.fraction_bits, ROUNDING[neuron.leak_half_up])
    if neuron.kind == "single_spike":
        spike = spike & ~had_fired
    else:
        offer = offer - neuron.threshold * spike
    membrane = stored(offer, neuron.membrane_bits, neuron.membrane_shift, ROUNDING[neuron.membrane_half_up])
    return membrane, spike.astype(np.int64), spike


def outputs(neuron, step: Step) -> np.ndarray:
    """What the argmax compares behind the last ``step``, by class."""
    late = np.where(step.noted, step.noted, neuron.steps) * neuron.time_weight
    return step.potential - late if neuron.kind == "timed" else step.potential


def words_of(design: SweepDesign, values: np.ndarray, bits: int) -> list[int]:
    """(positions, channels) → the layer's words of P values."""
    padded = np.zeros((design.positions, design.beats * design.lanes), object)
    padded[:, : design.channels] = values.astype(object)
    rows = padded.reshape(design.words, design.lanes)
    return [sum((int(v) % 2**bits) << (bits * i) for i, v in enumerate(row)) for row in rows]


def kept_words(design: SweepDesign, step: Step) -> list[int]:
    """What the membrane memory holds behind a step that is not the last."""
    neuron = design.neuron
    shift = neuron.membrane_shift if design.adds and neuron.kind not in ("accumulate", "timed") else 0
    return with_notes(design, words_of(design, step.membrane >> shift, design.stored_bits), step.fired, step.noted)


def with_notes(design: SweepDesign, words: list[int], fired: np.ndarray, noted: np.ndarray) -> list[int]:
    """Above the values of each word the flags of neurons that fire once, or the steps that classes have noted."""
    kind = design.neuron.kind
    if kind not in ("single_spike", "timed"):
        return words
    above = words_of(design, fired, 1) if kind == "single_spike" else words_of(design, noted, design.neuron.time_bits)
    return [w | n << (design.stored_bits * design.lanes) for w, n in zip(words, above, strict=True)]


def by_neuron(design: SweepDesign, words: dict[int, list[int]]) -> np.ndarray:
    rows = np.array([words[i] for i in range(design.words)], np.int64)
    return rows.reshape(design.positions, -1)[:, : design.channels]


def as_map(design: SweepDesign, values: np.ndarray) -> list[int]:
    """(positions, channels) → full words, the rest padded with 0."""
    flat = [int(v) for v in values.ravel()]
    starts = range(0, len(flat), design.word_values)
    parts = [flat[i : i + design.word_values] for i in starts]
    return [sum(v << (design.value_bits * k) for k, v in enumerate(part)) for part in parts]


class Machine:
    """Drives a bench step by step and writes down what it shows, cycle by cycle."""

    def __init__(self, design: SweepDesign) -> None:
        self.design, self.bench = design, Bench(design)
        self.sweep = self.bench.sweep

    def run(self, steps: list[Step], ready=None) -> list[dict]:
        """Per step what was seen; ``ready`` says by step and cycle whether a word may be issued (default: always)."""
        seen: list[dict] = []

        async def drive(ctx):
            before = np.zeros((self.design.positions, self.design.channels), np.int64)
            fired, noted = np.zeros(before.shape, bool), np.zeros(before.shape, np.int64)
            for t, step in enumerate(steps):
                last = t == len(steps) - 1
                self.load(ctx, step, before, fired, noted)
                seen.append(await self.step(ctx, last, ready[t] if ready else None))
                seen[-1]["memory"] = [ctx.get(self.bench.membranes.memory[i]) for i in range(self.design.words)]
                before = np.zeros_like(before) if last else step.membrane
                fired, noted = step.fired, step.noted

        simulator = Simulator(self.bench)
        simulator.add_clock(1e-6)
        simulator.add_testbench(drive)
        simulator.run()
        return seen

    def load(self, ctx, step: Step, before: np.ndarray, fired: np.ndarray, noted: np.ndarray) -> None:
        """The step's operands: sums of codes, z_w · events more than the sums, modulo 2^A."""
        design, bits = self.design, self.design.neuron.accumulator_bits
        extra = design.weight_zero * step.events[:, None]
        in_place = not design.adds
        sums = step.potential + extra - (0 if in_place or not design.stored_bits else before)
        target = self.bench.membranes if in_place else self.bench.sums
        words = words_of(design, sums, bits)
        if in_place:
            words = with_notes(design, words, fired, noted)
        for i, word in enumerate(words):
            ctx.set(target.memory[i], word)
            if design.weight_zero and i % design.beats == 0:
                ctx.set(self.bench.events.memory[i], int(step.events[i // design.beats]))

    async def step(self, ctx, last: bool, ready) -> dict:
        """From the start to the hand-over cycle; a sweep that is never ready does not end."""
        sweep, seen = self.sweep, {"issued": [], "membrane": {}, "fired": {}, "map": {}, "counts": {}, "cycles": 0}
        ctx.set(sweep.last, last)
        while True:
            cycle = seen["cycles"]
            ctx.set(sweep.restart, cycle == 0)
            ctx.set(sweep.ready, bool(ready is None or cycle >= len(ready) or ready[cycle]))
            done = cycle > 0 and ctx.get(sweep.empty)
            self.look(ctx, seen)
            if done:
                seen["class"] = None if self.design.word_values else ctx.get(sweep.winner)
            await ctx.tick()
            seen["cycles"] += 1
            if done:
                return seen

    def look(self, ctx, seen: dict) -> None:
        sweep, design = self.sweep, self.design
        seen["issued"].append(ctx.get(sweep.issue_word) if ctx.get(sweep.issue) else None)
        if ctx.get(sweep.probe.valid):
            word = ctx.get(sweep.probe.word)
            assert word not in seen["membrane"]
            seen["membrane"][word] = [ctx.get(sweep.probe.membrane[i]) for i in range(design.lanes)]
            seen["fired"][word] = [ctx.get(sweep.probe.fired[i]) for i in range(design.lanes)]
        for name in sweep.activity.shape().members:
            seen["counts"][name] = seen["counts"].get(name, 0) + ctx.get(sweep.activity[name])
        if design.word_values:
            enable, address = ctx.get(sweep.target.enable), ctx.get(sweep.target.address)
            for k in range(enable.bit_length()):
                assert enable >> k & 1
                assert address + k not in seen["map"]
                seen["map"][address + k] = ctx.get(sweep.target.data[k])


def stepped_core(design: SweepDesign) -> EventCore:
    """`naive_event.EventCore` at the beginning of its sweep."""
    shape = LayerShape("swept", "conv2d", (1, 1, 1, design.positions), design.channels, (1, 1, 1))
    core = EventCore(
        [0] * design.positions,
        shape,
        lanes=design.lanes,
        scan_width=design.word_values or 8,
        fifo_depth=1,
        pipeline_depth=1,
        sweep_depth=design.depth,
        ports=design.ports,
        banks=design.banks,
    )
    core.sweeping = True
    return core


def in_cycles(design: SweepDesign, ready=()):
    """(word issued in every cycle, packed words written, stalls) of the stepped machine, to its hand-over cycle."""
    core, issued = stepped_core(design), []
    core.accesses = Counter()
    while not core.finished:
        core.accesses.clear()
        cycle = len(issued)
        issued.append(core.step_sweep(bool(cycle >= len(ready) or ready[cycle])))
    return issued, core.count["spike writes"], core.count["sweep stall"]


__all__ = ["Machine", "as_map", "by_neuron", "in_cycles", "kept_words", "made_steps", "neurons", "outputs", "sweeps"]

"""The neuron sweep as it is built, against the fixed-point arithmetic and the stepped machine."""

import numpy as np
import pytest
from amaranth.hdl import Fragment
from hypothesis import given, settings
from hypothesis import strategies as st
from made_event_design import LIF
from rtl_sweep import Machine, as_map, by_neuron, in_cycles, kept_words, made_steps, outputs, sweeps

from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.sweep.neuron import Neurons


@settings(max_examples=150)
@given(sweeps(), st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_values_of_every_neuron_and_step(design, seed, steps):
    """Membranes, spikes, map, class, and what is left in memory, for any words, widths, depths and ports."""
    made = made_steps(design, steps, np.random.default_rng(seed))
    for t, (step, seen) in enumerate(zip(made, runs := Machine(design).run(made), strict=True)):
        assert (by_neuron(design, seen["membrane"]) == step.membrane).all()
        if design.word_values:
            expected = as_map(design, step.result)
            assert [seen["map"].get(i) for i in range(len(expected))] == expected
            assert len(seen["map"]) == len(expected) == design.output_words
        if design.stored_bits:
            assert seen["memory"] == ([0] * design.words if t == steps - 1 else kept_words(design, step))
    if not design.word_values:
        assert runs[-1]["class"] == outputs(design.neuron, made[-1]).ravel().argmax()


@settings(max_examples=100)
@given(sweeps(), st.integers(0, 2**32 - 1), st.integers(1, 2))
def test_counts(design, seed, steps):
    """Every action of docs/microarchitecture.md §4.7, and none that the layer does not have."""
    made = made_steps(design, steps, np.random.default_rng(seed))
    counts = [seen["counts"] for seen in Machine(design).run(made)]
    neuron, neurons, words = design.neuron, design.neurons, design.words
    spikes = neuron.kind in ("lif", "if", "single_spike")
    for t, (step, seen) in enumerate(zip(made, counts, strict=True)):
        expected = {"sweep_busy": words, "sweep_stall": in_cycles(design)[2]}
        if design.stored_bits:
            expected |= {"membrane_memory_read": words, "membrane_memory_write": words}
            expected |= {"neuron_integrate": neurons} if design.adds else {}
        if design.weight_zero:
            expected |= {"correction_multiply": design.positions, "correction_add": neurons}
            accesses = {"count_memory_read": design.positions, "count_memory_write": design.positions}
            expected |= {} if design.adds else accesses
        if neuron.kind == "relu":
            expected |= {"neuron_relu": neurons}
        if spikes or neuron.kind == "accumulate":
            expected |= {"neuron_compare": neurons if spikes or t == steps - 1 else 0}
        if neuron.kind in ("lif", "if"):
            expected |= {"neuron_reset": int(step.result.sum())}
        if neuron.leak_digits:
            expected |= {"neuron_shift_leak": neurons * len(neuron.leak_digits)}
        elif spikes and neuron.leak not in (0, 2**neuron.fraction_bits):
            expected |= {"neuron_leak": neurons}
        if design.word_values:
            map_words = "activation_memory_write" if neuron.kind == "relu" else "spike_memory_write"
            expected |= {"packer_pack": words, map_words: design.output_words}
        assert seen == (timed(design, expected, last=t == steps - 1) if neuron.kind == "timed" else expected)


def timed(design, expected, *, last):
    """Each class is compared with its threshold, in the last step besides with the others, once its time is off."""
    integrated = design.neurons * (design.adds + last)
    counted = {"neuron_integrate": integrated, "neuron_compare": design.neurons * (1 + last)}
    return expected | counted


@settings(max_examples=100)
@given(sweeps(), st.integers(0, 2**32 - 1), st.integers(1, 2), st.lists(st.booleans(), max_size=40))
def test_cycles_of_the_stepped_machine(design, seed, steps, ready):
    """Which word is issued in which cycle, held by the port or by whoever makes its sums; when all is over."""
    made = made_steps(design, steps, np.random.default_rng(seed))
    runs = Machine(design).run(made, ready=[ready] * steps)
    issued, written, stalls = in_cycles(design, ready)
    for seen in runs:
        assert seen["issued"] == issued
        assert seen["cycles"] == len(issued)
        assert len(seen["map"]) == (written if design.word_values else 0)
        assert (seen["counts"]["sweep_busy"], seen["counts"]["sweep_stall"]) == (design.words, stalls)


@pytest.mark.parametrize("depth", range(1, 9))
def test_registers_stand_evenly_behind_sum_product_and_result(depth):
    """Where they stand shows in no value and no cycle, but in the clock that can be reached."""
    sizes = {"lanes": 1, "channels": 1, "positions": 1, "stored_bits": 20, "ports": 2, "banks": 1, "adds": False}
    design = SweepDesign(LIF, depth=depth, weight_zero=0, count_bits=0, value_bits=1, word_values=8, **sizes)
    kept: dict[int, set[str]] = {}
    for statement in Fragment.get(Neurons(design), None).statements["sync"] if depth > 1 else ():
        for signal in statement._lhs_signals():
            name, stage = signal.name.rsplit("_", 1)
            kept.setdefault(int(stage), set()).add(name)
    behind_sum, behind_product, behind_result = {"membrane"}, {"product", "result"}, {"membrane", "result"}
    assert sorted(kept) == list(range(2, depth + 1))
    assert [kept[stage] for stage in sorted(kept)] == sorted(
        [(behind_sum, behind_product, behind_result)[number % 3] for number in range(depth - 1)],
        key=(behind_sum, behind_product, behind_result).index,
    )

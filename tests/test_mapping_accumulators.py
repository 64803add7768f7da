"""The proof that no sum leaves its word: tight against brute force, and told in one line where it fails."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import machine
from strategies import cases, coded_networks, networks

from pimsim.errors import AccumulatorError, MappingError
from pimsim.hardware import load_hardware
from pimsim.mapping import layer_numerics
from pimsim.mapping.accumulators import crossbar_range, ends_of_sums, membrane_shift, sum_range
from pimsim.model import load_network
from pimsim.model.architecture import LayerShape
from pimsim.model.crossbar import converted_sums
from pimsim.model.fixed_point import word_bits
from pimsim.model.macro import Macro
from pimsim.model.network import (
    AFFINE,
    IF,
    SCALE,
    SINGLE_SPIKE,
    TIMED,
    IntegerLayer,
    IntegerNetwork,
    LayerNumerics,
    Neuron,
)
from pimsim.model.reference import run
from pimsim.resources import MODEL, find


def small_layer(rng, scheme=AFFINE):
    bits = 3
    low, high = (0, 7) if scheme == AFFINE else (-3, 3)
    shape = LayerShape("small", "linear", (4, 1, 1, 1), 2, (1, 1, 1))
    weight = rng.integers(low, high + 1, (2, 4, 1, 1, 1)).astype(np.int32)
    zero = int(rng.integers(0, 8)) if scheme == AFFINE else 0
    return IntegerLayer(shape, weight, bits, scheme, zero, 0.1, Neuron("lif", 3, 1))


@given(st.integers(0, 999), st.integers(0, 3))
def test_the_ends_are_reached_by_some_inputs_and_passed_by_none(seed, zero):
    layer = small_layer(np.random.default_rng(seed))
    low, high = -zero, 3 - zero
    inputs = np.array(list(product(range(low, high + 1), repeat=4)))
    sums = inputs @ layer.centred.reshape(2, 4).T
    assert sum_range(layer, (low, high)) == (min(int(sums.min()), 0), max(int(sums.max()), 0))


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(0, 3), st.sampled_from([AFFINE, SCALE]), st.integers(1, 2))
def test_sums_of_a_clipping_converter_stay_inside_their_bounds(seed, zero, scheme, adc_bits):
    layer = small_layer(np.random.default_rng(seed), scheme)
    codes = np.array(list(product(range(4), repeat=4)), np.int64)
    macro = Macro(4, adc_bits)
    sums = converted_sums(layer, codes, zero, 3, macro)
    low, high = crossbar_range(layer, (-zero, 3 - zero), macro)
    assert low <= sums.min()
    assert sums.max() <= high


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_the_narrowest_word_holds_both_ends_and_no_narrower_one_does(a, b):
    low, high = min(a, b), max(a, b)
    bits = word_bits(low, high)
    assert -(2 ** (bits - 1)) <= low
    assert high < 2 ** (bits - 1)
    narrower = -(2 ** (bits - 2)) <= low and high < 2 ** (bits - 2) if bits > 1 else False
    assert not narrower


@settings(max_examples=40)
@given(cases())
def test_a_network_that_passes_the_proof_never_leaves_its_words(case):
    hardware = machine("digital45nm", engines__event__membrane_bits=10)
    run(case.network, case.inputs, layer_numerics(case.network, hardware))  # raises where a potential leaves its word


def narrowest(network: IntegerNetwork, keys: dict[str, object]) -> tuple[LayerNumerics, ...]:
    """Words of digital45nm with ``keys``, every accumulator as narrow as the proof lets it be."""
    try:
        return layer_numerics(network, load_hardware("digital45nm", keys))
    except AccumulatorError as error:
        key, bits = error.key, error.bits
    assume(bits <= 32)
    assert bits > keys[key]
    return narrowest(network, {**keys, key: bits})


@settings(max_examples=60)
@given(cases(of=coded_networks()), st.sampled_from(["mac", "event"]), st.integers(4, 12), st.booleans())
def test_the_narrowest_words_that_pass_the_proof_are_never_left(case, spikes, membrane_bits, rounds):
    """Of input spikes, neurons that fire once and timed classifiers as well; `run` raises where a word is left."""
    assume(case.network.input_spikes is None or case.network.input_spikes.shift < 8)
    words = {"membrane_bits": membrane_bits, "membrane_step": "auto" if rounds else "exact"}
    keys = {f"engines.{name}.{key}": value for name in ("mac", "event") for key, value in words.items()}
    keys |= {f"engines.{name}.accumulator_bits": membrane_bits for name in ("mac", "event")}
    keys |= {"layers.input_spikes": spikes}
    run(case.network, case.inputs, narrowest(case.network, keys))


@settings(max_examples=40)
@given(st.integers(0, 999), st.sampled_from([IF, SINGLE_SPIKE, TIMED]), st.sampled_from([0, 1, 5, 9, 40]))
def test_inputs_that_fire_once_bring_every_weight_once(seed, kind, threshold):
    """Four inputs fire at step 1, 2, 3 or never: all that they can do is tried, with membranes that forget nothing."""
    layer = small_layer(np.random.default_rng(seed))
    weights = layer.centred.reshape(2, 4)
    resets = threshold if kind == IF else 0
    lowest = highest = 0
    for when in product(range(4), repeat=4):
        u = np.zeros(2, int)
        for step in (1, 2, 3):
            u = u + weights @ (np.array(when) == step)
            lowest, highest = min(lowest, int(u.min())), max(highest, int(u.max()))
            u = u - resets * (u > threshold)
    low, high = sum_range(layer, (0, 1))
    layer = replace(layer, neuron=Neuron(kind, threshold, 0 if kind == TIMED else 1))
    ends = ends_of_sums(layer, LayerNumerics(32, 24), (low, high), steps=3, once=True)
    assert ends == (low - resets, high, "over 3 steps of inputs that fire once")
    assert ends[0] <= lowest
    assert (lowest, highest) == (low, high) or (resets and lowest >= low - resets and highest <= high)


def test_rounded_membranes_may_grow_beyond_what_inputs_that_fire_once_bring():
    # Steps of 2, halves upwards: a membrane of 1 is stored as 2, so four spikes on weights of 1, one by one, give
    # 1 → 2, 3 → 4, 5 → 6, 7, of which they brought 4.
    layer = small_layer(np.random.default_rng(0))
    layer = replace(layer, weight=np.ones_like(layer.weight), zero_point=0, neuron=Neuron(SINGLE_SPIKE, 40, 1))
    widths = {"membrane_bits": 6, "membrane_rounding": "half_up"}
    for shift, expected in ((0, (0, 4)), (1, (-64, 66))):
        numerics = LayerNumerics(16, membrane_shift=shift, **widths)
        assert ends_of_sums(layer, numerics, sum_range(layer, (0, 1)), steps=4, once=True)[:2] == expected


@settings(max_examples=40)
@given(networks(), st.integers(1, 6), st.integers(1, 200))
def test_a_converter_is_called_clipping_exactly_when_it_is(network, adc_bits, rows):
    hardware = machine("pim45nm_bitserial", engines__pim__adc_bits=adc_bits, engines__pim__rows_active=rows)
    first, *others = layer_numerics(network, hardware)
    clips = min(rows, network.layers[0].shape.fan_in) > 2**adc_bits - 1
    assert first.crossbar == (Macro(rows, adc_bits) if clips else None)
    assert all(numerics.crossbar is None for numerics in others)


def test_the_shipped_bit_serial_crossbar_is_lossless():
    assert layer_numerics(made_network(), load_hardware("pim45nm_bitserial"))[0].crossbar is None


def test_the_classifier_keeps_its_sum_in_the_accumulator():
    numerics = layer_numerics(made_network(), load_hardware("pim45nm"))
    event = load_hardware("pim45nm").engines.event
    assert numerics[-1].membrane_bits == numerics[-1].accumulator_bits == event.accumulator_bits
    assert numerics[1].membrane_bits == event.membrane_bits


@pytest.mark.parametrize(
    ("bits", "spans", "shift"),
    [
        (6, 1.0, 1),  # 31 << 0 = 31 is below the threshold of 40, 31 << 1 = 62 is not
        (6, 1.55, 1),  # 62 thresholds' worth is exactly 62
        (6, 1.56, 2),
        (7, 1.0, 0),
        (4, 1.0, 3),  # 7 << 2 = 28
        (6, 0.5, 0),
    ],
)
def test_a_stored_membrane_reaches_the_range_with_the_smallest_step(bits, spans, shift):
    layer = small_layer(np.random.default_rng(0))
    layer = replace(layer, neuron=Neuron("lif", 40, 1))
    keys = {"membrane_bits": bits, "membrane_step": "auto", "membrane_range": spans}
    machine = load_hardware("pim45nm", {f"engines.event.{key}": value for key, value in keys.items()})
    assert membrane_shift(layer, machine.engines.event) == shift


def test_steps_are_counted_in_the_proof_and_refused_where_the_accumulator_is_too_narrow():
    """Threshold 955 of the shipped first layer: with 6 bits 31 << 5 = 992 reaches it, so membranes span −1024 … 992."""
    network = load_network(find(MODEL, "cnn3d_6b"))
    keys = {"membrane_bits": 6, "membrane_step": "auto"}
    narrow = {f"engines.pim.{key}": value for key, value in keys.items()}
    low, high = sum_range(network.layers[0], (-network.input.zero_point, 63 - network.input.zero_point))
    needed = word_bits(low - 1024, high + 992)
    assert layer_numerics(network, load_hardware("pim45nm", narrow))[0].membrane_shift == 5
    with pytest.raises(MappingError, match=f"on membranes of 6 bits in steps of 32 and need {needed} bits"):
        layer_numerics(network, load_hardware("pim45nm", narrow | {"engines.pim.accumulator_bits": needed - 1}))


def test_a_leak_that_the_shifts_give_exactly_is_the_models_own():
    """In 256ths 255 = 256 − 1 and 256 take at most two powers, 229 = 256 − 32 + 4 + 1 and the others four."""
    network = load_network(find(MODEL, "cnn3d_6b"))
    leaks = [layer.neuron.leak for layer in network.layers]
    assert leaks == [255, 256, 229, 209, 206, 229, 0]
    shifts = {f"engines.{engine}.leak": "shifts" for engine in ("pim", "event")}
    terms = {f"engines.{engine}.leak_terms": 2 for engine in ("pim", "event")}
    assert [one.leak_terms for one in layer_numerics(network, load_hardware("pim45nm", shifts | terms))] == [
        *(0, 0, 2, 2, 2, 2, 0)
    ]
    exact = {f"engines.{engine}.leak_terms": 4 for engine in ("pim", "event")}
    assert layer_numerics(network, load_hardware("pim45nm", shifts | exact)) == layer_numerics(
        network, load_hardware("pim45nm")
    )


def test_an_accumulator_that_can_overflow_is_refused_with_the_bits_it_needs():
    network = made_network()
    narrow = {"engines.event.accumulator_bits": 9, "engines.event.membrane_bits": 8}
    with pytest.raises(MappingError) as caught:
        layer_numerics(network, load_hardware("pim45nm", narrow))
    low, high = sum_range(network.layers[1], (0, 1))
    needed = word_bits(low - 128, high + 127)
    assert str(caught.value) == (
        f'layer "conv2": sums reach {low - 128} … {high + 127} on membranes of 8 bits and need {needed} bits, '
        "engines.event.accumulator_bits=9"
    )


def test_nothing_is_proved_where_nothing_is_executed():
    machine = load_hardware("ann45nm")
    assert machine.engines.mac is not None
    numerics = layer_numerics(made_network(), machine)
    assert {item.accumulator_bits for item in numerics} == {machine.engines.mac.accumulator_bits}

"""The dense reference equals its naive twin, and does what docs/model-format.md says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_model import Map, NaiveLayer, naive_outputs, run_naive
from strategies import Case, cases, cnns, numerics

from pimsim.errors import ModelError, SceneError
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.fixed_point import word_range
from pimsim.model.input import InputQuantization
from pimsim.model.macro import Macro
from pimsim.model.network import IntegerLayer, IntegerNetwork, LayerNumerics, Neuron
from pimsim.model.reference import ReferenceRun, _product, layer_sums, run


def dense(maps: list[Map], like: Any) -> Any:
    """Maps of all steps as an array (T, D, H, W, C)."""
    result = np.zeros(like.shape, np.int64)
    for step, values in enumerate(maps):
        for (c, d, h, w), value in values.items():
            result[step, d, h, w, c] = value
    return result


def compare(case: Case, result: ReferenceRun, widths: tuple[LayerNumerics, ...]) -> None:
    samples = [run_naive(case.network, sample, widths) for sample in case.inputs]
    assert result.outputs.tolist() == [naive_outputs(case.network, layers[-1]) for layers in samples]
    for number in range(len(case.network.layers)):
        layers: list[NaiveLayer] = [sample[number] for sample in samples]
        for n, naive in enumerate(layers):
            assert (dense(naive.potentials, result.potentials[number][n]) == result.potentials[number][n]).all()
            assert (dense(naive.membranes, result.membranes[number][n]) == result.membranes[number][n]).all()
            if number < len(result.spikes):
                assert (dense(naive.spikes, result.spikes[number][n]) == result.spikes[number][n]).all()
            if number < len(result.activations):
                activations = result.activations[number][n : n + 1]
                assert (dense(naive.spikes, activations) == activations).all()
        offers = [value for naive in layers for step in naive.offers for value in step.values()]
        assert result.membrane_low[number] == min(offers)
        assert result.membrane_high[number] == max(offers)
        assert result.saturations[number] == sum(naive.saturations for naive in layers)


@settings(max_examples=60, deadline=None)
@given(cases(max_samples=2), st.data())
def test_reference_equals_naive_twin_on_every_spike_and_membrane(case: Case, data: st.DataObject) -> None:
    widths = data.draw(numerics(case.network))
    compare(case, run(case.network, case.inputs, widths), widths)


@settings(max_examples=60, deadline=None)
@given(cases(max_samples=2, of=cnns()), st.data())
def test_reference_equals_naive_twin_on_every_activation_of_a_cnn(case: Case, data: st.DataObject) -> None:
    widths = data.draw(numerics(case.network, every_layer=True))
    compare(case, run(case.network, case.inputs, widths), widths)


@settings(max_examples=60, deadline=None)
@given(cases(max_samples=2), st.data())
def test_a_crossbar_with_enough_converter_bits_gives_every_exact_sum(case: Case, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 40))
    macro = LayerNumerics(accumulator_bits=46, crossbar=Macro(rows=rows, adc_bits=rows.bit_length()))
    exact = run(case.network, case.inputs, [replace(macro, crossbar=None)] * len(case.network.layers))
    crossbar = run(case.network, case.inputs, [macro] * len(case.network.layers))  # every layer, not only the first
    for a, b in zip(exact.potentials, crossbar.potentials, strict=True):
        assert (a == b).all()


def test_a_converter_that_is_too_narrow_clips_products_and_reference_alike() -> None:
    # One output, 4 operands of 1 bit, all 1; weights 3, 3, 3, 1 of 2 bits with zero point 1; rows 4, full scale 1.
    # Counts 4 (bit 0) and 3 (bit 1) clip to 1 and 1: P = 1 + 2 = 3; reference count 4 clips to 1: R = 1; a = 3 − 1 = 2.
    shape = LayerShape.linear("fc", (1, 4, 1, 1), 1)
    layer = IntegerLayer(shape, np.array([3, 3, 3, 1]).reshape(1, 1, 4, 1, 1), 2, "affine", 1, 1.0, Neuron("lif", 0, 1))
    signal = np.ones((1, 1, 4, 1, 1, 1), np.int64)
    narrow = LayerNumerics(crossbar=Macro(rows=4, adc_bits=1))
    assert layer_sums(layer, signal, (0, 1), narrow.crossbar).ravel().tolist() == [2]
    assert layer_sums(layer, signal, (0, 1)).ravel().tolist() == [6]  # 2 + 2 + 2 + 0


@settings(max_examples=30, deadline=None)
@given(cases(max_samples=3))
def test_samples_do_not_influence_each_other(case: Case) -> None:
    together = run(case.network, case.inputs)
    for index in range(len(case.inputs)):
        alone = run(case.network, case.inputs[index : index + 1])
        assert (alone.outputs[0] == together.outputs[index]).all()
        for a, b in zip(alone.spikes, together.spikes, strict=True):
            assert (a[0] == b[index]).all()


@settings(max_examples=30, deadline=None)
@given(cases(max_samples=2))
def test_single_spike_neurons_fire_at_most_once(case: Case) -> None:
    result = run(case.network, case.inputs)
    for layer, spikes in zip(case.network.layers, result.spikes, strict=False):
        if layer.neuron.kind == "single_spike":
            assert spikes.sum(1).max() <= 1


@settings(max_examples=30, deadline=None)
@given(cases(max_samples=2), st.data())
def test_narrow_membranes_stay_inside_their_words(case: Case, data: st.DataObject) -> None:
    widths = data.draw(numerics(case.network))
    result = run(case.network, case.inputs, widths)
    for membranes, width in zip(result.membranes[:-1], widths, strict=False):
        low, high = word_range(width.membrane_bits)
        words = membranes >> width.membrane_shift
        assert low <= words.min() <= words.max() <= high
        assert (words << width.membrane_shift == membranes).all()


@settings(max_examples=30, deadline=None)
@given(cases(max_samples=2))
def test_an_input_of_real_zeros_moves_nothing(case: Case) -> None:
    silent = np.full_like(case.inputs, case.network.input.zero_point)
    result = run(case.network, silent)
    assert not any(spikes.any() for spikes in result.spikes)
    assert not result.outputs.any()


@settings(max_examples=20, deadline=None)
@given(cases(max_samples=1))
def test_no_samples_give_empty_results(case: Case) -> None:
    result = run(case.network, case.inputs[:0])
    assert result.outputs.shape == (0, case.network.classes)
    assert all(spikes.shape[0] == 0 for spikes in result.spikes)
    assert result.saturations.sum() == 0


@given(cases(max_hidden=1, max_samples=1))
@settings(max_examples=20, deadline=None)
def test_ties_go_to_the_lowest_class(case: Case) -> None:
    silent = np.full_like(case.inputs, case.network.input.zero_point)
    assert run(case.network, silent).predictions.tolist() == [0]


def tiny() -> IntegerNetwork:
    """One input, one neuron, one class; weight 100, threshold 10, no leak."""
    hidden = LayerShape.linear("hidden", (1, 1, 1, 1), 1)
    out = LayerShape.linear("out", hidden.out_shape, 1)
    weight = np.full((1, 1, 1, 1, 1), 100)
    return IntegerNetwork(
        architecture=Architecture("tiny", (1, 1, 1, 1), (hidden, out)),
        input=InputQuantization(4, 1.0, 0, np.zeros(1), np.ones(1)),
        layers=(
            IntegerLayer(hidden, weight, 8, "scale", 0, 1.0, Neuron("if", 10, 4096)),
            IntegerLayer(out, weight, 8, "scale", 0, 1.0, Neuron("accumulate")),
        ),
        time_steps=3,
    )


def test_a_potential_beyond_its_accumulator_is_an_error_and_never_wraps() -> None:
    codes = np.full((1, 1, 1, 1, 1), 10, np.uint8)
    # potentials 1000, 1990, 2980: 2^11 − 1 = 2047 is exceeded at the third step
    with pytest.raises(ModelError, match=r'"hidden": potentials 2980 … 2980 leave the 12-bit accumulator'):
        run(tiny(), codes, [LayerNumerics(12, 12), LayerNumerics()])
    assert run(tiny(), codes, [LayerNumerics(13, 13), LayerNumerics()]).saturations.tolist() == [0, 0]
    # the classifier sums 100 a step: 300 needs 10 bits
    with pytest.raises(ModelError, match='"out": potentials 300'):
        run(tiny(), codes, [LayerNumerics(), LayerNumerics(9, 9)])


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (np.zeros((1, 1, 2, 1, 1), np.uint8), "shape"),
        (np.zeros((1, 1, 1, 1), np.uint8), "shape"),
        (np.full((1, 1, 1, 1, 1), 16, np.uint8), "outside 0 … 15"),
        (np.full((1, 1, 1, 1, 1), -1, np.int8), "outside 0 … 15"),
        (np.zeros((1, 1, 1, 1, 1)), "float64, expected integers"),
    ],
)
def test_codes_that_do_not_belong_to_the_network_are_refused(codes: Any, words: str) -> None:
    with pytest.raises(SceneError, match=words):
        run(tiny(), codes)


def test_widths_are_given_for_every_layer_or_none() -> None:
    with pytest.raises(ModelError, match="numerics for 1 layers, the network has 2"):
        run(tiny(), np.zeros((1, 1, 1, 1, 1), np.uint8), [LayerNumerics()])


def test_sums_beyond_double_precision_are_exact() -> None:
    # (2^30 + 1)^2 needs 61 bits, a double holds 53: the product is taken in integers
    columns = np.full((1, 3), 2**30 + 1, np.int64)
    weights = np.array([[2**30 + 1], [1], [-1]], np.int64)
    assert _product(columns, weights).tolist() == [[(2**30 + 1) ** 2]]

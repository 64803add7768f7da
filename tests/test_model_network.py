"""Networks refuse what cannot be, and raw samples become the documented codes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import model_files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import input_quantizations

from pimsim.errors import ModelError, SceneError
from pimsim.model import load_network
from pimsim.model.architecture import LayerShape
from pimsim.model.input import InputQuantization
from pimsim.model.macro import Macro
from pimsim.model.network import IntegerNetwork, LayerNumerics, Neuron


@pytest.fixture
def network(tmp_path: Path) -> IntegerNetwork:
    return load_network(model_files.write(tmp_path / "a.npz"))


def quantization(**changes: Any) -> InputQuantization:
    values: dict[str, Any] = {"bits": 4, "scale": 0.5, "zero_point": 8, "mean": np.zeros(2), "deviation": np.ones(2)}
    return InputQuantization(**(values | changes))


@settings(max_examples=60)
@given(data=st.data(), channels=st.integers(1, 2), bands=st.integers(1, 4))
def test_codes_are_the_rounded_clipped_quotients(data: st.DataObject, channels: int, bands: int) -> None:
    rule = data.draw(input_quantizations((channels, bands, 3, 1)))
    count = 6 * channels * bands
    values = data.draw(st.lists(st.floats(-1e6, 1e6), min_size=count, max_size=count))
    raw = np.array(values).reshape(2, channels, bands, 3, 1)
    codes = rule.quantize(raw)
    for index in np.ndindex(*raw.shape):
        place = index[1:3] if rule.per_channel else index[2]
        quotient = (float(raw[index]) - float(rule.mean[place])) / float(rule.deviation[place]) / rule.scale
        nearest = round(Fraction(quotient)) + rule.zero_point  # Python rounds halves to even
        assert codes[index] == min(max(nearest, 0), 2**rule.bits - 1)


def test_halves_round_to_even_and_the_ends_clip() -> None:
    raw = np.array([0.25, 0.75, 1.25, -0.25, 1e300, -1e300]).reshape(1, 1, 1, 6, 1)
    rule = quantization(mean=np.zeros(1), deviation=np.ones(1))
    # in units of the scale: 0.5, 1.5, 2.5, −0.5, beyond both ends
    assert rule.quantize(raw).ravel().tolist() == [8, 10, 10, 8, 15, 0]


@pytest.mark.parametrize(("bits", "dtype"), [(1, np.uint8), (8, np.uint8), (9, np.uint16), (16, np.uint16)])
def test_codes_take_the_narrowest_unsigned_type(bits: int, dtype: type) -> None:
    assert quantization(bits=bits, zero_point=0).quantize(np.zeros((1, 1, 2, 1, 1))).dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float16, np.int64])
def test_codes_do_not_depend_on_the_type_of_the_samples(dtype: type) -> None:
    raw = np.arange(12).reshape(1, 2, 2, 3, 1)
    assert (quantization().quantize(raw.astype(dtype)) == quantization().quantize(raw.astype(float))).all()


def test_channels_have_means_of_their_own_where_the_rule_says_so() -> None:
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(0, 50, (3, 2)), rng.uniform(1, 50, (3, 2))
    rule = quantization(mean=mean, deviation=deviation)
    raw = rng.integers(0, 256, (4, 3, 2, 5, 6), np.uint8)
    codes = rule.quantize(raw)
    for channel in range(3):  # a channel's codes are those of a rule of its own mean and deviation
        alone = quantization(mean=mean[channel], deviation=deviation[channel])
        assert np.array_equal(alone.quantize(raw[:, channel : channel + 1])[:, 0], codes[:, channel])
    assert rule.fits((3, 2, 9, 9))
    assert not rule.fits((1, 2, 9, 9))
    assert np.array_equal(rule.first(2, 1).quantize(raw[:, :2, :1]), codes[:, :2, :1])
    with pytest.raises(SceneError, match="input samples have 2 channels, the model takes 3"):
        rule.quantize(raw[:, :2])


def test_quantizing_leaves_the_samples_as_they_are_and_takes_none_at_all() -> None:
    raw = np.full((1, 1, 2, 1, 1), 3.0)
    quantization().quantize(raw)
    assert (raw == 3.0).all()
    assert quantization().quantize(raw[:0]).shape == (0, 1, 2, 1, 1)


def test_a_quotient_beyond_double_precision_clips() -> None:
    rule = quantization(mean=np.full(2, -1e308), deviation=np.full(2, 1e-300))
    assert (rule.quantize(np.full((1, 1, 2, 1, 1), 1e308)) == 15).all()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (np.full((1, 1, 2, 1, 1), np.nan), "nan; every value must be finite"),
        (np.full((1, 1, 2, 1, 1), -np.inf), "-inf; every value must be finite"),
        (np.zeros((1, 1, 3, 1, 1)), "3 bands, the model takes 2"),
        (np.zeros((1, 2, 1, 1)), r"shape \(1, 2, 1, 1\), expected \(samples, channels, bands"),
        (np.zeros((1, 1, 2, 1, 1), complex), "complex128, expected numbers"),
        (np.full((1, 1, 2, 1, 1), "x"), "<U1, expected numbers"),
    ],
)
def test_samples_that_cannot_be_quantized_are_refused(raw: Any, words: str) -> None:
    with pytest.raises(SceneError, match=words):
        quantization().quantize(raw)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bits": 17}, "input.bits=17 is outside 1 … 16"),
        ({"bits": True}, "input.bits=True is not an integer"),
        ({"scale": float("nan")}, "input.scale=nan"),
        ({"zero_point": -1}, "input.zero_point=-1 is outside 0 … 15"),
        ({"mean": np.zeros((2, 1, 1))}, "input.mean: expected a non-empty vector"),
        ({"mean": np.zeros(0)}, "input.mean: expected a non-empty vector"),
        ({"mean": np.zeros(3)}, "input.deviation: shape"),
        ({"deviation": -np.ones(2)}, r"input.deviation\[0\]=-1.0 must be finite and above 0"),
    ],
)
def test_an_input_rule_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        quantization(**changes)


def test_layers_must_be_those_of_the_architecture(network: IntegerNetwork) -> None:
    with pytest.raises(ModelError, match="2 layers, the architecture has 3"):
        replace(network, layers=network.layers[:2])
    other = replace(network.layers[0].shape, stride=(2, 1, 1))
    with pytest.raises(ModelError, match='"conv1": shape'):
        replace(network, layers=(replace(network.layers[0], shape=other), *network.layers[1:]))


@pytest.mark.parametrize("kind", ["lif", "single_spike", "if"])
def test_a_leak_beyond_one_is_refused_in_every_neuron(network: IntegerNetwork, kind: str) -> None:
    layer = replace(network.layers[0], neuron=Neuron(kind, 5, 257))
    with pytest.raises(ModelError, match='"conv1": leak=257'):
        replace(network, layers=(layer, *network.layers[1:]))


@pytest.mark.parametrize(
    ("widths", "words"),
    [
        ({"accumulator_bits": 47}, "accumulator_bits=47 is outside 1 … 46"),
        ({"accumulator_bits": 0}, "accumulator_bits=0"),
        ({"accumulator_bits": 16, "membrane_bits": 17}, "membrane_bits=17 is outside 1 … 16"),
    ],
)
def test_word_widths_that_cannot_be_are_refused(widths: dict[str, int], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        LayerNumerics(**widths)


def test_a_converter_needs_rows_and_bits() -> None:
    with pytest.raises(ModelError, match="rows=0"):
        Macro(rows=0, adc_bits=3)
    with pytest.raises(ModelError, match="adc_bits=0"):
        Macro(rows=8, adc_bits=0)


def test_widths_are_recorded_with_zeros_for_exact_sums() -> None:
    plain = LayerNumerics(accumulator_bits=20, membrane_bits=6)
    assert plain.as_mapping() == {"accumulator_bits": 20, "membrane_bits": 6, "crossbar": ""}
    clipped = replace(plain, crossbar=Macro(rows=64, adc_bits=5))
    assert clipped.as_mapping() == {"accumulator_bits": 20, "membrane_bits": 6, "crossbar": "bit_serial:64:5"}


def test_a_linear_layer_after_a_reshape_covers_the_reshaped_map() -> None:
    layer = LayerShape.linear("fc", (5, 7, 1, 1), 2, pool=(1, 2, 1), spectral_map=True)
    assert layer.in_shape == (1, 1, 3, 5)
    assert layer.kernel == (1, 3, 5)

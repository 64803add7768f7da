"""Fake quantization against its definition: the grid over a tensor's own range, and the straight-through gradient."""

from __future__ import annotations

from typing import Any

import naive_training as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

torch = pytest.importorskip("torch")

from pimsim.model.architecture import cnn3d  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid, fake_quantize  # noqa: E402

#: weights as a network has them and far beyond, without the subnormal numbers, which no scale can express
VALUES = st.floats(-1e4, 1e4, width=32).filter(lambda value: value == 0 or abs(value) > 1e-20)
TENSORS = arrays(np.float32, st.integers(1, 40), elements=VALUES)
BITS = st.integers(2, 8)
SCHEMES = st.sampled_from(["affine", "scale"])
#: of a float32 quotient of a few hundred, in steps
ROUNDING = 1e-4


def quantized(values: Any, bits: int, scheme: str) -> tuple[Any, Any, Grid]:
    """Codes minus zero point, the gradient of their sum, and the grid."""
    tensor = torch.from_numpy(values).requires_grad_()
    grid = Grid.of(tensor.detach(), bits, scheme)
    codes = fake_quantize(tensor, grid)
    codes.sum().backward()
    return codes.detach().numpy(), tensor.grad.numpy(), grid


@given(TENSORS, BITS, SCHEMES)
def test_every_value_is_within_half_a_step_of_its_code(values: Any, bits: int, scheme: str) -> None:
    codes, _, grid = quantized(values, bits, scheme)
    assert np.array_equal(codes, np.rint(codes))
    assert np.all(codes[values == 0] == 0)
    assert np.abs(codes.astype(float) - values.astype(float) / grid.scale).max() <= 0.5 + ROUNDING
    low, high = grid.low - grid.zero_point, grid.high - grid.zero_point
    assert codes.min() >= low
    assert codes.max() <= high
    assert high - low == (2**bits - 1 if scheme == "affine" else 2**bits - 2)
    ordered = codes[np.argsort(values, kind="stable")]
    assert np.all(np.diff(ordered) >= 0)


@given(TENSORS, BITS, SCHEMES)
def test_the_gradient_is_that_of_the_identity_for_every_weight_of_the_range(
    values: Any, bits: int, scheme: str
) -> None:
    """The range is the tensor's own, so its smallest and its largest weight are inside too (in units of the step)."""
    _, gradient, grid = quantized(values, bits, scheme)
    np.testing.assert_allclose(gradient, 1 / grid.scale, rtol=1e-6)


@given(TENSORS, st.floats(-3, 0), st.floats(0.1, 3), BITS)
def test_the_gradient_is_zero_outside_the_range(values: Any, low: float, high: float, bits: int) -> None:
    grid = Grid.affine(low, high, bits)
    tensor = torch.from_numpy(values).requires_grad_()
    upstream = torch.arange(1.0, len(values) + 1)
    (fake_quantize(tensor, grid) * upstream).sum().backward()
    passed = tensor.grad.numpy() * grid.scale / upstream.numpy()
    # between the range's end and half a step beyond, where the rounding still reaches the last code, either may hold
    inside, outside = (values >= low) & (values <= high), (values < low - grid.scale) | (values > high + grid.scale)
    np.testing.assert_allclose(passed[inside], 1.0, rtol=1e-6)
    assert not np.any(passed[outside])


@given(TENSORS, BITS, SCHEMES)
def test_the_codes_are_those_of_the_definition(values: Any, bits: int, scheme: str) -> None:
    """Except where float32 cannot tell on which side of the middle between two codes a value lies."""
    if not np.any(values):
        return
    codes, _, grid = quantized(values, bits, scheme)
    expected, step = naive.centred_codes(values.astype(float), bits, scheme)
    assert grid.scale == pytest.approx(step, rel=1e-6)
    place = values.astype(float) / step
    clear = np.abs(place - np.floor(place) - 0.5) > ROUNDING
    assert np.array_equal(codes[clear], expected[clear])
    assert np.abs(codes - expected).max() <= 1


@given(TENSORS, BITS, SCHEMES)
def test_what_lies_on_the_grid_stays_where_it_is(values: Any, bits: int, scheme: str) -> None:
    codes, _, grid = quantized(values, bits, scheme)
    again = fake_quantize(torch.from_numpy((codes * grid.scale).astype(np.float32)), grid)
    assert np.array_equal(again.numpy(), codes)


@given(BITS, SCHEMES)
def test_a_tensor_of_zeros_has_a_grid_and_stays_zero(bits: int, scheme: str) -> None:
    codes, gradient, _ = quantized(np.zeros(5, np.float32), bits, scheme)
    assert not codes.any()
    assert np.all(np.isfinite(gradient))


def test_the_range_follows_the_weights_at_every_forward_pass() -> None:
    network = Network(cnn3d(12, 3), Grid(0.125, 8, 0, 15), seed=1)
    precision = Precision(weight_bits=4)
    with torch.no_grad():
        _, before = network.weight(2, precision)
        network.weights[2][0, 0, 0, 0, 0] = 7.0
        codes, after = network.weight(2, precision)
    low = float(network.weights[2].detach().min())
    assert after == pytest.approx((7.0 - low) / 15, rel=1e-6)
    assert after > 2 * before
    assert codes[0, 0, 0, 0, 0] == round(7.0 / after)

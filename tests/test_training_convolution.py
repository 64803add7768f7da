"""The training's convolutions against a slow twin, in integers, so that nothing is rounded."""

from __future__ import annotations

from typing import Any

import naive_training as naive
import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from pimsim.model.architecture import Architecture, LayerShape, cnn3d, cnn32h  # noqa: E402
from pimsim.training.convolution import convolve  # noqa: E402


def check(layer: LayerShape, seed: int, *, samples: int = 2) -> None:
    """Sums, and both gradients: of <conv(x, w), g>, linear in x and in w, at any other x and w too."""
    rng = np.random.default_rng(seed)
    x, other_x = rng.integers(-2, 3, (2, samples, *layer.source_shape)).astype(float)
    weight, other_weight = rng.integers(-1, 2, (2, layer.out_channels, layer.in_shape[0], *layer.kernel)).astype(float)
    expected = naive.convolution(x, weight, layer)
    upstream = rng.integers(-1, 2, expected.shape).astype(float)
    sums, x_gradient, weight_gradient = run(x, weight, upstream, layer, half=False)
    assert np.array_equal(sums, expected)
    assert np.sum(x_gradient * other_x) == np.sum(naive.convolution(other_x, weight, layer) * upstream)
    assert np.sum(weight_gradient * other_weight) == np.sum(naive.convolution(x, other_weight, layer) * upstream)

    half_sums, *half_gradients = run(x, weight, upstream, layer, half=True)
    assert np.array_equal(half_sums, torch.from_numpy(expected).bfloat16().double().numpy())
    for found, exact in zip(half_gradients, (x_gradient, weight_gradient), strict=True):
        np.testing.assert_allclose(found, exact, rtol=2**-7, atol=2**-7 * np.abs(exact).max())


def run(x: Any, weight: Any, upstream: Any, layer: LayerShape, *, half: bool) -> tuple[Any, Any, Any]:
    """Sums and the gradients of x and weight for ``upstream``; maps (N, C, D, H, W)."""
    dtype = torch.bfloat16 if half else torch.float32
    inputs = torch.from_numpy(x.transpose(0, 2, 3, 4, 1).copy()).to(dtype).requires_grad_()
    taps = torch.from_numpy(weight).to(dtype).requires_grad_()
    sums = convolve(inputs, taps, layer, half=half)
    assert sums.dtype == dtype
    sums.backward(torch.from_numpy(upstream.transpose(0, 2, 3, 4, 1).copy()).to(dtype))
    return channels_first(sums), channels_first(inputs.grad), taps.grad.double().numpy()


def channels_first(tensor: Any) -> Any:
    """(N, D, H, W, C) → (N, C, D, H, W)."""
    return tensor.detach().double().numpy().transpose(0, 4, 1, 2, 3)


@settings(max_examples=60)
@given(strategies.architectures(), st.integers(0, 2**16))
def test_convolutions_of_any_chain_are_those_of_the_slow_twin(architecture: Architecture, seed: int) -> None:
    for layer in architecture.layers:
        check(layer, seed)


@pytest.mark.parametrize("architecture", [cnn3d(13, 3), cnn32h(60, 4, width=3)], ids=lambda a: a.name)
def test_convolutions_of_the_papers_networks_are_those_of_the_slow_twin(architecture: Architecture) -> None:
    for layer in architecture.layers:
        check(layer, 3, samples=1)


@pytest.mark.parametrize(
    ("channels", "size", "out", "kernel", "stride", "padding"),
    [
        (1, (2, 3), 3, (3, 3), (1, 2), (2, 0)),
        (1, (6, 2), 16, (2, 3), (1, 2), (1, 1)),
        (1, (5, 4), 16, (3, 3), (1, 2), (0, 0)),
        (1, (5, 5), 4, (3, 3), (2, 2), (1, 1)),
        (2, (5, 5), 4, (3, 3), (2, 1), (1, 1)),
        (2, (1, 1), 3, (2, 2), (2, 2), (1, 1)),
        (8, (5, 1), 16, (1, 3), (1, 2), (0, 2)),
        (3, (1, 1), 16, (2, 2), (1, 2), (1, 1)),
    ],
)
def test_planes_are_convolved_with_strides(
    channels: int,
    size: tuple[int, int],
    out: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> None:
    """PyTorch 2.13 returns wrong sums for some of these laid out with channels innermost."""
    for seed in range(3):
        layer = LayerShape("a", "conv2d", (channels, 1, *size), out, (1, *kernel), (1, *stride), (0, *padding))
        check(layer, seed, samples=3)

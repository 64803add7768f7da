"""Layers, quantization and conversion of the trained network."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from pimsim.model.architecture import Architecture, LayerShape, cnn3d, cnn32h  # noqa: E402
from pimsim.training import evaluate  # noqa: E402
from pimsim.training.conversion import convert  # noqa: E402
from pimsim.training.convolution import convolve, sum_windows  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid, fake_quantize, round_through  # noqa: E402

GRID = Grid(0.125, 32, 0, 63)
PADDED = Architecture(
    "padded",
    (2, 6, 4, 3),
    (
        LayerShape("a", "conv3d", (2, 6, 4, 3), 3, (3, 3, 2), (2, 1, 1), (1, 1, 1)),
        LayerShape("b", "linear", (3, 3, 4, 4), 5, (3, 2, 2), pool=(1, 2, 2)),
    ),
)


def plain_relu(network: Network, x: torch.Tensor) -> torch.Tensor:
    """The network with the library's 3-D convolution and pool, nothing rearranged."""
    layers = network.architecture.layers
    for index, layer in enumerate(layers):
        if layer.spectral_map:
            x = x[..., 0, 0].transpose(1, 2)[:, None, None]
        x = F.avg_pool3d(x, layer.pool)
        x = F.conv3d(x, network.weights[index], stride=layer.stride, padding=layer.padding)
        x = F.relu(x) if index < len(layers) - 1 else x
    return x.flatten(1)


@pytest.mark.parametrize("architecture", [cnn3d(30, 5), cnn32h(60, 7), PADDED], ids=lambda a: a.name)
def test_rearranged_convolutions_give_what_the_3d_convolution_gives(architecture: Architecture) -> None:
    network = Network(architecture, GRID, seed=1)
    codes = torch.randint(-32, 32, (3, *architecture.input_shape)).float()
    with torch.no_grad():
        expected = plain_relu(network, codes * GRID.scale)
        torch.testing.assert_close(network.forward_relu(codes, Precision()), expected, rtol=1e-4, atol=1e-4)


def test_currents_of_a_quantized_network_are_integers() -> None:
    network = Network(cnn3d(12, 3), GRID, seed=2)
    weight, scale = network.weight(1, Precision(weight_bits=6))
    assert torch.equal(weight, weight.round())
    # the grid holds 0 exactly and spans the range, so no weight is further from it than half a step
    assert (weight * scale - network.weights[1]).abs().max() <= scale * 0.5 * (1 + 1e-5)


@pytest.mark.parametrize(("low", "high", "zero_point"), [(-1.0, 2.0, 21), (0.5, 2.0, 0), (-3.0, -1.0, 63)])
def test_an_affine_grid_holds_zero_and_the_range(low: float, high: float, zero_point: int) -> None:
    # 6 bits: scale = (max(high, 0) − min(low, 0)) / 63; zero point = −min / scale: 1/(3/63) = 21
    grid = Grid.affine(low, high, 6)
    assert grid.zero_point == zero_point
    ends = grid.centred(torch.tensor([low, high, 0.0])) * grid.scale
    torch.testing.assert_close(ends, torch.tensor([low, high, 0.0]), atol=grid.scale / 2, rtol=0)


def test_a_symmetric_grid_never_uses_the_most_negative_code() -> None:
    codes = Grid.symmetric(2.0, 4).codes(torch.tensor([-2.0, -9.0, 2.0, 0.0]))
    assert codes.tolist() == [-7.0, -7.0, 7.0, 0.0]


def test_the_gradient_passes_inside_the_range_and_stops_outside() -> None:
    tensor = torch.tensor([-10.0, -1.0, 0.3, 10.0], requires_grad=True)
    fake_quantize(tensor, Grid.affine(-2.0, 2.0, 4)).sum().backward()
    scale = 4 / 15
    assert tensor.grad is not None
    torch.testing.assert_close(tensor.grad, torch.tensor([0.0, 1 / scale, 1 / scale, 0.0]))


def test_rounding_passes_the_gradient_through() -> None:
    tensor = torch.tensor([0.4, 1.6], requires_grad=True)
    rounded = round_through(tensor)
    rounded.sum().backward()
    assert tensor.grad is not None
    assert rounded.tolist() == [0.0, 2.0]
    assert tensor.grad.tolist() == [1.0, 1.0]


def slow_thresholds(network: Network, codes: torch.Tensor, steps: int, percentile: float, factor: float) -> list[float]:
    """Layer by layer, all steps simulated from the input anew, with library convolutions."""
    thresholds: list[float] = []
    layers = network.architecture.layers
    for target in range(len(layers) - 1):
        membranes = [0.0] * target
        peak = -np.inf
        for _ in range(steps):
            x = codes * GRID.scale
            for index in range(target + 1):
                layer = layers[index]
                current = F.conv3d(x, network.weights[index], stride=layer.stride, padding=layer.padding)
                if index == target:
                    peak = max(peak, float(np.percentile(current.numpy(), percentile)))
                    break
                membranes[index] = membranes[index] + current
                x = (membranes[index] > thresholds[index]).float()
                membranes[index] = membranes[index] - thresholds[index] * x
        thresholds.append(peak)
    return [value * factor for value in thresholds]


def test_conversion_takes_the_largest_percentile_of_the_input_current() -> None:
    network = Network(cnn3d(16, 3), GRID, seed=4)
    codes = torch.randint(-32, 32, (4, *network.architecture.input_shape)).float()
    with torch.no_grad():
        expected = slow_thresholds(network, codes, 12, 99.0, 0.8)
        found = convert(network, codes, steps=12, percentile=99.0, factor=0.8)
    assert found == pytest.approx(expected, rel=1e-3)
    assert all(leak.item() == 1.0 for leak in network.leaks)


def thresholds_of_all_steps_at_once(network: Network, codes: torch.Tensor, steps: int) -> list[float]:
    """99.7 percentiles × 0.8, with every step of every layer held as floats."""
    peaks: list[float] = []
    x = codes.permute(0, 2, 3, 4, 1)[None].expand(steps, *[-1] * 5)
    for index, layer in enumerate(network.architecture.layers[:-1]):
        weight = network.weights[index] * network.unit(index, 1.0)
        currents = torch.stack([convolve(step, weight, layer) for step in x])
        peaks.append(max(float(np.percentile(current.numpy(), 99.7)) for current in currents))
        membrane, spikes = torch.zeros_like(currents[0]), []
        for current in currents:
            membrane = membrane + current
            spikes.append((membrane > peaks[-1]).float())
            membrane = membrane - peaks[-1] * spikes[-1]
        x = torch.stack(spikes)
    return [torch.tensor(peak).mul(0.8).item() for peak in peaks]


@pytest.mark.parametrize("architecture", [cnn3d(16, 3), cnn32h(60, 7), PADDED], ids=lambda a: a.name)
def test_conversion_that_keeps_spikes_as_bits_finds_what_one_that_keeps_all_does(architecture: Architecture) -> None:
    network = Network(architecture, GRID, seed=6)
    codes = torch.randint(-32, 32, (3, *architecture.input_shape)).float()
    with torch.no_grad():
        expected = thresholds_of_all_steps_at_once(network, codes, 9)
    assert convert(network, codes, steps=9, percentile=99.7, factor=0.8) == expected


def test_a_spiking_network_evaluated_in_parts_predicts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = cnn3d(16, 3)
    network = Network(architecture, GRID, seed=6)
    codes = torch.randint(0, 64, (7, *architecture.input_shape), dtype=torch.uint8)
    whole = network.forward_spiking(network.centre(codes), Precision(weight_bits=6), 4)
    # conv1 has the most neurons, 14 bands · 3 · 3 positions · 20 channels = 2520: room for two samples of 4 steps
    monkeypatch.setattr(evaluate, "SPIKING_VALUES", 2520 * 4 * 3 - 1)
    sizes: list[int] = []
    forward = network.forward_spiking
    monkeypatch.setattr(network, "forward_spiking", lambda x, *rest: (sizes.append(len(x)), forward(x, *rest))[1])
    parts = evaluate.spiking_forward(network, Precision(weight_bits=6), 4)(network.centre(codes))
    assert sizes == [2, 2, 2, 1]
    assert torch.equal(whole, parts)


def test_leaks_and_thresholds_are_clamped_to_what_hardware_can_hold() -> None:
    network = Network(cnn3d(12, 3), GRID)
    with torch.no_grad():
        network.leaks[0].fill_(1.5)
        network.thresholds[0].fill_(-1.0)
    network.clamp()
    assert network.leaks[0].item() == 1.0
    assert network.thresholds[0].item() > 0


@pytest.mark.parametrize("pool", [(1, 2, 2), (2, 1, 3), (3, 2, 1)])
def test_a_pool_is_the_sum_over_its_windows_and_spreads_its_gradient(pool: tuple[int, int, int]) -> None:
    x = torch.randint(-9, 10, (2, 6, 5, 7, 3)).float().requires_grad_()  # 5 and 7 leave a row and columns over
    twin = x.detach().clone().requires_grad_()
    sums = sum_windows(x, pool)
    expected = F.avg_pool3d(twin.permute(0, 4, 1, 2, 3), pool, divisor_override=1).permute(0, 2, 3, 4, 1)
    assert torch.equal(sums, expected)
    upstream = torch.randn_like(sums)
    sums.backward(upstream)
    expected.backward(upstream)
    assert torch.equal(x.grad, twin.grad)


@pytest.mark.parametrize("spiking", [False, True])
def test_every_architecture_learns_in_bfloat16(spiking: bool) -> None:
    for architecture in (cnn3d(30, 5), cnn32h(60, 7), PADDED):
        network = Network(architecture, GRID, seed=1)
        codes = torch.randint(-32, 32, (3, *architecture.input_shape)).float()
        precision = Precision(weight_bits=6, half=True)
        logits = network.forward_spiking(codes, precision, 3) if spiking else network.forward_relu(codes, precision)
        logits.square().sum().backward()
        assert logits.dtype == torch.float32
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.weights)

"""Conversion to spikes: thresholds against a slow NumPy twin, rates that approach the ReLU network's activations."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, prod
from typing import Any

import naive_training as naive
import numpy as np
import pytest
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from pimsim.errors import TrainingError  # noqa: E402
from pimsim.model.architecture import Architecture, LayerShape, cnn3d, cnn32h  # noqa: E402
from pimsim.model.input import InputSpikes  # noqa: E402
from pimsim.model.network import ACCUMULATE, SINGLE_SPIKE, TIMED  # noqa: E402
from pimsim.training.coding import DIRECT_RATE, Coding  # noqa: E402
from pimsim.training.conversion import convert  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid  # noqa: E402

GRID = Grid(0.125, 8, 0, 15)


def percentile_of(values: Any, percent: float) -> float:
    """The value at percent/100 of the way through the sorted values, between two of them on the line through both."""
    ordered = sorted(values.ravel().tolist())
    place = percent / 100 * (len(ordered) - 1)
    below = floor(place)
    if below == len(ordered) - 1:
        return ordered[below]
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def slow_thresholds(
    architecture: Architecture, inputs: Any, weights: list[Any], *, steps: int, percentile: float, factor: float
) -> list[float]:
    """HYPER-SNN, arXiv 2107.11979: layer after layer, the network before it simulated anew from the input, leak 1.

    ``inputs`` and ``weights`` such that every layer's sums are in real units.
    """
    thresholds: list[float] = []
    for target in range(len(weights) - 1):
        membranes = [0.0] * target
        peak = -np.inf
        for _ in range(steps):
            x = inputs
            for index in range(target):
                membranes[index] = membranes[index] + naive.convolution(x, weights[index], architecture.layers[index])
                x = (membranes[index] > thresholds[index]) * 1.0
                membranes[index] = membranes[index] - thresholds[index] * x
            current = naive.convolution(x, weights[target], architecture.layers[target])
            peak = max(peak, percentile_of(current, percentile))
        thresholds.append(peak)
    return [factor * threshold for threshold in thresholds]


def slow_first_crossings(
    architecture: Architecture, inputs: list[Any], weights: list[Any], *, timed: bool, percentile: float, factor: float
) -> list[float]:
    """Of single-spike neurons and a timed classifier: a percentile of where each membrane was highest, if above 0.

    ``inputs`` of every step, and ``weights``, such that every layer's sums are in real units.
    """
    thresholds: list[float] = []
    signal = inputs
    for index in range(len(weights) - 1 + timed):
        sums = np.cumsum([naive.convolution(x, weights[index], architecture.layers[index]) for x in signal], 0)
        highest = sums.max(0)
        above = highest[highest > 0]
        thresholds.append(percentile_of(above, percentile) if above.size else 0.0)
        crossed = sums > thresholds[-1]
        signal = [crossed[t] * ~crossed[:t].any(0) * 1.0 for t in range(len(sums))]
    return [factor * threshold for threshold in thresholds]


def dyadic(
    architecture: Architecture, seed: int, samples: int = 3, coding: Coding = DIRECT_RATE
) -> tuple[Network, Any]:
    """A network with weights in eighths, more of them positive than negative, and codes: float32 rounds no sum."""
    rng = np.random.default_rng(seed)
    network = Network(architecture, GRID, seed=seed, coding=coding)
    with torch.no_grad():
        for weight in network.weights:
            weight.copy_(torch.from_numpy(rng.integers(-4, 8, tuple(weight.shape)) / 8))
    return network, rng.integers(-8, 8, (samples, *architecture.input_shape)).astype(np.float32)


def scaled_weights(network: Network) -> list[Any]:
    factors = naive.shares(network.architecture, GRID.scale)
    return [w.detach().double().numpy() * f for w, f in zip(network.weights, factors, strict=True)]


def pools_are_powers_of_two(architecture: Architecture) -> bool:
    return all(prod(layer.pool) in (1, 2, 4, 8) for layer in architecture.layers)


@settings(max_examples=40)
@given(
    strategies.architectures().filter(pools_are_powers_of_two),
    st.integers(0, 2**16),
    st.integers(1, 12),
    st.sampled_from([50.0, 75.0, 96.875, 100.0]),
)
def test_thresholds_are_those_of_the_slow_twin(
    architecture: Architecture, seed: int, steps: int, percentile: float
) -> None:
    network, codes = dyadic(architecture, seed)
    arguments = {"steps": steps, "percentile": percentile, "factor": 0.75}
    expected = slow_thresholds(architecture, codes.astype(float), scaled_weights(network), **arguments)
    assume(min(expected) > 0)
    found = convert(network, torch.from_numpy(codes), **arguments)
    assert found == expected
    assert [v.item() for v in network.thresholds] == expected
    assert [leak.item() for leak in network.leaks] == [1.0] * len(expected)


@settings(max_examples=40)
@given(
    strategies.architectures().filter(pools_are_powers_of_two),
    st.integers(0, 2**16),
    st.integers(2, 6),
    st.sampled_from([50.0, 75.0, 100.0]),
    st.booleans(),
    st.booleans(),
)
def test_thresholds_of_neurons_that_fire_once_are_those_of_the_slow_twin(
    architecture: Architecture, seed: int, steps: int, percentile: float, hybrid: bool, timed: bool
) -> None:
    spikes = InputSpikes(3, 12, 2) if hybrid else None
    coding = Coding(spikes, SINGLE_SPIKE, TIMED if timed else ACCUMULATE)
    network, codes = dyadic(architecture, seed, coding=coding)
    inputs = [codes.astype(float)] * steps
    if spikes is not None:
        when = spikes.steps((codes + GRID.zero_point).astype(np.uint8), steps)
        inputs[1:] = [(when == step) * 4.0 for step in range(2, steps + 1)]
    arguments = {"percentile": percentile, "factor": 0.75}
    expected = slow_first_crossings(architecture, inputs, scaled_weights(network), timed=timed, **arguments)
    assume(min(expected) > 0)
    assert convert(network, torch.from_numpy(codes), steps=steps, **arguments) == expected


def test_a_timed_classifier_of_neurons_that_fire_again_is_converted_behind_them() -> None:
    network, codes = dyadic(cnn3d(12, 3), 2, coding=Coding(readout=TIMED))
    plain, _ = dyadic(cnn3d(12, 3), 2)
    arguments = {"steps": 5, "percentile": 75.0, "factor": 1.0}
    found = convert(network, torch.from_numpy(codes), **arguments)
    assert found[:-1] == convert(plain, torch.from_numpy(codes), **arguments)
    spikes: list[Any] = []
    with torch.no_grad():
        network.forward_spiking(torch.from_numpy(codes), Precision(), 5, spikes)
    layer = network.architecture.layers[-1]
    signal = spikes[-1].permute(0, 1, 4, 5, 2, 3).double().numpy()  # (T, N, C, D, H, W)
    sums = np.cumsum([naive.convolution(x, scaled_weights(network)[-1], layer) for x in signal], 0)
    assert found[-1] == percentile_of(sums.max(0)[sums.max(0) > 0], 75.0)


@pytest.mark.parametrize(
    "architecture",
    [cnn3d(10, 3), cnn32h(53, 3, width=5), cnn32h(60, 3, pool=1, width=3)],
    ids=lambda a: f"{a.name}-{a.input_shape[1]}",
)
def test_thresholds_of_the_papers_networks_are_those_of_the_slow_twin(architecture: Architecture) -> None:
    network, codes = dyadic(architecture, 4, samples=2)
    arguments = {"steps": 5, "percentile": 96.875, "factor": 0.5}
    expected = slow_thresholds(architecture, codes.astype(float), scaled_weights(network), **arguments)
    assert convert(network, torch.from_numpy(codes), **arguments) == expected


def test_thresholds_at_the_papers_settings_are_those_of_the_slow_twin() -> None:
    """99.7 % and × 0.8, of weights as they are drawn: float32 decides a spike in ten thousand otherwise."""
    network = Network(cnn3d(12, 3), GRID, seed=4)
    codes = torch.from_numpy(np.random.default_rng(1).integers(-8, 8, (4, 1, 12, 5, 5))).float()
    arguments = {"steps": 12, "percentile": 99.7, "factor": 0.8}
    expected = slow_thresholds(network.architecture, codes.double().numpy(), scaled_weights(network), **arguments)
    assert convert(network, codes, **arguments) == pytest.approx(expected, rel=1e-3)


def test_the_factor_comes_last_and_scales_every_threshold() -> None:
    """Layers are calibrated behind unscaled thresholds, so the factor changes nothing else."""
    network, codes = dyadic(cnn3d(12, 3), 2)
    whole = convert(network, torch.from_numpy(codes), steps=8, percentile=99.0, factor=1.0)
    half = convert(network, torch.from_numpy(codes), steps=8, percentile=99.0, factor=0.5)
    assert half == [0.5 * value for value in whole]


def test_conversion_leaves_the_weights_and_the_relu_network_alone() -> None:
    network, codes = dyadic(cnn3d(12, 3), 2)
    before = [weight.detach().clone() for weight in network.weights]
    convert(network, torch.from_numpy(codes), steps=3, percentile=99.0, factor=0.8)
    assert all(torch.equal(a, b) for a, b in zip(before, network.weights, strict=True))


def test_a_threshold_is_the_largest_over_the_steps() -> None:
    # the first layer's current is the same at every step; the second one's input does not depend on how many follow
    network, codes = dyadic(cnn3d(12, 3), 3)
    found = [convert(network, torch.from_numpy(codes), steps=n, percentile=99.0, factor=1.0) for n in (2, 5, 9)]
    assert found[0][0] == found[1][0] == found[2][0]
    assert found[0][1] < found[1][1] <= found[2][1]


def counting(weights: list[float], threshold: float) -> Network:
    """One input, a neuron per weight, and a classifier that hands out how often each neuron fired."""
    size = len(weights)
    layers = (LayerShape.linear("a", (1, 1, 1, 1), size), LayerShape.linear("b", (size, 1, 1, 1), size))
    network = Network(Architecture("counting", (1, 1, 1, 1), layers), Grid(1.0, 0, 0, 1))
    with torch.no_grad():
        network.weights[0].copy_(torch.tensor(weights).reshape(size, 1, 1, 1, 1))
        network.weights[1].copy_(torch.eye(size)[:, :, None, None, None])
        network.thresholds[0].fill_(threshold)
    return network


@given(st.lists(st.integers(-20, 40), min_size=1, max_size=6), st.integers(1, 30), st.integers(1, 40))
def test_a_converted_neuron_counts_its_current_over_its_threshold(
    eighths: list[int], threshold: int, steps: int
) -> None:
    """Without a leak: ⌈T I / v⌉ − 1 spikes for 0 < I ≤ v, all T above, none below: the clipped ReLU to 1/T."""
    # after every step 0 < u − v o ≤ v while 0 < I ≤ v, and the T currents less the n resets are what is left
    network = counting([n / 8 for n in eighths], threshold / 8)
    with torch.no_grad():
        counts = network.forward_spiking(torch.ones(1, 1, 1, 1, 1), Precision(), steps)[0].tolist()
    for n, found in zip(eighths, counts, strict=True):
        share = Fraction(n, threshold)
        assert found == (0 if n <= 0 else steps if share > 1 else ceil(steps * share) - 1)
        assert abs(Fraction(found) / steps - min(max(share, Fraction(0)), Fraction(1))) <= Fraction(1, steps)


@pytest.mark.parametrize("architecture", [cnn3d(12, 3), cnn32h(53, 3, width=6)], ids=lambda a: a.name)
def test_the_converted_network_approaches_the_relu_network_as_the_steps_grow(architecture: Architecture) -> None:
    """Logits / T · Π v → ReLU logits, with an error of at most a constant / T, where no threshold clips."""
    network = Network(architecture, GRID, seed=7)
    codes = torch.from_numpy(np.random.default_rng(2).integers(-8, 8, (1, *architecture.input_shape))).float()
    gain = prod(convert(network, codes, steps=40, percentile=100.0, factor=1.0))
    with torch.no_grad():
        relu = network.forward_relu(codes, Precision())
        few, some, many = (
            float((network.forward_spiking(codes, Precision(), steps) * gain / steps - relu).abs().max())
            for steps in (8, 64, 512)
        )
    assert some < few / 2
    assert many < some / 4
    assert many < 0.1 * float(relu.abs().max())


def test_a_layer_whose_current_stays_at_or_below_zero_is_an_error_that_names_it() -> None:
    # a threshold of 0 would divide by it, one below would fire for ever
    network, codes = dyadic(cnn3d(12, 3), 2)
    with torch.no_grad():
        network.weights[2].copy_(-network.weights[2].abs())
    with pytest.raises(TrainingError, match=r'layer "conv3": 99\.0 % of its input currents are at or below -?\d'):
        convert(network, torch.from_numpy(codes), steps=3, percentile=99.0, factor=0.8)


def test_neurons_that_fire_once_and_never_rise_are_an_error_that_names_the_layer() -> None:
    network, codes = dyadic(cnn3d(12, 3), 2, coding=Coding(neuron=SINGLE_SPIKE))
    with torch.no_grad():
        network.weights[2].copy_(-network.weights[2].abs())
    with pytest.raises(TrainingError, match='layer "conv3": all sums of its input currents are at or below 0,'):
        convert(network, torch.from_numpy(codes), steps=3, percentile=75.0, factor=0.8)

"""Gradients of whole networks against central differences of the smoothed network, in float64."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import floor
from typing import Any

import naive_training as naive
import numpy as np
import pytest
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from pimsim.model.architecture import Architecture, LayerShape, cnn3d  # noqa: E402
from pimsim.model.input import InputSpikes  # noqa: E402
from pimsim.model.network import SINGLE_SPIKE, TIMED  # noqa: E402
from pimsim.training.coding import DIRECT_RATE, Coding  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid, fixed_ratio  # noqa: E402

GRID = Grid(0.125, 8, 0, 15)
INPUT_SPIKES = InputSpikes(low=3, high=12, shift=3)
STRIDED = Architecture(
    "strided",
    (2, 6, 4, 3),
    (
        LayerShape("a", "conv3d", (2, 6, 4, 3), 3, (3, 3, 2), (2, 1, 1), (1, 1, 1)),
        LayerShape("b", "conv3d", (3, 3, 4, 4), 4, (3, 1, 1), (1, 1, 1), (1, 0, 0)),
        LayerShape("c", "linear", (4, 3, 4, 4), 3, (3, 2, 2), pool=(1, 2, 2)),
    ),
)
MAPPED = Architecture(
    "mapped",
    (1, 9, 2, 2),
    (
        LayerShape("a", "conv3d", (1, 9, 2, 2), 6, (3, 2, 2), (2, 1, 1)),
        LayerShape("b", "conv2d", (6, 4, 1, 1), 3, (1, 2, 3), spectral_map=True),
        LayerShape("c", "linear", (3, 1, 3, 4), 5, (1, 1, 2), pool=(1, 2, 2)),
        LayerShape("d", "linear", (5, 1, 1, 1), 4, (1, 1, 1)),
    ),
)
SPATIAL = Architecture(
    "spatial",
    (1, 4, 3, 3),
    (
        LayerShape("a", "conv3d", (1, 4, 3, 3), 3, (2, 3, 3), (1, 1, 1), (0, 1, 1)),
        LayerShape("b", "conv3d", (3, 3, 3, 3), 4, (2, 2, 2), (1, 2, 1), (1, 1, 0)),
        LayerShape("c", "linear", (4, 4, 2, 2), 3, (4, 2, 2)),
    ),
)
NETWORKS = [STRIDED, MAPPED, SPATIAL]


def names(value: object) -> str | None:
    return value.name if isinstance(value, Architecture) else None


def real(tensor: Any) -> Any:
    return tensor.detach().double().numpy().copy()


class Sample:
    """A network with neurons that fire sometimes, input codes minus zero point and labels, all from a seed."""

    def __init__(
        self,
        architecture: Architecture,
        seed: int,
        *,
        samples: int = 3,
        activation_bits: int | None = None,
        coding: Coding = DIRECT_RATE,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.network = Network(architecture, GRID, seed=seed, activation_bits=activation_bits, coding=coding)
        self.codes = rng.integers(-8, 8, (samples, *architecture.input_shape)).astype(np.float32)
        self.labels = rng.integers(0, architecture.layers[-1].out_channels, samples)
        with torch.no_grad():
            for threshold, leak in zip(self.network.thresholds, self.network.leaks, strict=False):
                threshold.fill_(rng.uniform(0.25, 0.6))
                leak.fill_(rng.uniform(0.6, 1.0))
            if coding.is_timed:
                self.network.thresholds[-1].fill_(0.125)
            for clip in self.network.clips:
                clip.fill_(float(np.log(rng.uniform(0.5, 1.5))))

    def loss(self, forward: Callable[[Any], Any]) -> Any:
        """Cross-entropy of the forward pass, with gradients in the network's parameters."""
        self.network.zero_grad()
        logits = forward(torch.from_numpy(self.codes))
        F.cross_entropy(logits, torch.from_numpy(self.labels)).backward()
        return real(logits)


def check(groups: dict[str, list[Any]], loss: Callable[..., float], elements: int = 6) -> None:
    """The gradient of each parameter of ``groups`` against differences of ``loss(**values)``, values float64."""
    values = {key: [real(p) for p in parameters] for key, parameters in groups.items()}
    for key, parameters in groups.items():
        for index, parameter in enumerate(parameters):
            gradient = real(parameter.grad)

            def changed(value: Any, key: str = key, index: int = index) -> float:
                replaced = [value if i == index else old for i, old in enumerate(values[key])]
                return loss(**(values | {key: replaced}))

            typical = float(np.sqrt((gradient**2).mean()))
            for direction in directions(gradient, elements):
                expected = naive.central_difference(changed, values[key][index], direction)
                found = float((gradient * direction).sum())
                # where u is 0, as before a first spike, the surrogate has a corner: 1e-6 is a difference across it
                assert found == pytest.approx(expected, rel=1e-3, abs=1e-3 * typical + 1e-6), (key, index)


def directions(gradient: Any, elements: int) -> list[Any]:
    """Along the gradient, where nothing cancels; across it at random; along some single elements."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(gradient.size, min(elements, gradient.size), replace=False)
    single = [np.eye(1, gradient.size, k).reshape(gradient.shape) for k in chosen]
    norm = np.sqrt((gradient**2).sum())
    along = [gradient / norm] if norm > 0 else []
    return [*along, np.sign(rng.standard_normal(gradient.shape)) / np.sqrt(gradient.size), *single]


def parameters(network: Network) -> dict[str, list[Any]]:
    return {"weights": list(network.weights), "thresholds": list(network.thresholds), "leaks": list(network.leaks)}


Through = Callable[[list[Any]], list[Any]]
"""Parameters → what the network computes with: the same up to units, or the straight-through estimate of a rounding."""


def linear_through(rounded: list[Any], start: list[Any], factors: list[float]) -> Through:
    """``rounded`` at the values ``start``, and from there on the slopes ``factors``."""

    def through(values: list[Any]) -> list[Any]:
        return [r + (v - s) * f for r, v, s, f in zip(rounded, values, start, factors, strict=True)]

    return through


def units(sample: Sample, precision: Precision) -> tuple[dict[str, Through], float]:
    """How weights, thresholds and leaks enter the forward pass at ``precision``, and the unit of its logits.

    With integer weights everything counts in steps of weights (times the first input's), and thresholds and
    leaks are rounded; with float weights in real units.
    """
    start = {key: [real(p) for p in values] for key, values in parameters(sample.network).items()}
    factors = naive.shares(sample.network.architecture, GRID.scale)
    if not precision.weight_bits:
        scaled = [w * f for w, f in zip(start["weights"], factors, strict=True)]
        through = {"weights": linear_through(scaled, start["weights"], factors)}
        return through | dict.fromkeys(("thresholds", "leaks"), list), 1.0
    pairs = [naive.centred_codes(w, precision.weight_bits, precision.scheme) for w in start["weights"]]
    steps = [step for _, step in pairs]
    per_unit = [1 / (step * factor) for step, factor in zip(steps, factors, strict=True)]
    rounded = [np.rint(v * u) for v, u in zip(start["thresholds"], per_unit, strict=False)]
    slopes = [u * (v >= 1) for v, u in zip(rounded, per_unit, strict=False)]  # 1 is the least, and stays
    thresholds = [np.maximum(v, 1.0) for v in rounded]
    leaks = [np.rint(leak * 256) / 256 for leak in start["leaks"]]
    return {
        "weights": linear_through([codes for codes, _ in pairs], start["weights"], [1 / step for step in steps]),
        "thresholds": linear_through(thresholds, start["thresholds"], slopes),
        "leaks": linear_through(leaks, start["leaks"], [1.0] * len(leaks)),
    }, 1 / per_unit[-1]


def inputs(sample: Sample, steps: int) -> list[Any]:
    """What the first layer sums up at every step: the codes; hybrid, at later steps, 2^shift where an input fires."""
    codes, spikes = sample.codes.astype(float), sample.network.coding.input_spikes
    if spikes is None:
        return [codes] * steps
    span = spikes.high - spikes.low
    above = np.clip(codes + GRID.zero_point, spikes.low, spikes.high) - spikes.low
    exact = [Fraction(steps) + Fraction((2 - steps) * int(value), span) + Fraction(1, 2) for value in above.ravel()]
    when = np.array([floor(value) for value in exact]).reshape(codes.shape)
    return [codes, *((when == step) * 2.0**spikes.shift for step in range(2, steps + 1))]


def check_spiking(sample: Sample, precision: Precision, steps: int, *, elements: int = 6, drawn: bool = False) -> None:
    """Logits and gradients of a spiking forward pass in float32 against the twin's.

    A case ``drawn`` by hypothesis may be silent, and is passed over where float32 could decide a spike otherwise.
    """
    network, coding = sample.network, sample.network.coding
    groups = parameters(network)
    through, unit = units(sample, precision)
    step = round(1 / unit) if precision.weight_bits else 1.0

    def computed(values: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {key: through[key](value) for key, value in values.items()}

    at = computed({key: [real(p) for p in values] for key, values in groups.items()})
    form = {"once": coding.fires_once, "time_weight": step if coding.is_timed else None}
    twin = naive.Spiking(network.architecture, inputs(sample, steps), **at, **form)
    if drawn:
        distance = np.abs(np.concatenate([np.ravel(z) for zs in twin.z for z in zs]))
        assume(not np.any((distance > 0) & (distance < 1e-5)))
    else:
        assert all(
            0.02 < np.mean(part) < 0.98 for part in twin.spikes[-1 - coding.is_timed :]
        )  # a network that is silent or always on tests little
    logits = sample.loss(lambda x: network.forward_spiking(x, precision, steps))
    np.testing.assert_allclose(logits, unit * twin.logits, rtol=1e-5, atol=1e-5)

    def loss(**values: list[Any]) -> float:
        return naive.cross_entropy(unit * twin.smoothed(**computed(values)), sample.labels)

    check(groups, loss, elements)


@pytest.mark.parametrize(("architecture", "steps"), [*product(NETWORKS, [1, 4])], ids=names)
def test_float_spiking_gradients_are_the_slopes_of_the_smoothed_network(architecture: Architecture, steps: int) -> None:
    check_spiking(Sample(architecture, 5), Precision(), steps)


@pytest.mark.parametrize("architecture", NETWORKS, ids=names)
@pytest.mark.parametrize(("bits", "scheme"), [(6, "affine"), (4, "affine"), (5, "scale")])
def test_quantized_spiking_gradients_are_the_slopes_with_the_rounding_held(
    architecture: Architecture, bits: int, scheme: str
) -> None:
    """Weights, thresholds and leaks pass their gradients straight through the rounding."""
    check_spiking(Sample(architecture, 5), Precision(bits, scheme), 4)


CODINGS = [
    Coding(INPUT_SPIKES),
    Coding(neuron=SINGLE_SPIKE),
    Coding(readout=TIMED),
    Coding(INPUT_SPIKES, SINGLE_SPIKE, TIMED),
]


@pytest.mark.parametrize("architecture", NETWORKS, ids=names)
@pytest.mark.parametrize("bits", [0, 6])
@pytest.mark.parametrize("coding", CODINGS, ids=["hybrid", "single_spike", "timed", "all"])
def test_gradients_of_every_coding_are_the_slopes(architecture: Architecture, bits: int, coding: Coding) -> None:
    check_spiking(Sample(architecture, 5, coding=coding), Precision(bits), 4, elements=3)


def test_gradients_of_cnn3d_are_the_slopes_of_the_smoothed_network() -> None:
    check_spiking(Sample(cnn3d(10, 3), 3, samples=1), Precision(6), 3, elements=0)


@settings(max_examples=15)
@given(
    strategies.architectures(),
    st.integers(0, 2**16),
    st.integers(2, 5),
    st.sampled_from([0, 2, 6]),
    st.sampled_from([DIRECT_RATE, *CODINGS]),
)
def test_gradients_of_any_chain_of_layers_are_the_slopes(
    architecture: Architecture, seed: int, steps: int, bits: int, coding: Coding
) -> None:
    sample = Sample(architecture, seed, samples=2, coding=coding)
    check_spiking(sample, Precision(bits), steps, elements=2, drawn=True)


@pytest.mark.parametrize("architecture", NETWORKS, ids=names)
def test_relu_gradients_are_the_slopes_of_the_network(architecture: Architecture) -> None:
    sample = Sample(architecture, 5)
    through, _ = units(sample, Precision())
    inputs = sample.codes.astype(float)

    def forward(weights: list[Any]) -> Any:
        return naive.relu(architecture, inputs, through["weights"](weights))

    logits = sample.loss(lambda x: sample.network.forward_relu(x, Precision()))
    np.testing.assert_allclose(logits, forward([real(w) for w in sample.network.weights]), rtol=1e-4, atol=1e-5)
    groups = {"weights": list(sample.network.weights)}
    check(groups, lambda weights: naive.cross_entropy(forward(weights), sample.labels))


@pytest.mark.parametrize("architecture", NETWORKS, ids=names)
@pytest.mark.parametrize(("bits", "scheme"), [(6, "scale"), (4, "affine")])
def test_gradients_of_the_cnn_are_the_slopes_with_the_rounding_held(
    architecture: Architecture, bits: int, scheme: str
) -> None:
    """Weights straight through; a clip scales what goes into its layer, what comes out, and nothing that is clipped."""
    sample = Sample(architecture, 5, activation_bits=bits)
    network, highest = sample.network, 2**bits - 1
    groups = {"weights": list(network.weights), "clips": list(network.clips)}
    start = {key: [real(p) for p in values] for key, values in groups.items()}
    pairs = [naive.centred_codes(w, bits, scheme) for w in start["weights"]]
    through = linear_through([codes for codes, _ in pairs], start["weights"], [1 / step for _, step in pairs])
    units_ = [factor * step for factor, (_, step) in zip(naive.shares(architecture, GRID.scale), pairs, strict=True)]

    def ratios(clips: list[Any]) -> tuple[list[float], float]:
        """Codes per 1 in each hidden layer's sums, and the real value of 1 in the classifier's."""
        before = [1.0, *(np.exp(clip) / highest for clip in clips)]
        return [b * u / after for b, u, after in zip(before, units_, before[1:], strict=False)], before[-1] * units_[-1]

    at, unit = ratios(start["clips"])
    fixed = [multiplier / 2**shift for multiplier, shift in map(fixed_ratio, at)]
    inputs = sample.codes.astype(float)
    twin = naive.Requantizing(architecture, inputs, [codes for codes, _ in pairs], fixed, highest)
    assert 0 < (twin.activations[0] == highest).mean() < 0.5  # some are clipped, most are not

    def loss(weights: list[Any], clips: list[Any]) -> float:
        changed, unit = ratios(clips)
        return naive.cross_entropy(unit * twin.smoothed(through(weights), changed), sample.labels)

    logits = sample.loss(lambda x: network.forward_quantized(x, Precision(bits, scheme)))
    np.testing.assert_allclose(logits, unit * twin.logits, rtol=1e-5, atol=1e-5)
    check(groups, loss)


@pytest.mark.parametrize("architecture", NETWORKS, ids=names)
def test_bfloat16_changes_no_spike_where_it_holds_every_sum_and_gradients_by_its_rounding(
    architecture: Architecture,
) -> None:
    """Codes −2 … 1 and weights of 2 bits: sums stay below 256, which 8 significant bits hold."""
    sample = Sample(architecture, 5)
    sample.codes = np.clip(sample.codes, -2, 1)
    found = {}
    for half in (False, True):
        precision = Precision(2, half=half)
        logits = sample.loss(lambda x, precision=precision: sample.network.forward_spiking(x, precision, 4))
        found[half] = logits, [real(parameter.grad) for parameter in sample.network.parameters()]
    (exact, gradients), (rounded, rounded_gradients) = found[False], found[True]
    np.testing.assert_array_equal(rounded, exact)
    for gradient, near in zip(gradients, rounded_gradients, strict=True):
        assert np.abs(near - gradient).max() <= 2**-5 * np.abs(gradient).max()

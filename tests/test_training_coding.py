"""What the first layer sums up under hybrid encoding, and the range of codes over which inputs fire."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from pimsim.errors import TrainingError  # noqa: E402
from pimsim.model import reference  # noqa: E402
from pimsim.model.architecture import Architecture, LayerShape, cnn3d, vgg  # noqa: E402
from pimsim.model.input import InputQuantization, InputSpikes  # noqa: E402
from pimsim.model.network import ACCUMULATE, LIF, SINGLE_SPIKE, TIMED  # noqa: E402
from pimsim.training.coding import Coding, firing_range  # noqa: E402
from pimsim.training.conversion import convert  # noqa: E402
from pimsim.training.export import agreement, export  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid  # noqa: E402

GRID = Grid(0.125, 32, 0, 63)
SPIKES = InputSpikes(15, 50, 3)


def test_codes_come_at_the_first_step_and_every_input_fires_once_behind_it() -> None:
    # five steps, low 0, high 63: T_i = round(5 − 3 q / 63): 5, 5, 4, 3, 2 for 0, 10, 11, 32, 63; a spike is worth 2^4
    codes = torch.tensor([[0, 10, 11, 32, 63]], dtype=torch.float32)
    found = Coding(InputSpikes(0, 63, 4)).encode(codes - 32, GRID, 5)
    assert found[:, 0].tolist() == [
        [-32, -22, -21, 0, 31],
        [0, 0, 0, 0, 16],
        [0, 0, 0, 16, 0],
        [0, 0, 16, 0, 0],
        [16, 16, 0, 0, 0],
    ]


def test_direct_encoding_has_the_codes_at_every_step() -> None:
    codes = torch.tensor([[-3.0, 2.0]])
    assert torch.equal(Coding().encode(codes, GRID, 5), codes[None])


@given(st.lists(st.integers(0, 63), min_size=1, max_size=300), st.sets(st.integers(0, 100), min_size=2, max_size=2))
def test_the_range_is_of_the_smallest_codes_that_a_share_does_not_exceed(values: list[int], percents: set[int]) -> None:
    low, high = sorted(percents)
    codes, ordered = torch.tensor(values, dtype=torch.uint8), sorted(values)

    def percentile(percent: int) -> int:
        least = -(-percent * len(ordered) // 100)  # as many as are to lie at or below it
        return ordered[least - 1] if least else 0

    if percentile(low) == percentile(high):
        with pytest.raises(TrainingError, match=f"both are the code {percentile(low)} of the training samples"):
            firing_range(codes, [low, high], GRID)
        return
    assert firing_range(codes, [low, high], GRID) == InputSpikes(percentile(low), percentile(high), 3)


@pytest.mark.parametrize(("scale", "shift"), [(0.125, 3), (0.1, 3), (0.08, 4), (0.7, 1), (0.71, 0), (3.0, 0)])
def test_a_spike_is_worth_the_power_of_two_that_is_nearest_to_one(scale: float, shift: int) -> None:
    codes = torch.arange(64, dtype=torch.uint8)
    assert firing_range(codes, [0.0, 100.0], Grid(scale, 32, 0, 63)).shift == shift


def coded(architecture: Architecture, coding: Coding, seed: int = 3) -> tuple[Network, Any]:
    """A converted network with leaks, of whose neurons many fire, and samples."""
    network = Network(architecture, GRID, seed=seed, coding=coding)
    codes = torch.randint(0, 64, (5, *architecture.input_shape), generator=torch.Generator().manual_seed(seed))
    convert(network, network.centre(codes), steps=5, percentile=95.0, factor=0.4)
    with torch.no_grad():
        for leak in network.leaks:
            leak.fill_(0.93)
    return network, codes.to(torch.uint8)


CODINGS = [Coding(*parts) for parts in product([None, SPIKES], [LIF, SINGLE_SPIKE], [ACCUMULATE, TIMED])]


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: f"{bool(c.input_spikes)}-{c.neuron}-{c.readout}")
@pytest.mark.parametrize(
    "architecture", [cnn3d(10, 4), vgg("vgg6", 10, height=4, width=4, hidden=9)], ids=lambda a: a.name
)
def test_the_exported_network_fires_as_the_trained_one_to_the_last_spike_and_output(
    architecture: Architecture, coding: Coding
) -> None:
    """With the leak rounded as the accelerator does; first layer and classifier included."""
    network, codes = coded(architecture, coding)
    precision = Precision(weight_bits=6, floor_leak=True)
    bands = architecture.input_shape[1]
    quantization = InputQuantization(6, GRID.scale, GRID.zero_point, np.zeros(bands), np.ones(bands))
    integer = export(network, quantization, precision, time_steps=5)
    run = reference.run(integer, codes.numpy())
    found = agreement(network, codes, precision, list(run.spikes), run.predictions)
    assert set(found.describe().values()) == {100.0}
    with torch.no_grad():
        logits = network.forward_spiking(network.centre(codes), precision, 5)
    units = logits.double().numpy() / network.unit(len(integer.layers) - 1, 1.0)
    scale = integer.layers[-1].scale / network.unit(len(integer.layers) - 1, 1.0)
    assert np.array_equal(np.rint(units / scale), run.outputs)
    assert np.abs(run.outputs).max() > 0
    assert all(0.02 < part.any(1).mean() < 1 for part in run.spikes[:1])
    assert integer.is_hybrid == (coding.input_spikes is not None)
    assert [layer.neuron.kind for layer in integer.layers] == [coding.neuron] * len(run.spikes) + [coding.readout]


@given(seed=st.integers(0, 2**16), hybrid=st.booleans(), half=st.booleans(), leak=st.floats(0, 1))
def test_no_hidden_neuron_fires_twice(seed: int, hybrid: bool, half: bool, leak: float) -> None:
    layers = (
        LayerShape("a", "conv2d", (2, 1, 4, 4), 3, (1, 3, 3), padding=(0, 1, 1)),
        LayerShape("b", "conv2d", (3, 1, 4, 4), 4, (1, 3, 3), padding=(0, 1, 1), pool=(1, 2, 2)),
        LayerShape.linear("c", (4, 1, 2, 2), 3),
    )
    coding = Coding(SPIKES if hybrid else None, SINGLE_SPIKE, TIMED)
    network = Network(Architecture("small", (2, 1, 4, 4), layers), GRID, seed=seed, coding=coding)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.thresholds:
            value.fill_(float(torch.rand((), generator=generator)) + 0.05)
        for value in network.leaks:
            value.fill_(leak)
    codes = torch.randint(0, 64, (3, 2, 1, 4, 4), generator=generator)
    spikes: list[Any] = []
    network.forward_spiking(network.centre(codes), Precision(weight_bits=6, half=half), 6, spikes)
    for part in spikes:
        assert part.sum(0).max() <= 1


def test_outputs_of_a_timed_classifier_count_when_they_cross_by_hand() -> None:
    # two inputs of code 1 (zero point 0) under hybrid encoding, low 0, high 2, three steps: both fire at 3 − ½, up: 3;
    # neuron: w = 1, 1 and v = 1: u = 2 at step 1: one spike; classifier w = 2, −1, v = 0.5: u = 2, −1 from step 1 on:
    # crossing at step 1, and none, which counts as 3: outputs 2 − 1, −1 − 3
    layers = (LayerShape.linear("a", (2, 1, 1, 1), 1), LayerShape.linear("b", (1, 1, 1, 1), 2))
    coding = Coding(InputSpikes(0, 2, 0), SINGLE_SPIKE, TIMED)
    network = Network(Architecture("pair", (2, 1, 1, 1), layers), Grid(1.0, 0, 0, 3), coding=coding)
    with torch.no_grad():
        network.weights[0].fill_(1.0)
        network.weights[1].copy_(torch.tensor([2.0, -1.0]).reshape(2, 1, 1, 1, 1))
        network.thresholds[1].fill_(0.5)
    spikes: list[Any] = []
    outputs = network.forward_spiking(torch.ones(1, 2, 1, 1, 1), Precision(), 3, spikes)
    assert spikes[0].flatten().tolist() == [1.0, 0.0, 0.0]
    assert outputs.tolist() == [[1.0, -4.0]]


def test_a_step_of_time_is_rounded_to_units_of_the_classifier() -> None:
    network, _ = coded(cnn3d(10, 4), CODINGS[-1])
    grid = network.weight_grid(6, Precision(6))
    assert grid is not None
    assert network.time_weight(grid.scale, Precision(6)) == round(1 / grid.scale)
    assert network.time_weight(grid.scale, Precision()) == 1 / grid.scale
    assert network.time_weight(3.0, Precision(6)) == 1.0  # the least: time would not count

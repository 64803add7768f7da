"""Execution and comparison in parts: how large they are, and that they change nothing."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pimsim.model.architecture import cnn3d, cnn32h  # noqa: E402
from pimsim.model.input import InputQuantization  # noqa: E402
from pimsim.model.network import IntegerNetwork  # noqa: E402
from pimsim.simulation import execute  # noqa: E402
from pimsim.traces import unpack_spikes  # noqa: E402
from pimsim.training import evaluate, record  # noqa: E402
from pimsim.training.export import activation_agreement, agreement, export  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid  # noqa: E402

GRID = Grid(0.125, 32, 0, 63)
SIX = Precision(weight_bits=6)


def exported(network: Network, time_steps: int) -> IntegerNetwork:
    bands = network.architecture.input_shape[1]
    quantization = InputQuantization(6, GRID.scale, GRID.zero_point, np.zeros(bands), np.ones(bands))
    return export(network, quantization, SIX, time_steps=time_steps)


def samples(network: Network, count: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 64, (count, *network.architecture.input_shape), dtype=np.uint8)


def test_a_recorded_sample_takes_a_bit_per_neuron_and_step_and_of_a_cnn_a_byte_per_neuron() -> None:
    # 60 bands: conv1 7 · 90 = 630, conv2 64 · 5 · 88 = 28,160, conv3 128 · 3 · 86 = 33,024, fc1 512 neurons
    neurons = 630 + 28_160 + 33_024 + 512
    spiking = Network(cnn32h(60, 7), GRID)
    assert record.sample_bits(exported(spiking, 5)) == 5 * neurons
    relu = Network(cnn32h(60, 7), GRID, activation_bits=6)
    assert record.sample_bits(exported(relu, 1)) == 8 * neurons


@pytest.mark.parametrize(("room", "expected"), [(4.5, 4), (200.1, 200), (1000.0, 200), (0.5, 1)])
def test_a_trace_has_as_many_samples_as_its_size_holds(
    room: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = exported(Network(cnn3d(16, 3), GRID), 5)
    monkeypatch.setattr(record, "TRACE_BYTES", int(room * record.sample_bits(network) / 8))
    assert record.trace_samples(network) == expected


def test_predictions_in_parts_are_those_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    float_network = Network(cnn3d(16, 3), GRID, seed=3)
    network, codes = exported(float_network, 3), samples(float_network, 7)
    whole = execute(network, codes).outputs.argmax(1)
    monkeypatch.setattr(record, "EXECUTED_SAMPLES", 3)
    assert record.predictions(network, codes).tolist() == whole.tolist()


@pytest.mark.parametrize("room", [1, 1 << 25])
def test_agreement_counts_equal_spikes_and_predictions_over_all_parts(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "SPIKING_VALUES", room)
    network = Network(cnn3d(16, 3), GRID, seed=3)
    codes = samples(network, 5)
    trace = execute(exported(network, 3), codes)
    maps = [(*layer.out_size, layer.out_channels) for layer in network.architecture.layers[:-1]]
    spikes = [unpack_spikes(packed, shape) for packed, shape in zip(trace.spikes, maps, strict=True)]
    predictions = trace.outputs.argmax(1)
    spikes[1][4, 0, 0, 0, 0, :10] ^= True  # ten spikes of the last sample are other ones
    predictions[4] = (predictions[4] + 1) % 3
    found = agreement(network, torch.from_numpy(codes), Precision(weight_bits=6, floor_leak=True), spikes, predictions)
    assert found.equal[0] == 1.0
    assert found.equal[1] == 1 - 10 / spikes[1].size
    assert found.predictions == 4 / 5


@pytest.mark.parametrize("room", [1, 1 << 25])
def test_agreement_of_activations_counts_over_all_parts(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "SPIKING_VALUES", room)
    network = Network(cnn3d(16, 3), GRID, seed=3, activation_bits=6)
    codes = samples(network, 5)
    trace = execute(exported(network, 1), codes)
    maps = [(*layer.out_size, layer.out_channels) for layer in network.architecture.layers[:-1]]
    activations = [values.reshape(-1, *shape).copy() for values, shape in zip(trace.activations, maps, strict=True)]
    activations[2][0, 0, 0, 0, 0] += 1
    predictions = trace.outputs.argmax(1)
    found = activation_agreement(network, torch.from_numpy(codes), Precision(weight_bits=6), activations, predictions)
    assert found.equal[0] == 1.0
    assert found.equal[2] == 1 - 1 / activations[2].size
    assert found.predictions == 1.0

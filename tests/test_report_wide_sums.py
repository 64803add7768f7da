"""Networks whose sums do not fit the accumulators of the shipped files, like CNN-32H: wide layers behind a pool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pimsim import report
from pimsim.errors import AccumulatorError
from pimsim.hardware import load_hardware
from pimsim.model import load_network, save_network
from pimsim.model.architecture import Architecture, LayerShape, cnn3d, cnn32h
from pimsim.model.input import InputQuantization
from pimsim.model.network import ACCUMULATE, LIF, SCALE, IntegerLayer, IntegerNetwork, Neuron
from pimsim.report.fitting import fitting
from pimsim.simulation import execute
from pimsim.traces import save_trace


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of 8 × 8 in front of 4,096 inputs: as a CNN's, sums of 4,096 · 64 · 31 · 63 = 511,967,232 need 30 bits.

    With spikes they depend on the weights.
    """
    folder = tmp_path_factory.mktemp("inputs")
    first = LayerShape("conv", "conv3d", (1, 1, 64, 64), 64, (1, 1, 1))
    last = LayerShape.linear("out", first.out_shape, 2, pool=(1, 8, 8))
    rng = np.random.default_rng(0)

    def layer(shape: LayerShape, neuron: Neuron) -> IntegerLayer:
        weight = rng.integers(-31, 32, (shape.out_channels, shape.in_shape[0], *shape.kernel), dtype=np.int8)
        return IntegerLayer(shape, weight, 6, SCALE, 0, 0.02, neuron)

    network = IntegerNetwork(
        architecture=Architecture("wide", first.source_shape, (first, last)),
        input=InputQuantization(6, 0.1, 32, np.zeros(1), np.ones(1)),
        layers=(layer(first, Neuron(LIF, 400, 256)), layer(last, Neuron(ACCUMULATE))),
        time_steps=2,
        leak_fraction_bits=8,
    )
    save_network(network, folder / "wide.npz")
    codes = rng.integers(0, 64, (2, 1, 1, 64, 64), dtype=np.uint8)
    save_trace(execute(network, codes), folder / "trace.npz")
    return folder


def needed_by_spikes(folder: Path) -> int:
    """Bits of the classifier's sum: over two steps, all weights of one sign times 64 spikes."""
    weight = load_network(folder / "wide.npz").layers[1].weight.astype(int).reshape(2, -1)
    highest = 2 * 64 * max(int(np.where(row > 0, row, 0).sum()) for row in weight)
    lowest = 2 * 64 * min(int(np.where(row < 0, row, 0).sum()) for row in weight)
    return next(bits for bits in range(2, 60) if -(2 ** (bits - 1)) <= lowest and highest < 2 ** (bits - 1))


def test_the_machines_that_a_comparison_chooses_get_the_accumulators_that_the_network_needs(inputs: Path) -> None:
    result = report.comparison(inputs / "wide.npz", None, inputs / "trace.npz")
    bits = needed_by_spikes(inputs)
    found = {system.name: dict(system.widened) for system in result.systems}
    assert found["cnn_6b"] == {"engines.mac.accumulator_bits": 30}
    assert found["digital45nm"] == {"engines.event.accumulator_bits": bits}
    digital = next(system for system in result.systems if system.name == "digital45nm")
    assert digital.hardware.engines.event is not None
    assert digital.hardware.engines.event.accumulator_bits == bits
    assert f"digital45nm: engines.event.accumulator_bits={bits}, which" in report.compare_text(result)


def test_a_file_that_is_asked_for_keeps_its_accumulator(inputs: Path) -> None:
    words = r'hardware "ann45nm": layer "out": .* need 30 bits, engines\.mac\.accumulator_bits=28'
    with pytest.raises(AccumulatorError, match=words):
        report.comparison(inputs / "wide.npz", ["ann45nm"], inputs / "trace.npz")
    with pytest.raises(AccumulatorError, match=words):
        report.run(inputs / "wide.npz", "ann45nm", inputs / "trace.npz")


def test_one_that_is_asked_for_is_widened_on_demand(inputs: Path) -> None:
    result = report.comparison(inputs / "wide.npz", ["digital45nm"], inputs / "trace.npz", widen=True)
    assert dict(result.systems[0].widened) == {"engines.event.accumulator_bits": needed_by_spikes(inputs)}


def test_so_does_one_whose_accumulator_is_set(inputs: Path) -> None:
    with pytest.raises(AccumulatorError, match=r"need 30 bits, engines\.mac\.accumulator_bits=29"):
        report.comparison(
            inputs / "wide.npz", None, inputs / "trace.npz", overrides={"engines.mac.accumulator_bits": 29}
        )


def test_the_accumulator_of_the_cnn_is_widened_for_cnn_32h_alone() -> None:
    # fc1: 60,544 products of 31 and of a window of 4 activations up to 63: 472,969,728 is above 2^28 and below 2^29
    machine, placed, widened = fitting(cnn32h(200, 16), "ann45nm", {})
    assert widened == {"engines.mac.accumulator_bits": 30}
    assert {layer.numerics.accumulator_bits for layer in placed.layers} == {30}
    assert machine.engines.mac is not None
    assert machine.engines.mac.accumulator_bits == 30
    machine, _, widened = fitting(cnn3d(200, 16), "ann45nm", {})
    assert widened == {}
    assert machine.content_hash == load_hardware("ann45nm").content_hash


def test_sums_beyond_the_widest_accumulator_are_refused() -> None:
    # 64 channels of 64 × 64 positions, windows of 16, at 8 bits: 262,144 · 127 · 16 · 255 is above 2^36, below 2^37
    first = LayerShape("conv", "conv3d", (1, 1, 256, 256), 64, (1, 1, 1))
    last = LayerShape.linear("out", first.out_shape, 2, pool=(1, 4, 4))
    shapes = Architecture("wide", first.source_shape, (first, last))
    with pytest.raises(AccumulatorError, match="need 38 bits"):
        fitting(shapes, "ann45nm", {"engines.mac.activation_bits": 8})

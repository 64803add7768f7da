"""A small network and a scene it fits, for tests that go through files and the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pimsim.model import save_network
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.input import InputQuantization
from pimsim.model.network import ACCUMULATE, AFFINE, LIF, IntegerLayer, IntegerNetwork, Neuron

BANDS, PATCH, CLASSES = 8, 3, 3


def network(seed: int = 0) -> IntegerNetwork:
    """Two spiking layers and a classifier over 8 bands, random weights of 6 bits."""
    first = LayerShape("conv1", "conv3d", (1, BANDS, PATCH, PATCH), 4, (3, 3, 3))
    second = LayerShape("conv2", "conv3d", first.out_shape, 5, (3, 1, 1), (2, 1, 1), (1, 0, 0))
    last = LayerShape.linear("classifier", second.out_shape, CLASSES)
    rng = np.random.default_rng(seed)

    def layer(shape: LayerShape, neuron: Neuron) -> IntegerLayer:
        weight = rng.integers(0, 64, (shape.out_channels, shape.in_shape[0], *shape.kernel), dtype=np.uint8)
        return IntegerLayer(shape, weight, 6, AFFINE, 30, 0.02, neuron)

    return IntegerNetwork(
        architecture=Architecture("made", first.source_shape, (first, second, last)),
        input=InputQuantization(6, 0.12, 32, np.full(BANDS, 500.0), np.full(BANDS, 250.0)),
        layers=(
            layer(first, Neuron(LIF, 300, 4000)),
            layer(second, Neuron(LIF, 20, 4000)),
            layer(last, Neuron(ACCUMULATE)),
        ),
        time_steps=4,
    )


def write_model(folder: Path) -> Path:
    save_network(network(), folder / "made.npz")
    return folder / "made.npz"


def write_scene(folder: Path, name: str = "field", *, bands: int = BANDS, classes: int = CLASSES) -> Path:
    """An 6×7 scene in which half of the pixels are labelled."""
    rng = np.random.default_rng(1)
    labels = np.arange(42).reshape(6, 7) % (2 * classes)
    np.save(folder / f"{name}.npy", rng.integers(0, 1000, (6, 7, bands), dtype=np.uint16))
    np.save(folder / f"{name}_gt.npy", np.where(labels <= classes, labels, 0))
    return folder / f"{name}.npy"

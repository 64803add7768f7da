"""How many samples are executed and recorded at a time: CNN-32H has four times the neurons of CNN-3D."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pimsim.model.network import IntegerNetwork
from pimsim.simulation import execute

#: samples of a shipped trace where they fit its size, and of the comparison of float and integer spikes
TRACE_SAMPLES = 200
#: spikes or activations of a shipped trace, before compression to a third or less
TRACE_BYTES = 18 << 20
#: samples executed at a time where their record stays below the size beside it
EXECUTED_SAMPLES = 512
EXECUTED_BYTES = 128 << 20


def sample_bits(network: IntegerNetwork) -> int:
    """What a trace holds of one sample: a bit per hidden neuron and step, of a CNN a byte (or two) per neuron."""
    widths = [
        8 * -(-layer.neuron.activation_bits // 8) if network.is_cnn else network.time_steps
        for layer in network.layers[:-1]
    ]
    return sum(layer.shape.neurons * width for layer, width in zip(network.layers[:-1], widths, strict=True))


def trace_samples(network: IntegerNetwork) -> int:
    """Samples of the trace that is shipped with a network; at least 1."""
    return _samples(network, TRACE_SAMPLES, TRACE_BYTES)


def predictions(network: IntegerNetwork, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Classes (N,) of input codes (N, C, D, H, W), by the simulator, in parts that keep memory flat."""
    size = _samples(network, EXECUTED_SAMPLES, EXECUTED_BYTES)
    return np.concatenate(list(_parts(network, codes, size)))


def _parts(network: IntegerNetwork, codes: npt.NDArray[np.uint8], size: int) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, len(codes), size):
        yield execute(network, codes[start : start + size]).outputs.argmax(1)


def _samples(network: IntegerNetwork, most: int, size_bytes: int) -> int:
    return max(1, min(most, 8 * size_bytes // max(sample_bits(network), 1)))

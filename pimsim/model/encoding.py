"""Input codes → input spikes of the encoding ``hybrid`` (arXiv 2107.12374)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model.network import IntegerNetwork


def input_spikes(network: IntegerNetwork, codes: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.bool_]:
    """Spikes (N, T, D, H, W, C) of input codes (N, C, D, H, W); none at step 1, one per input in all.

    Raises ModelError for a network of another encoding.
    """
    if network.input_spikes is None:
        raise ModelError(f"encoding={network.encoding}: its inputs do not fire")
    when = network.input_spikes.steps(codes, network.time_steps).transpose(0, 2, 3, 4, 1)
    fired: npt.NDArray[np.bool_] = when[:, None] == np.arange(1, network.time_steps + 1)[:, None, None, None, None]
    return fired


def packed_input_spikes(network: IntegerNetwork, codes: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.uint8]:
    """The same, packed as a trace holds spikes: uint8 (N, T, ceil(inputs / 8)), little bit order."""
    samples, steps, inputs = len(codes), network.time_steps, int(np.prod(codes.shape[1:]))
    packed = np.empty((samples, steps, -(-inputs // 8)), np.uint8)
    for sample in range(samples):  # one at a time bounds the unpacked copy
        bits = input_spikes(network, codes[sample : sample + 1]).reshape(steps, inputs)
        packed[sample] = np.packbits(bits, axis=1, bitorder="little")
    return packed

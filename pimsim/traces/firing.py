"""Which neurons fired, and which fired again: all on packed maps, a byte of neurons at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Packed = npt.NDArray[np.uint8]


def fired(spikes: Packed) -> Packed:
    """Spikes (N, T, bytes) of a layer, or of inputs → (N, bytes) with a bit set for each that fired in any step.

    >>> fired(np.array([[[0b011], [0b110]]], np.uint8)).tolist()
    [[7]]
    """
    found: Packed = np.bitwise_or.reduce(spikes, axis=1)
    return found


def fired_again(spikes: Packed) -> Packed:
    """The same for those that fired in two steps or more, which no ``single_spike`` neuron does.

    >>> fired_again(np.array([[[0b011], [0b110]]], np.uint8)).tolist()
    [[2]]
    """
    before, again = np.zeros_like(spikes[:, 0]), np.zeros_like(spikes[:, 0])
    for step in range(spikes.shape[1]):
        again |= before & spikes[:, step]
        before |= spikes[:, step]
    return again

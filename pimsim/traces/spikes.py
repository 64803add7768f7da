"""Spikes of a map in a bit each, in the order in which the hardware scans the map."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt


def unpack_spikes(packed: npt.NDArray[np.uint8], shape: Sequence[int]) -> npt.NDArray[np.bool_]:
    """(N, T, bytes) → bool (N, T, *shape), ``shape`` in the order depth, height, width, channel."""
    bits = np.unpackbits(packed, axis=-1, count=prod(shape), bitorder="little")
    return bits.reshape(*packed.shape[:2], *shape).astype(np.bool_)


def pack_spikes(spikes: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """bool (N, T, D, H, W, C) → uint8 (N, T, ceil(D·H·W·C / 8))."""
    return np.packbits(spikes.reshape(*spikes.shape[:2], -1), axis=-1, bitorder="little")

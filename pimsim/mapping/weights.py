"""What placing a layer needs to know of its weights, found once per layer."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pimsim.model.network import IntegerLayer


@dataclass(frozen=True, eq=False)
class WeightSums:
    """Per output channel, int64 (C_out,): sums of the positive and of the negative centred weights.

    ``largest`` is the greatest magnitude of a centred weight.
    """

    positive: npt.NDArray[np.int64]
    negative: npt.NDArray[np.int64]
    largest: int


_FOUND: WeakKeyDictionary[IntegerLayer, WeightSums] = WeakKeyDictionary()  # layers are frozen, so this cannot go stale


def weight_sums(layer: IntegerLayer) -> WeightSums:
    """Sums of a layer's weights; a sweep over hardware files asks for the same ones every time."""
    known = _FOUND.get(layer)
    if known is None:
        known = _FOUND[layer] = _measure(layer)
    return known


def _measure(layer: IntegerLayer) -> WeightSums:
    rows = layer.weight.reshape(layer.shape.out_channels, -1)
    positive = np.empty(rows.shape[0], np.int64)
    negative = np.empty(rows.shape[0], np.int64)
    largest = 0
    for channel, codes in enumerate(rows):  # one at a time bounds the wide copy
        centred = codes.astype(np.int64) - layer.zero_point
        positive[channel] = centred[centred > 0].sum()
        negative[channel] = centred[centred < 0].sum()
        largest = max(largest, int(np.abs(centred).max()))
    return WeightSums(positive, negative, largest)

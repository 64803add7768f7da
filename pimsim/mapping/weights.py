"""What placing a layer needs to know of its weights, found once per layer."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pimsim.model.fixed_point import word_bits
from pimsim.model.network import IntegerLayer


@dataclass(frozen=True, eq=False)
class WeightSums:
    """Per output channel, int64 (C_out,): sums of the positive and of the negative centred weights.

    ``lowest`` and ``highest`` are the ends of the centred weights, 0 among them.
    """

    positive: npt.NDArray[np.int64]
    negative: npt.NDArray[np.int64]
    lowest: int
    highest: int

    @property
    def largest(self) -> int:
        """Greatest magnitude of a centred weight."""
        return max(-self.lowest, self.highest)

    @property
    def magnitude_bits(self) -> int:
        return max(1, self.largest.bit_length())

    @property
    def signed_bits(self) -> int:
        """Of the narrowest two's complement that holds every centred weight."""
        return word_bits(self.lowest, self.highest)


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
    lowest = highest = 0
    for channel, codes in enumerate(rows):  # one at a time bounds the wide copy
        centred = codes.astype(np.int64) - layer.zero_point
        positive[channel] = centred[centred > 0].sum()
        negative[channel] = centred[centred < 0].sum()
        lowest, highest = min(lowest, int(centred.min())), max(highest, int(centred.max()))
    return WeightSums(positive, negative, lowest, highest)

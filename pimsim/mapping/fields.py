"""Which spike words an output position's receptive field lies in: the heart of a gather dataflow.

The field is a box of input positions, cut to the map.  One row of it, all channels of neighbouring positions along
the width, is a contiguous stretch of bits of the packed map; stretches that follow each other without a gap, as those
of a box as wide as the map do, are one.  Every stretch is read word by word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pimsim.mapping.reach import counting_up
from pimsim.model.architecture import LayerShape

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FieldWords:
    """Words of every field in the order in which they are read, int64, read-only.

    ``first`` (S + 1,) number of the first read of each output position, the total at the end; ``word`` (V,) number of
    the word that is read; its bits ``low`` … ``high`` − 1 (V,) belong to the field.
    """

    first: Int64Array
    word: Int64Array
    low: Int64Array
    high: Int64Array


@lru_cache(maxsize=64)
def field_words(shape: LayerShape, scan_width: int) -> FieldWords:
    """Fields of a layer whose input map is read in words of ``scan_width`` bits."""
    position, start, stop = _stretches(shape)
    first_word = start // scan_width
    words = (stop - 1) // scan_width - first_word + 1
    stretch, step = counting_up(words)
    word = first_word[stretch] + step
    low = np.maximum(start[stretch] - word * scan_width, 0)
    high = np.minimum(stop[stretch] - word * scan_width, scan_width)
    per_position = np.bincount(position, words, shape.positions).astype(np.int64)
    found = FieldWords(np.concatenate([[0], np.cumsum(per_position)]), word, low, high)
    for array in (found.first, found.word, found.low, found.high):
        array.flags.writeable = False
    return found


def _stretches(shape: LayerShape) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Output position, first bit and bit behind the last one of every contiguous part of every field."""
    channels, _, height, width = shape.viewed_shape
    axes = zip(shape.in_shape[1:], shape.pool, shape.kernel, shape.stride, shape.padding, shape.out_size, strict=True)
    (d, depths), (h, heights), (w, widths) = (_boxes(*axis) for axis in axes)
    numbers = np.indices(shape.out_size).reshape(3, -1)
    out_d, out_h, out_w = numbers
    position, row = counting_up(depths[out_d] * heights[out_h])
    down, across = np.divmod(row, heights[out_h][position])
    line = (d[out_d][position] + down) * height + h[out_h][position] + across
    start = (line * width + w[out_w][position]) * channels
    stop = start + widths[out_w][position] * channels
    begins = np.ones(len(start), np.bool_)
    begins[1:] = (position[1:] != position[:-1]) | (start[1:] != stop[:-1])
    ends = np.append(begins[1:], True)
    return position[begins], start[begins], stop[ends]


def _boxes(size: int, pool: int, kernel: int, stride: int, padding: int, outputs: int) -> tuple[Int64Array, Int64Array]:
    """Along one axis, first input of every output's field and their number, before the pool."""
    corner = np.arange(outputs, dtype=np.int64) * stride - padding
    first, stop = np.maximum(corner, 0), np.minimum(corner + kernel, size)
    return first * pool, (stop - first) * pool

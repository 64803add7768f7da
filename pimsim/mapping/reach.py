"""Which outputs an input position reaches: the heart of a scatter dataflow.

Along each axis, input index i (after the pool) lies in the receptive fields of the outputs
``ceil((i + p − k + 1) / s) … floor((i + p) / s)``, cut to the map; a position's targets are the product
over the three axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.model.architecture import LayerShape

Int64Array = npt.NDArray[np.int64]


@lru_cache(maxsize=256)
def targets_per_position(shape: LayerShape) -> Int64Array:
    """Output positions that each source position reaches, int64, read-only.

    Source positions are those of the map before the pool, in the order depth, height, width; rows and
    columns that fill no pool window reach nothing.
    """
    (_, depth), (_, height), (_, width) = _axes(shape)
    targets: Int64Array = (depth[:, None, None] * height[:, None] * width).reshape(-1)
    targets.flags.writeable = False
    return targets


@dataclass(frozen=True, eq=False)
class Targets:
    """Output positions that each source position reaches, in the hardware's order, int64, read-only.

    Those of source position i are ``outputs[first[i] : first[i + 1]]``.
    """

    first: Int64Array
    outputs: Int64Array


@lru_cache(maxsize=16)
def targets_in_order(shape: LayerShape) -> Targets:
    """The positions themselves, targets in the order depth, height, width."""
    (d, _), (h, heights), (w, widths) = _axes(shape)
    _, out_height, out_width = shape.out_size
    in_d, in_h, in_w = np.indices(shape.viewed_shape[1:]).reshape(3, -1)
    source, target = counting_up(targets_per_position(shape))
    plane, column = np.divmod(target, widths[in_w][source])
    slab, row = np.divmod(plane, heights[in_h][source])
    line = (d[in_d][source] + slab) * out_height + h[in_h][source] + row
    outputs = line * out_width + w[in_w][source] + column
    found = Targets(np.concatenate([[0], np.cumsum(targets_per_position(shape))]), outputs)
    found.first.flags.writeable = found.outputs.flags.writeable = False
    return found


@lru_cache(maxsize=256)
def fewest_targets_between(shape: LayerShape) -> int:
    """How many targets an output comes behind itself at least, whatever fires: 1 where it is the next one.

    Of an event's n targets the k-th, from 0, has n − k from itself to the event's end.  An output that comes again
    does so in the same event's position or in a later one, with the targets in front of it there in between.
    """
    targets = targets_in_order(shape)
    number = targets_per_position(shape)
    source, before = counting_up(number)
    behind, ahead = np.full((2, shape.positions), max(int(number.max()), 1), np.int64)
    np.minimum.at(behind, targets.outputs, number[source] - before)
    np.minimum.at(ahead, targets.outputs, before)
    return int((behind + ahead).min())


def counting_up(lengths: Int64Array) -> tuple[Int64Array, Int64Array]:
    """For groups of ``lengths`` members in a row, each member's group and its number in it.

    >>> counting_up(np.array([2, 0, 1]))
    (array([0, 0, 2]), array([0, 1, 0]))
    """
    group = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    before = np.cumsum(lengths) - lengths
    return group, np.arange(len(group), dtype=np.int64) - before[group]


def _axes(shape: LayerShape) -> list[tuple[Int64Array, Int64Array]]:
    """Along depth, height and width: first output that each input coordinate reaches, and their number."""
    axes = zip(
        shape.viewed_shape[1:], shape.in_shape[1:], shape.pool, shape.kernel, shape.stride, shape.padding,
        shape.out_size, strict=True,
    )  # fmt: skip
    return [_along_axis(*axis) for axis in axes]


def _along_axis(
    source: int, size: int, pool: int, kernel: int, stride: int, padding: int, outputs: int
) -> tuple[Int64Array, Int64Array]:
    index = np.arange(source, dtype=np.int64) // pool
    first = np.maximum(-((kernel - 1 - index - padding) // stride), 0)
    last = np.minimum((index + padding) // stride, outputs - 1)
    return first, np.where(index < size, np.maximum(last - first + 1, 0), 0)


def padded_taps(shape: LayerShape) -> int:
    """Kernel taps that fall into the padding, summed over all output positions and input channels."""
    pooled = int(targets_per_position(shape).sum()) // prod(shape.pool)
    return shape.in_shape[0] * (shape.positions * prod(shape.kernel) - pooled)

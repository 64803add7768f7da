"""Which outputs an input position reaches: the heart of a scatter dataflow.

Along each axis, input index i (after the pool) lies in the receptive fields of the outputs
``ceil((i + p − k + 1) / s) … floor((i + p) / s)``, cut to the map; a position's targets are the product
over the three axes.
"""

from __future__ import annotations

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
    axes = zip(
        shape.viewed_shape[1:], shape.in_shape[1:], shape.pool, shape.kernel, shape.stride, shape.padding,
        shape.out_size, strict=True,
    )  # fmt: skip
    depth, height, width = (_along_axis(*axis) for axis in axes)
    targets: Int64Array = (depth[:, None, None] * height[:, None] * width).reshape(-1)
    targets.flags.writeable = False
    return targets


def _along_axis(source: int, size: int, pool: int, kernel: int, stride: int, padding: int, outputs: int) -> Int64Array:
    index = np.arange(source, dtype=np.int64) // pool
    first = np.maximum(-((kernel - 1 - index - padding) // stride), 0)
    last = np.minimum((index + padding) // stride, outputs - 1)
    return np.where(index < size, np.maximum(last - first + 1, 0), 0)


def padded_taps(shape: LayerShape) -> int:
    """Kernel taps that fall into the padding, summed over all output positions and input channels."""
    pooled = int(targets_per_position(shape).sum()) // prod(shape.pool)
    return shape.in_shape[0] * (shape.positions * prod(shape.kernel) - pooled)

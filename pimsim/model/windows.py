"""From a feature map to the operands of every output position, by explicit sliding windows."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pimsim.model.architecture import LayerShape
from pimsim.model.fixed_point import Int64Array


def arrange(signal: Int64Array, shape: LayerShape) -> Int64Array:
    """The layer's reshape and its pool, which sums: (N, T, D, H, W, C) → (N, T, D', H', W', C').

    Rows and columns that fill no whole pool window are dropped.
    """
    n, t = signal.shape[:2]
    if shape.spectral_map:  # (D, 1, 1, C) → (1, D, C, 1)
        d, c = signal.shape[2], signal.shape[5]
        signal = signal.reshape(n, t, 1, d, c, 1)
    (pd, ph, pw), (c, d, h, w) = shape.pool, shape.in_shape
    whole = signal[:, :, : d * pd, : h * ph, : w * pw]
    summed: Int64Array = whole.reshape(n, t, d, pd, h, ph, w, pw, c).sum((3, 5, 7), dtype=np.int64)
    return summed


def windows(signal: Int64Array, shape: LayerShape, fill: int) -> Int64Array:
    """Operands of every output position: (N, T, D, H, W, C) → (N, T, D', H', W', kD·kH·kW·C).

    ``fill`` is the code that stands for zero in the padding.  The order of the last axis is depth, height,
    width, channel, the channel fastest.
    """
    sides = [(0, 0), (0, 0), *((p, p) for p in shape.padding), (0, 0)]
    padded = np.pad(signal, sides, constant_values=fill)
    views = sliding_window_view(padded, shape.kernel, (2, 3, 4))  # N, T, D, H, W, C, kD, kH, kW
    sd, sh, sw = shape.stride
    chosen = views[:, :, ::sd, ::sh, ::sw].transpose(0, 1, 2, 3, 4, 6, 7, 8, 5)
    return chosen.reshape(*signal.shape[:2], *shape.out_size, shape.fan_in)

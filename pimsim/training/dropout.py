"""Dropout of what enters a layer, behind its pool."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.model.architecture import LayerShape


def drop(x: Tensor, rate: float, layer: LayerShape) -> Tensor:
    """``x`` (N, D, H, W, C) or (T, N, D, H, W, C), which enters ``layer``, with a share ``rate`` of it set to 0.

    What is left is scaled by 1 / (1 − rate).  A pooled input is dropped as a whole: all that its window sums up.
    One mask per sample holds for all T steps (DIET-SNN).
    """
    like = x[:1] if x.dim() == 6 else x
    windows = _windows(layer)
    offset = like.dim() - len(windows)
    small = [-(-size // window) for size, window in zip(like.shape[offset:], windows, strict=True)]
    shape = (*like.shape[:offset], *small)
    mask = F.dropout(torch.ones(shape, dtype=x.dtype, device=x.device), rate)
    for axis, window in enumerate(windows, offset):
        if window > 1:
            mask = mask.repeat_interleave(window, axis).narrow(axis, 0, like.shape[axis])
    return x * mask


def _windows(layer: LayerShape) -> tuple[int, int, int, int]:
    """Edges of the layer's pooling window along (D, H, W, C) of the map before its reshape."""
    d, h, w = layer.pool
    return (h, 1, 1, w) if layer.spectral_map else (d, h, w, 1)

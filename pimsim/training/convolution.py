"""Convolution of feature maps laid out (N, H, W, C, D), spectral axis innermost."""

from __future__ import annotations

import itertools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.model.architecture import LayerShape


def convolve(x: Tensor, weight: Tensor, layer: LayerShape, *, half: bool = False) -> Tensor:
    """x (N, H, W, C, D) → (N, H', W', C_out, D'), after the layer's reshape and pool (a sum).

    The spectral axis is innermost, so that a kernel which is 1×1 in space, or covers the whole patch, is
    a 1-D convolution on a view; the library's 1-D form is several times faster than its 3-D form here.
    """
    x = arrange(x, layer)
    if half:
        x, weight = x.to(torch.bfloat16), weight.to(torch.bfloat16)
    n, _, _, c, d = x.shape
    (_, kh, kw), (sd, sh, sw), (pd, ph, pw) = layer.kernel, layer.stride, layer.padding
    if d == 1 and pd == 0:
        y = F.conv2d(x[..., 0].permute(0, 3, 1, 2), weight[:, :, 0], stride=(sh, sw), padding=(ph, pw))
        y = y.permute(0, 2, 3, 1).unsqueeze(-1)
    else:
        windows = _windows(F.pad(x, (0, 0, 0, 0, pw, pw, ph, ph)), (kh, kw), (sh, sw))
        ho, wo = windows.shape[1:3]
        taps = weight.permute(0, 3, 4, 1, 2).reshape(layer.out_channels, kh * kw * c, -1)
        y = F.conv1d(windows.reshape(n * ho * wo, kh * kw * c, d), taps, stride=sd, padding=pd)
        y = y.reshape(n, ho, wo, layer.out_channels, -1)
    return y


def _windows(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """(N, H, W, C, D) → (N, H', W', kh, kw, C, D); a view wherever one exists, for autograd's sake too."""
    n, h, w, c, d = x.shape
    if kernel == (1, 1):
        return x[:, :: stride[0], :: stride[1], None, None]
    if kernel == (h, w):
        return x.reshape(n, 1, 1, h, w, c, d)
    return x.unfold(1, kernel[0], stride[0]).unfold(2, kernel[1], stride[1]).permute(0, 1, 2, 5, 6, 3, 4)


def arrange(x: Tensor, layer: LayerShape) -> Tensor:
    """The layer's reshape and pool, as a sum, on (N, H, W, C, D)."""
    if layer.spectral_map:  # (N, 1, 1, C, D) → height D, width C, one channel
        x = x[:, 0, 0].transpose(1, 2).unsqueeze(-1).unsqueeze(-1)
    if layer.pool != (1, 1, 1):
        d, h, w = layer.pool
        x = sum_windows(x, (h, w, d))
    return x


class _SumWindows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: tuple[int, int, int]) -> Tensor:
        ctx.shape, ctx.window = x.shape, window
        first, *others = _places(x, window)
        total = first.clone()
        for other in others:
            total += other
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (upstream,) = gradients
        result = upstream.new_zeros(ctx.shape)
        for place in _places(result, ctx.window):
            place.copy_(upstream)
        return result, None


def sum_windows(x: Tensor, window: tuple[int, int, int]) -> Tensor:
    """(N, H, W, C, D) → (N, H // h, W // w, C, D // d): sums over windows (h, w, d), whole ones.

    The library pools no bfloat16 on processors.  Sums of spikes are exact in it for windows up to 256.
    """
    sums: Tensor = _SumWindows.apply(x, window)
    return sums


def _places(x: Tensor, window: tuple[int, int, int]) -> list[Tensor]:
    """Views of every window's first element, of every window's second, …"""
    h, w, d = (
        size // length * length for size, length in zip((x.shape[1], x.shape[2], x.shape[4]), window, strict=True)
    )
    return [
        x[:, row : h : window[0], column : w : window[1], :, band : d : window[2]]
        for row, column, band in itertools.product(*map(range, window))
    ]

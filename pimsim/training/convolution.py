"""Convolutions as matrix products, on feature maps laid out (N, D, H, W, C), channels innermost.

A kernel that is 1×1 in space, or covers the whole patch, is a 1-D convolution along the spectrum.  With channels
innermost the inputs of an output are few contiguous runs, so that copying them side by side costs a tenth of the
product; the library's own 1-D and 3-D convolutions reach a third of its products' speed in bfloat16, and less
backwards.  Products accumulate in float32 and round once; in float32, sums of integers are exact in any order.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.model.architecture import LayerShape
from pimsim.training.words import has_words


def convolve(x: Tensor, weight: Tensor, layer: LayerShape, *, half: bool = False) -> Tensor:
    """x (N, D, H, W, C) → (N, D', H', W', C_out), after the layer's reshape and pool (a sum); differentiable.

    weight (C_out, C, kD, kH, kW).  ``half`` computes in bfloat16, and returns it.
    """
    x = arrange(x, layer)
    if half:
        x, weight = x.to(torch.bfloat16), weight.to(torch.bfloat16)
    (_, kh, kw), (sd, sh, sw), (pd, ph, pw) = layer.kernel, layer.stride, layer.padding
    if layer.kernel == layer.in_shape[1:] and layer.positions == 1 and not any(layer.padding):
        # a linear layer's weights are most of a network: its few inputs take their order
        outputs: Tensor = _Linear.apply(x.permute(0, 4, 1, 2, 3).flatten(1), weight.flatten(1))
        return outputs[:, None, None, None]
    if layer.in_shape[1] == 1 and pd == 0:
        return _planes(x[:, 0], weight[:, :, 0], (sh, sw), (ph, pw)).unsqueeze(1)
    rows = _windows(F.pad(x, (0, 0, pw, pw, ph, ph)), (kh, kw), (sh, sw))
    taps = weight.permute(0, 2, 3, 4, 1).flatten(2)
    y: Tensor = _Spectral.apply(rows, taps, sd, pd)
    return y.reshape(len(x), *layer.out_size, layer.out_channels)


def _planes(x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    """x (N, H, W, C), weight (C_out, C, kH, kW) → (N, H', W', C_out)."""
    x = x.permute(0, 3, 1, 2)
    if stride != (1, 1):
        # with channels innermost and one of them, or a map one wide, PyTorch 2.13 returns wrong sums or gradients for
        # some strided kernels; `contiguous` would leave the strides of such tensors as they are
        x, weight = (tensor.clone(memory_format=torch.contiguous_format) for tensor in (x, weight))
    return F.conv2d(x, weight, stride=stride, padding=padding).permute(0, 2, 3, 1)


def _windows(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """(N, D, H, W, C) → (N, D, H' · W', kH · kW · C); a view wherever one exists, for autograd's sake too."""
    n, d, h, w, c = x.shape
    if kernel == (1, 1):
        return x[:, :, :: stride[0], :: stride[1]].flatten(2, 3)
    if kernel == (h, w):
        return x.reshape(n, d, 1, h * w * c)
    windows = x.unfold(2, kernel[0], stride[0]).unfold(3, kernel[1], stride[1])
    return windows.permute(0, 1, 2, 3, 5, 6, 4).reshape(n, d, -1, kernel[0] * kernel[1] * c)


#: inputs that a forward pass alone copies side by side at a time
PIECE = 1 << 22
#: whether this processor has oneDNN's product
_ONEDNN = {
    torch.float32: torch.backends.mkldnn.is_available(),
    torch.bfloat16: torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported(),
}


def product(x: Tensor, weight: Tensor) -> Tensor:
    """(M, K), (N, K) → (M, N).

    oneDNN's product, where the library has it: in float32 it is twice as fast as the one that a plain matrix product
    takes here, and in either format it takes transposed matrices as they are.
    """
    if has_words(x) and _ONEDNN[x.dtype]:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")
        return result
    return x @ weight.t()


class _Linear(torch.autograd.Function):
    """x (M, K), weight (N, K) → (M, N)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        (upstream,) = gradients
        of_x = product(upstream, weight.t()) if ctx.needs_input_grad[0] else None
        of_weight = product(upstream.t(), x.t()) if ctx.needs_input_grad[1] else None
        return of_x, of_weight


class _Spectral(torch.autograd.Function):
    """x (N, D, P, C), taps (C_out, K, C), stride, padding along D → (N, D', P, C_out)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, stride: int, padding: int) -> Tensor:
        count = (x.shape[1] + 2 * padding - taps.shape[1]) // stride + 1
        # of what no gradient needs, copies in pieces: over many time steps they are gigabytes
        values = count * x.shape[2] * taps[0].numel()
        pieces = [x] if any(ctx.needs_input_grad) else x.split(max(PIECE // values, 1))
        outputs = []
        for piece in pieces:
            columns = _side_by_side(piece, taps.shape[1], stride, -padding, count)
            outputs.append(product(columns.flatten(0, 2), taps.flatten(1)).reshape(*columns.shape[:3], -1))
        ctx.save_for_backward(columns, taps)
        ctx.geometry = (stride, padding, x.shape)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        columns, taps = ctx.saved_tensors
        stride, padding, shape = ctx.geometry
        upstream = gradients[0].contiguous()
        x_gradient, taps_gradient = None, None
        if ctx.needs_input_grad[1]:
            taps_gradient = product(upstream.flatten(0, 2).t(), columns.flatten(0, 2).t()).reshape(taps.shape)
        if ctx.needs_input_grad[0]:
            x_gradient = _transposed(upstream, taps, stride, padding, shape)
        return x_gradient, taps_gradient, None, None


def _transposed(upstream: Tensor, taps: Tensor, stride: int, padding: int, shape: tuple[int, ...]) -> Tensor:
    """Gradient (N, D, P, C) of a convolution's input.

    Inputs at a distance of ``stride`` see the same taps: each such class is a convolution of the gradient with
    every stride-th tap, backwards.
    """
    result = upstream.new_zeros(shape)
    for first in range(min(stride, shape[1])):
        start, residue = divmod(first + padding, stride)
        mine = taps[:, residue::stride].flip(1)
        places = result[:, first::stride]
        if mine.shape[1] == 0:  # a stride beyond the kernel skips these inputs
            continue
        columns = _side_by_side(upstream, mine.shape[1], 1, start - mine.shape[1] + 1, places.shape[1])
        matrix = mine.permute(2, 1, 0).flatten(1)
        places.copy_(product(columns.flatten(0, 2), matrix).reshape(places.shape))
    return result


def _side_by_side(x: Tensor, length: int, stride: int, start: int, count: int) -> Tensor:
    """(N, D, P, C) → (N, count, P, length · C): windows along D from ``start`` on, 0 outside of x."""
    n, d, p, c = x.shape
    end = start + (count - 1) * stride + length
    before, after = max(-start, 0), max(end - d, 0)
    if before or after:
        x = F.pad(x, (0, 0, 0, 0, before, after))
    x = x[:, start + before :]
    windows = x.as_strided(
        (n, count, p, length, c),
        (x.stride(0), stride * x.stride(1), x.stride(2), x.stride(1), x.stride(3)),
    )
    # of a single sample it may still be a view, whose rows overlap
    return windows.reshape(n, count, p, length * c).contiguous()


def arrange(x: Tensor, layer: LayerShape) -> Tensor:
    """The layer's reshape and pool, as a sum, on (N, D, H, W, C)."""
    if layer.spectral_map:  # (N, D, 1, 1, C) → height D, width C, one channel
        x = x.permute(0, 2, 1, 4, 3)
    return sum_windows(x, layer.pool)


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
    """(N, D, H, W, C) → (N, D // d, H // h, W // w, C): sums over whole windows (d, h, w).

    The library pools no bfloat16 on processors.  Sums of spikes are exact in it for windows up to 256.
    """
    if window == (1, 1, 1):
        return x
    sums: Tensor = _SumWindows.apply(x, window)
    return sums


def _places(x: Tensor, window: tuple[int, int, int]) -> list[Tensor]:
    """Views of every window's first element, of every window's second, …"""
    d, h, w = (size // length * length for size, length in zip(x.shape[1:4], window, strict=True))
    return [
        x[:, band : d : window[0], row : h : window[1], column : w : window[2]]
        for band, row, column in itertools.product(*map(range, window))
    ]

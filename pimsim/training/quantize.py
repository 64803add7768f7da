"""Fake quantization with straight-through gradients.

HYPER-SNN (arXiv 2107.11979, §III-B): weights and first-layer inputs are quantized per tensor,
affine, with the range taken from the tensor itself at every mini-batch; the gradient of the rounding
is 1 inside the range.  ``scale`` is the symmetric form that the paper uses at inference.

Everything is computed in units of the grid's scale (codes minus zero point), so that the float network
adds the very integers that the accelerator adds.

Activations of the CNN are clipped at a learned value (PACT, arXiv 1805.06085, §3), whose gradient counts what the
rounding does inside the range too (LSQ, arXiv 1902.08153, Eq. 3) and which is trained as a logarithm (TQT, arXiv
1903.08066, §3.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pimsim.model.network import AFFINE, MAX_MULTIPLIER, MAX_SHIFT, SCALE
from pimsim.training import kernels
from pimsim.training.words import has_words, words

MULTIPLIER_BITS = MAX_MULTIPLIER.bit_length()
LEAST_SCALE = 2.0**-126
"""The smallest that float32 holds in full; what is smaller is a tensor of zeros to all that computes with it."""


@dataclass(frozen=True)
class Grid:
    """An integer grid: real = scale · (code − zero_point), low ≤ code ≤ high."""

    scale: float
    zero_point: int
    low: int
    high: int

    @staticmethod
    def affine(minimum: float, maximum: float, bits: int) -> Grid:
        """Unsigned codes over [minimum, maximum], widened to hold 0 exactly."""
        minimum, maximum = min(minimum, 0.0), max(maximum, 0.0)
        high = 2**bits - 1
        scale = _scale(maximum - minimum, high)
        return Grid(scale, round(-minimum / scale), 0, high)

    @staticmethod
    def symmetric(magnitude: float, bits: int) -> Grid:
        """Signed codes over ±magnitude, zero point 0, without the most negative code."""
        high = 2 ** (bits - 1) - 1
        return Grid(_scale(magnitude, high), 0, -high, high)

    @staticmethod
    def of(tensor: Tensor, bits: int, scheme: str) -> Grid:
        """Grid over the range of a tensor."""
        minimum, maximum = (float(end) for end in tensor.aminmax())
        if scheme == AFFINE:
            return Grid.affine(minimum, maximum, bits)
        if scheme == SCALE:
            return Grid.symmetric(max(-minimum, maximum), bits)
        raise ValueError(f"quantization scheme {scheme!r} is not one of {AFFINE}, {SCALE}")

    @property
    def lowest(self) -> int:
        """The lowest code minus the zero point."""
        return self.low - self.zero_point

    @property
    def highest(self) -> int:
        """The highest code minus the zero point."""
        return self.high - self.zero_point

    def codes(self, tensor: Tensor) -> Tensor:
        """Integer codes, as floats."""
        return torch.clamp(torch.round(tensor / self.scale) + self.zero_point, self.low, self.high)

    def centred(self, tensor: Tensor) -> Tensor:
        """Codes minus the zero point: the real value in units of the scale, an exact integer."""
        return self.codes(tensor) - self.zero_point


class _Centred(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, grid: Grid, dtype: torch.dtype) -> Tensor:
        ctx.save_for_backward(tensor)
        ctx.grid, ctx.dtype = grid, dtype
        if not has_words(tensor):
            return grid.centred(tensor).to(dtype)
        result = torch.empty(tensor.shape, dtype=dtype)
        scalars = map(np.float32, (grid.scale, grid.lowest, grid.highest))
        kernels.centred_codes(_flat(tensor), *scalars, _flat(result))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (tensor,) = ctx.saved_tensors
        grid, upstream = ctx.grid, gradients[0]
        if not has_words(tensor):
            units = tensor / grid.scale
            inside = (units >= grid.lowest - 0.5) & (units <= grid.highest + 0.5)
            return upstream.to(tensor.dtype) * inside / grid.scale, None, None
        gradient = torch.empty(tensor.shape)
        scalars = map(np.float32, (grid.scale, grid.lowest, grid.highest))
        kernels.centred_codes_backward(_flat(tensor), _flat(upstream), *scalars, _flat(gradient))
        return gradient, None, None


def _flat(tensor: Tensor) -> npt.NDArray[Any]:
    return words(tensor.contiguous().view(-1))


def _scale(span: float, codes: int) -> float:
    """Of ``codes`` steps over ``span``; 1 where there is nothing to tell apart."""
    scale = span / codes
    return scale if scale >= LEAST_SCALE else 1.0


def fake_quantize(tensor: Tensor, grid: Grid, dtype: torch.dtype = torch.float32) -> Tensor:
    """Codes minus zero point; the gradient is that of tensor / scale inside the grid's range, else 0.

    ``dtype`` is the result's; bfloat16 holds codes of up to 8 bits.
    """
    result: Tensor = _Centred.apply(tensor, grid, dtype)
    return result


class _Requantized(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sums: Tensor, ratio: Tensor, highest: int) -> Tensor:
        multiplier, shift = fixed_ratio(float(ratio))
        # exact in float64: products of 24-bit sums and 16-bit multipliers, and powers of two
        codes = sums.double().mul_(multiplier / 2**shift).add_(0.5).floor_()
        inside = (codes >= 0) & (codes <= highest)
        ctx.save_for_backward(sums, ratio, inside)
        return codes.clamp_(0, highest).to(sums.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        sums, ratio, inside = ctx.saved_tensors
        passed = gradients[0] * inside
        return passed * ratio.to(sums.dtype), (passed.float() * sums.float()).sum(), None


def requantize(sums: Tensor, ratio: Tensor, highest: int) -> Tensor:
    """Accumulator values → activation codes 0 … ``highest``, as the accelerator rounds them.

    ``ratio`` (a scalar) is codes per 1 in the accumulator, rounded to a `fixed_ratio`.  Inside the range the
    gradients are those of sums · ratio, else 0.
    """
    codes: Tensor = _Requantized.apply(sums, ratio, highest)
    return codes


def fixed_ratio(ratio: float) -> tuple[int, int]:
    """Multiplier and shift of a positive ratio ≈ multiplier / 2^shift, to 16 significant bits where there is room.

    >>> fixed_ratio(0.75), fixed_ratio(3.0), fixed_ratio(1e9)
    ((49152, 16), (49152, 14), (65535, 0))
    """
    _, exponent = math.frexp(ratio)
    shift = min(max(MULTIPLIER_BITS - exponent, 0), MAX_SHIFT)
    multiplier = round(ratio * 2**shift)
    if multiplier > MAX_MULTIPLIER and shift > 0:  # rounded up to the next power of two
        shift -= 1
        multiplier = round(ratio * 2**shift)
    return min(max(multiplier, 1), MAX_MULTIPLIER), shift


def round_through(tensor: Tensor) -> Tensor:
    """Nearest integer with the gradient of the identity."""
    return tensor + (torch.round(tensor) - tensor).detach()

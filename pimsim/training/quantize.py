"""Fake quantization with straight-through gradients.

HYPER-SNN (arXiv 2107.11979, §III-B): weights and first-layer inputs are quantized per tensor,
affine, with the range taken from the tensor itself at every mini-batch; the gradient of the rounding
is 1 inside the range.  ``scale`` is the symmetric form that the paper uses at inference.

Everything is computed in units of the grid's scale (codes minus zero point), so that the float network
adds the very integers that the accelerator adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

AFFINE, SCALE = "affine", "scale"


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
        scale = (maximum - minimum) / high or 1.0
        return Grid(scale, round(-minimum / scale), 0, high)

    @staticmethod
    def symmetric(magnitude: float, bits: int) -> Grid:
        """Signed codes over ±magnitude, zero point 0, without the most negative code."""
        high = 2 ** (bits - 1) - 1
        return Grid(magnitude / high or 1.0, 0, -high, high)

    @staticmethod
    def of(tensor: Tensor, bits: int, scheme: str) -> Grid:
        """Grid over the range of a tensor."""
        if scheme == AFFINE:
            return Grid.affine(float(tensor.min()), float(tensor.max()), bits)
        if scheme == SCALE:
            return Grid.symmetric(float(tensor.abs().max()), bits)
        raise ValueError(f"quantization scheme {scheme!r} is not one of {AFFINE}, {SCALE}")

    def codes(self, tensor: Tensor) -> Tensor:
        """Integer codes, as floats."""
        return torch.clamp(torch.round(tensor / self.scale) + self.zero_point, self.low, self.high)

    def centred(self, tensor: Tensor) -> Tensor:
        """Codes minus the zero point: the real value in units of the scale, an exact integer."""
        return self.codes(tensor) - self.zero_point


class _Centred(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, grid: Grid) -> Tensor:
        low, high = grid.low - grid.zero_point, grid.high - grid.zero_point
        units = tensor / grid.scale
        ctx.save_for_backward((units >= low - 0.5) & (units <= high + 0.5))
        ctx.scale = grid.scale
        return grid.centred(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside / ctx.scale, None


def fake_quantize(tensor: Tensor, grid: Grid) -> Tensor:
    """Codes minus zero point; the gradient is that of tensor / scale inside the grid's range, else 0."""
    result: Tensor = _Centred.apply(tensor, grid)
    return result


def round_through(tensor: Tensor) -> Tensor:
    """Nearest integer with the gradient of the identity."""
    return tensor + (torch.round(tensor) - tensor).detach()

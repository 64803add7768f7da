"""Fake quantization with straight-through gradients.

HYPER-SNN (arXiv 2107.11979, §III-B): weights and first-layer inputs are quantized per tensor,
affine, with the range taken from the tensor itself at every mini-batch; the gradient of the rounding
is 1 inside the range.  ``scale`` is the symmetric form that the paper uses at inference.
"""

from __future__ import annotations

from dataclasses import dataclass

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


class _StraightThrough(torch.autograd.Function):
    """Rounds to a grid in units of its scale; gradient as if it were a division by the scale."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, tensor: Tensor, grid: Grid) -> Tensor:
        low = (grid.low - grid.zero_point) * grid.scale
        high = (grid.high - grid.zero_point) * grid.scale
        half = grid.scale / 2
        ctx.save_for_backward((tensor >= low - half) & (tensor <= high + half))  # type: ignore[attr-defined]
        return grid.centred(tensor) * grid.scale

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def,override]
        (inside,) = ctx.saved_tensors
        return gradient * inside, None


def fake_quantize(tensor: Tensor, grid: Grid) -> Tensor:
    """The tensor on the grid, in real units; straight-through inside the grid's range."""
    result: Tensor = _StraightThrough.apply(tensor, grid)  # type: ignore[no-untyped-call]
    return result

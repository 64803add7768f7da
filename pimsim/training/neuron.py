"""The spiking neuron with its surrogate gradient, over all time steps at once.

HYPER-SNN (arXiv 2107.11979, Eqs. 1–9)::

    u[t] = λ u[t-1] + I[t] − v o[t-1]         o[t] = 1 if u[t] / v − 1 > 0 else 0

Backward through time, with z = u/v − 1 and do/dz = γ max(0, 1 − |z|), γ = 0.3, dz/dv = −u/v².
The spike inside the reset term is a constant for the gradient (as in DIET-SNN); v there is not.

Of a forward pass only the currents are kept: computing the membranes anew takes less time than reading them.
On processors compiled loops do both passes; other devices, float64 and rounded leaks take the same steps in whole
tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pimsim.training import kernels
from pimsim.training.words import has_words, words

GAMMA = 0.3
#: neurons at a time: five steps of their membranes, and sums, stay in a first-level cache
BLOCK = 512


def integrate(
    current: Tensor, leak: Tensor, threshold: Tensor, steps: int, *, floor_leak: bool = False
) -> tuple[Tensor, Tensor]:
    """Membranes (float32 or float64) and spikes (dtype of the current), each (steps, M).

    ``current`` is (steps, M), or (1, M) where it is the same at every step.
    """
    # a product of a membrane and an 8-bit leak can exceed float32's 24 bits, and its floor must be exact
    wide = floor_leak or current.dtype == torch.float64
    u = current.new_zeros(current.shape[1], dtype=torch.float64 if wide else torch.float32)
    membranes, spikes = u.new_empty((steps, *u.shape)), current.new_empty((steps, *u.shape))
    last = current.shape[0] - 1
    for t in range(steps):
        fired = u > threshold
        u = u * leak
        if floor_leak:
            u.floor_()
        u.add_(current[min(t, last)]).addcmul_(fired.to(u.dtype), threshold, value=-1.0)
        membranes[t] = u
        spikes[t] = u > threshold
    return membranes, spikes


class LeakyIntegrateFire(torch.autograd.Function):
    """current (1 or T, M), leak (), threshold (), steps → spikes (T, M)."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, threshold: Tensor, steps: int, floor_leak: bool) -> Tensor:
        ctx.save_for_backward(current, leak, threshold)
        ctx.steps, ctx.floor_leak = steps, floor_leak
        if floor_leak or not has_words(current):
            return integrate(current, leak, threshold, steps, floor_leak=floor_leak)[1]
        spikes = current.new_empty((steps, current.shape[1]))
        block = np.empty(BLOCK, np.float32)
        kernels.fire(words(current), np.float32(leak), np.float32(threshold), block, words(spikes))
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        current, leak, threshold = ctx.saved_tensors
        upstream = gradients[0].contiguous()
        if ctx.floor_leak or not has_words(current):
            membranes, spikes = integrate(current, leak, threshold, ctx.steps, floor_leak=ctx.floor_leak)
            found = _through_time(membranes, spikes, upstream, leak, threshold, constant=len(current) == 1)
        else:
            found = _through_time_compiled(current, upstream, leak, threshold)
        of_current, of_leak, of_threshold = found
        return of_current, leak.new_tensor(of_leak), threshold.new_tensor(of_threshold), None, None


def _through_time_compiled(
    current: Tensor, upstream: Tensor, leak: Tensor, threshold: Tensor
) -> tuple[Tensor, float, float]:
    gradient = torch.empty_like(current)
    membranes, sums = np.empty((len(upstream) + 1, BLOCK), np.float32), np.empty((4, BLOCK), np.float32)
    totals = np.zeros((2, BLOCK))
    scalars = (np.float32(leak), np.float32(threshold), np.float32(GAMMA))
    kernels.fire_backward(words(current), words(upstream), *scalars, membranes, sums, words(gradient), totals)
    of_leak, of_threshold = totals.sum(1)
    return gradient, float(of_leak), float(of_threshold)


def _through_time(
    membranes: Tensor, spikes: Tensor, upstream: Tensor, leak: Tensor, threshold: Tensor, *, constant: bool
) -> tuple[Tensor, float, float]:
    """Gradients of current, leak and threshold; ``constant`` where the current has one row for all steps."""
    ratio = membranes / threshold
    delta = (1.0 - (ratio - 1.0).abs()).clamp_(min=0.0) * upstream * (GAMMA / float(threshold))
    of_threshold = -torch.sum(delta * ratio, dtype=torch.float64)
    for t in range(len(membranes) - 2, -1, -1):
        delta[t].addcmul_(delta[t + 1], leak)
    of_leak = torch.sum(delta[1:] * membranes[:-1], dtype=torch.float64)
    of_threshold -= torch.sum(delta[1:] * spikes[:-1], dtype=torch.float64)
    of_current = delta.sum(0, keepdim=True) if constant else delta
    return of_current.to(spikes.dtype), float(of_leak), float(of_threshold)


def spike(current: Tensor, leak: Tensor, threshold: Tensor, steps: int, *, floor_leak: bool = False) -> Tensor:
    """Spikes (T, ...) as 0 and 1 in the current's dtype, for a current (1 or T, ...); differentiable."""
    flat = current.reshape(current.shape[0], -1)
    spikes: Tensor = LeakyIntegrateFire.apply(flat, leak, threshold, steps, floor_leak)
    return spikes.reshape(steps, *current.shape[1:])

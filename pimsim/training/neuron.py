"""The spiking neuron with its surrogate gradient, over all time steps at once.

HYPER-SNN (arXiv 2107.11979, Eqs. 1–9)::

    u[t] = λ u[t-1] + I[t] − v o[t-1]         o[t] = 1 if u[t] / v − 1 > 0 else 0

Backward through time, with z = u/v − 1 and do/dz = γ max(0, 1 − |z|), γ = 0.3, dz/dv = −u/v².
The spike inside the reset term is a constant for the gradient (as in DIET-SNN); v there is not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

GAMMA = 0.3
#: neurons handled at a time: five steps of membranes, spikes and gradients stay in a 1 MiB cache
CHUNK = 1 << 14


def integrate(
    current: Tensor, leak: Tensor, threshold: Tensor, steps: int, *, floor_leak: bool = False
) -> tuple[Tensor, Tensor]:
    """Membranes (float32) and spikes (dtype of the current), each (steps, M).

    ``current`` is (steps, M), or (1, M) where it is the same at every step.
    """
    # a product of a membrane and an 8-bit leak can exceed float32's 24 bits, and its floor must be exact
    dtype = torch.float64 if floor_leak else torch.float32
    membranes = current.new_empty((steps, current.shape[1]), dtype=dtype)
    spikes = torch.empty_like(membranes, dtype=current.dtype)
    last = current.shape[0] - 1
    for start in range(0, current.shape[1], CHUNK):
        part = slice(start, start + CHUNK)
        for t in range(steps):
            u = membranes[t, part]
            if t == 0:
                u.copy_(current[0, part])
            else:
                torch.mul(membranes[t - 1, part], leak, out=u)
                if floor_leak:
                    u.floor_()
                u.add_(current[min(t, last), part])
                u.addcmul_(spikes[t - 1, part].to(dtype), threshold, value=-1.0)
            spikes[t, part] = u > threshold
    return membranes, spikes


class LeakyIntegrateFire(torch.autograd.Function):
    """current (1 or T, M), leak (), threshold (), steps → spikes (T, M)."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, threshold: Tensor, steps: int, floor_leak: bool) -> Tensor:
        membranes, spikes = integrate(current, leak, threshold, steps, floor_leak=floor_leak)
        ctx.save_for_backward(membranes, spikes, leak, threshold)
        ctx.constant_current = current.shape[0] == 1
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        membranes, spikes, leak, threshold = ctx.saved_tensors
        upstream = gradients[0].contiguous()
        rows = 1 if ctx.constant_current else membranes.shape[0]
        current_gradient = torch.empty((rows, membranes.shape[1]), dtype=spikes.dtype)
        leak_gradient, threshold_gradient = 0.0, 0.0
        for start in range(0, membranes.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            delta, direct = _through_time(membranes[:, part], upstream[:, part], leak, threshold)
            leak_gradient += float(torch.sum(delta[1:] * membranes[:-1, part]))
            threshold_gradient += direct - float(torch.sum(delta[1:] * spikes[:-1, part]))
            current_gradient[:, part] = delta.sum(0, keepdim=True) if ctx.constant_current else delta
        return current_gradient, leak.new_tensor(leak_gradient), leak.new_tensor(threshold_gradient), None, None


def _through_time(membranes: Tensor, upstream: Tensor, leak: Tensor, threshold: Tensor) -> tuple[Tensor, float]:
    """dL/du[t] of every step, and the part of dL/dv that goes through z = u/v − 1."""
    ratio = membranes / threshold
    delta = (ratio - 1.0).abs_().neg_().add_(1.0).clamp_(min=0.0).mul_(upstream)
    delta.mul_(GAMMA / float(threshold))
    direct = -float(torch.sum(delta * ratio))
    for t in range(membranes.shape[0] - 2, -1, -1):
        delta[t].addcmul_(delta[t + 1], leak)
    return delta, direct


def spike(current: Tensor, leak: Tensor, threshold: Tensor, steps: int, *, floor_leak: bool = False) -> Tensor:
    """Spikes (T, ...) as 0 and 1 in the current's dtype, for a current (1 or T, ...); differentiable."""
    flat = current.reshape(current.shape[0], -1)
    spikes: Tensor = LeakyIntegrateFire.apply(flat, leak, threshold, steps, floor_leak)
    return spikes.reshape(steps, *current.shape[1:])

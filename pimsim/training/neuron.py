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


def integrate(current: Tensor, leak: Tensor, threshold: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Membranes and spikes, each (steps, ...); ``current`` is (steps, ...) or (1, ...) for a constant one."""
    membranes = current.new_empty((steps, *current.shape[1:]))
    spikes = torch.empty_like(membranes)
    last = current.shape[0] - 1
    for t in range(steps):
        u = membranes[t]
        if t == 0:
            u.copy_(current[0])
        else:
            torch.mul(membranes[t - 1], leak, out=u)
            u.add_(current[min(t, last)])
            u.addcmul_(spikes[t - 1], threshold, value=-1.0)
        torch.gt(u, threshold, out=spikes[t])
    return membranes, spikes


class LeakyIntegrateFire(torch.autograd.Function):
    """current (1 or T, ...), leak (), threshold (), steps → spikes (T, ...)."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, threshold: Tensor, steps: int) -> Tensor:
        membranes, spikes = integrate(current, leak, threshold, steps)
        ctx.save_for_backward(membranes, spikes, leak, threshold)
        ctx.constant_current = current.shape[0] == 1 and steps > 1
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        membranes, spikes, leak, threshold = ctx.saved_tensors
        gradient = gradients[0]
        steps = membranes.shape[0]
        leak_gradient = torch.zeros((), dtype=torch.float64)
        threshold_gradient = torch.zeros((), dtype=torch.float64)
        # surrogate of every step at once: h = γ max(0, 1 − |u/v − 1|) · dL/do
        surrogate = membranes / threshold
        ratio = surrogate.clone()
        surrogate.sub_(1.0).abs_().neg_().add_(1.0).clamp_(min=0.0).mul_(gradient).mul_(GAMMA)
        threshold_gradient -= _dot(surrogate, ratio) / threshold
        delta = surrogate.div_(threshold)
        for t in range(steps - 2, -1, -1):
            delta[t].addcmul_(delta[t + 1], leak)
        if steps > 1:
            leak_gradient += _dot(delta[1:], membranes[:-1])
            threshold_gradient -= _dot(delta[1:], spikes[:-1])
        current_gradient = delta.sum(0, keepdim=True) if ctx.constant_current else delta
        like = leak.dtype
        return current_gradient, leak_gradient.to(like), threshold_gradient.to(like), None


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a.flatten(), b.flatten()).double()


def spike(current: Tensor, leak: Tensor, threshold: Tensor, steps: int) -> Tensor:
    """Spikes (T, ...) as 0.0 / 1.0; differentiable."""
    result: Tensor = LeakyIntegrateFire.apply(current, leak, threshold, steps)  # type: ignore[no-untyped-call]
    return result

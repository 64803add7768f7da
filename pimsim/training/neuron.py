"""The spiking neuron with its surrogate gradient, over all time steps at once.

HYPER-SNN (arXiv 2107.11979, Eqs. 1–9)::

    u[t] = λ u[t-1] + I[t] − v o[t-1]         o[t] = 1 if u[t] / v − 1 > 0 else 0

Backward through time, with z = u/v − 1 and do/dz = γ max(0, 1 − |z|), γ = 0.3, dz/dv = −u/v².
The spike inside the reset term is a constant for the gradient (as in DIET-SNN); v there is not.

A single-spike neuron (arXiv 2107.12374) fires at its first crossing only, and is not reset::

    u[t] = λ u[t-1] + I[t]        s[t] = 1 if u[t] / v − 1 > 0 else 0        o[t] = s[t] Π (1 − s[τ]) over τ < t

With g[t] = dL/do[t], dL/ds[t] = g[t] up to the first crossing and 0 behind it: the product is a constant for the
gradient, as the spike of a reset is.  Differentiated too, it would take off g[n], n the first crossing after t, whose
spike an earlier one replaces; that trains worse (docs/training.md).

Of a forward pass only the currents are kept: computing the membranes anew takes less time than reading them.
On processors compiled loops do both passes; other devices, float64 and rounded leaks take the same steps in whole
tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pimsim.training import kernels
from pimsim.training.words import has_words, words

GAMMA = 0.3
#: neurons at a time: five steps of their membranes, and sums, stay in a first-level cache
BLOCK = 512
#: neurons from which on threads share them; fewer take less time than it takes to hand them out
SHARED = 1 << 16
Result = TypeVar("Result")


def integrate(
    current: Tensor, leak: Tensor, threshold: Tensor, steps: int, *, floor_leak: bool = False, once: bool = False
) -> tuple[Tensor, Tensor]:
    """Membranes (float32 or float64) and spikes (dtype of the current), each (steps, M).

    ``current`` is (steps, M), or (1, M) where it is the same at every step.  ``once``: single-spike neurons.
    """
    # a product of a membrane and an 8-bit leak can exceed float32's 24 bits, and its floor must be exact
    wide = floor_leak or current.dtype == torch.float64
    u = current.new_zeros(current.shape[1], dtype=torch.float64 if wide else torch.float32)
    membranes, spikes = u.new_empty((steps, *u.shape)), current.new_empty((steps, *u.shape))
    last = current.shape[0] - 1
    silent = torch.zeros_like(u, dtype=torch.bool)
    for t in range(steps):
        fired = u > threshold
        u = u * leak
        if floor_leak:
            u.floor_()
        u.add_(current[min(t, last)])
        if once:
            silent |= fired
        else:
            u.addcmul_(fired.to(u.dtype), threshold, value=-1.0)
        membranes[t] = u
        spikes[t] = (u > threshold) & ~silent
    return membranes, spikes


class LeakyIntegrateFire(torch.autograd.Function):
    """current (1 or T, M), leak (), threshold (), steps → spikes (T, M); ``once``: of single-spike neurons."""

    @staticmethod
    def forward(
        ctx: Any, current: Tensor, leak: Tensor, threshold: Tensor, steps: int, floor_leak: bool, once: bool
    ) -> Tensor:
        ctx.save_for_backward(current, leak, threshold)
        ctx.steps, ctx.floor_leak, ctx.once = steps, floor_leak, once
        if floor_leak or not has_words(current):
            return integrate(current, leak, threshold, steps, floor_leak=floor_leak, once=once)[1]
        spikes = current.new_empty((steps, current.shape[1]))
        fire = kernels.fire_once if once else kernels.fire
        given = (words(current), np.float32(leak), np.float32(threshold))

        def part(first: int, stop: int) -> None:
            fire(*given, first, stop, np.empty(BLOCK, np.float32), words(spikes))

        _in_parts(part, current.shape[1])
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        current, leak, threshold = ctx.saved_tensors
        upstream = gradients[0].contiguous()
        if ctx.floor_leak or not has_words(current):
            form = {"floor_leak": ctx.floor_leak, "once": ctx.once}
            found = _through_time(current, upstream, leak, threshold, **form)
        else:
            found = _through_time_compiled(current, upstream, leak, threshold, once=ctx.once)
        of_current, of_leak, of_threshold = found
        return of_current, leak.new_tensor(of_leak), threshold.new_tensor(of_threshold), None, None, None


def _through_time_compiled(
    current: Tensor, upstream: Tensor, leak: Tensor, threshold: Tensor, *, once: bool
) -> tuple[Tensor, float, float]:
    gradient, steps = torch.empty_like(current), len(upstream)
    scalars = (np.float32(leak), np.float32(threshold), np.float32(GAMMA), once)

    def part(first: int, stop: int) -> npt.NDArray[np.float64]:
        room = np.empty((2 * steps + 1, BLOCK), np.float32), np.empty((4, BLOCK), np.float32)
        totals = np.zeros((2, BLOCK))
        kernels.fire_backward(words(current), words(upstream), *scalars, first, stop, *room, words(gradient), totals)
        return totals

    of_leak, of_threshold = np.add.reduce(_in_parts(part, current.shape[1])).sum(1)
    return gradient, float(of_leak), float(of_threshold)


def _in_parts(part: Callable[[int, int], Result], neurons: int) -> list[Result]:
    """``part(first, stop)`` over all neurons, on as many threads as the library computes with."""
    threads = torch.get_num_threads()
    if threads == 1 or neurons < SHARED:
        return [part(0, neurons)]
    share = -(-neurons // (BLOCK * threads)) * BLOCK
    firsts = range(0, neurons, share)
    return list(_pool(threads).map(part, firsts, (min(first + share, neurons) for first in firsts)))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def _through_time(
    current: Tensor, upstream: Tensor, leak: Tensor, threshold: Tensor, *, floor_leak: bool = False, once: bool = False
) -> tuple[Tensor, float, float]:
    """Gradients of current, leak and threshold in whole tensors."""
    membranes, spikes = integrate(current, leak, threshold, len(upstream), floor_leak=floor_leak, once=once)
    of_spikes = until_crossing(membranes > threshold, upstream) if once else upstream
    ratio = membranes / threshold
    delta = (1.0 - (ratio - 1.0).abs()).clamp_(min=0.0) * of_spikes * (GAMMA / float(threshold))
    of_threshold = -torch.sum(delta * ratio, dtype=torch.float64)
    for t in range(len(membranes) - 2, -1, -1):
        delta[t].addcmul_(delta[t + 1], leak)
    of_leak = torch.sum(delta[1:] * membranes[:-1], dtype=torch.float64)
    if not once:
        of_threshold -= torch.sum(delta[1:] * spikes[:-1], dtype=torch.float64)
    of_current = delta.sum(0, keepdim=True) if len(current) == 1 else delta
    return of_current.to(current.dtype), float(of_leak), float(of_threshold)


def until_crossing(crossed: Tensor, upstream: Tensor) -> Tensor:
    """``upstream`` (T, M) up to each neuron's first crossing, 0 behind it."""
    before = crossed.cumsum(0) - crossed.to(torch.int64)
    return upstream.masked_fill(before > 0, 0.0)


def spike(
    current: Tensor, leak: Tensor, threshold: Tensor, steps: int, *, floor_leak: bool = False, once: bool = False
) -> Tensor:
    """Spikes (T, ...) as 0 and 1 in the current's dtype, for a current (1 or T, ...); differentiable.

    ``once``: of single-spike neurons.
    """
    flat = current.reshape(current.shape[0], -1)
    spikes: Tensor = LeakyIntegrateFire.apply(flat, leak, threshold, steps, floor_leak, once)
    return spikes.reshape(steps, *current.shape[1:])

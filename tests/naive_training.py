"""Slow twin of the training mathematics: NumPy in float64, nothing rearranged, no automatic differentiation.

The smoothed networks replace every step function by one with a derivative, through the same point: a spike o
becomes o* + S(z) − S(z*) with S the integral of the surrogate gradient, o* and z* of the network as it is, and
the spike in the reset term stays o*; of a neuron that fires once, so do the crossings that stand before a step.
At the parameters that gave o* the smoothed network *is* the network, and its derivative, which central differences
give, is what backpropagation through time must return.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.model.architecture import Architecture, LayerShape

Array = npt.NDArray[np.float64]

GAMMA = 0.3


def surrogate(z: Any) -> Any:
    """do/dz = γ max(0, 1 − |z|) (HYPER-SNN, arXiv 2107.11979)."""
    return GAMMA * np.maximum(0.0, 1.0 - np.abs(z))


def integral(z: Array) -> Array:
    """∫ `surrogate` from −1: γ (1 + z)² / 2 up to 0, γ (1 − (1 − z)² / 2) up to 1, γ beyond."""
    inside = np.clip(z, -1.0, 1.0)
    return GAMMA * np.where(inside < 0, (1 + inside) ** 2 / 2, 1 - (1 - inside) ** 2 / 2)


def convolution(x: Array, weight: Array, layer: LayerShape) -> Array:
    """x (N, C, D, H, W), weight (C_out, C, kd, kh, kw) → (N, C_out, D', H', W'); reshape and pool, as a sum, first."""
    x = pooled(arranged(x, layer), layer.pool)
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in layer.padding)))
    out = np.zeros((len(x), *layer.out_shape))
    for tap in product(*map(range, layer.kernel)):
        where = (slice(t, t + s * n, s) for t, s, n in zip(tap, layer.stride, layer.out_size, strict=True))
        out += np.einsum("ncdhw,oc->nodhw", x[:, :, *where], weight[:, :, *tap])
    return out


def arranged(x: Array, layer: LayerShape) -> Array:
    """The channels of a (N, C, D, 1, 1) map side by side as one (N, 1, 1, D, C) map, where the layer asks for it."""
    return x[..., 0, 0].transpose(0, 2, 1)[:, None, None] if layer.spectral_map else x


def pooled(x: Array, pool: Sequence[int]) -> Array:
    """Sums over windows; what does not fill one is dropped."""
    sizes = [n // p for n, p in zip(x.shape[2:], pool, strict=True)]
    out = np.zeros((*x.shape[:2], *sizes))
    for tap in product(*map(range, pool)):
        out += x[:, :, *(slice(t, t + p * n, p) for t, p, n in zip(tap, pool, sizes, strict=True))]
    return out


class Spiking:
    """A spiking network at one point: its spikes and z = u/v − 1 of every layer and step, and the smoothed network.

    ``inputs`` per step (N, C, D, H, W); per layer one weight, per hidden layer one threshold and one leak, all in one
    unit (pools are sums).  ``once``: neurons fire at their first crossing only.  With ``time_weight`` the classifier
    has the last threshold, and outputs u[T] − time_weight · t, t the step of its first crossing, T without one.
    ``spikes``, ``z``: per layer with a threshold a list over the steps, of crossings where only the first is a spike.
    """

    def __init__(
        self,
        architecture: Architecture,
        inputs: Sequence[Array],
        weights: Sequence[Array],
        thresholds: Sequence[float],
        leaks: Sequence[float],
        *,
        once: bool = False,
        time_weight: float | None = None,
    ) -> None:
        self.layers, self.inputs, self.steps = architecture.layers, inputs, len(inputs)
        self.once, self.time_weight = once, time_weight
        self.spikes: list[list[Array]] = []
        self.z: list[list[Array]] = []
        self.logits = self._run(weights, thresholds, leaks, None)

    def smoothed(self, weights: Sequence[Array], thresholds: Sequence[float], leaks: Sequence[float]) -> Array:
        """Logits (N, classes) of the smoothed network at other parameters near the point."""
        return self._run(weights, thresholds, leaks, self.spikes)

    def _run(
        self,
        weights: Sequence[Array],
        thresholds: Sequence[float],
        leaks: Sequence[float],
        fixed: list[list[Array]] | None,
    ) -> Array:
        signal = list(self.inputs)
        for index, layer in enumerate(self.layers[:-1]):
            currents = [convolution(x, weights[index], layer) for x in signal]
            signal = self._fire(currents, index, thresholds[index], leaks[index], self.once, fixed)
        currents = [convolution(x, weights[-1], self.layers[-1]) for x in signal]
        total = sum(currents)
        if self.time_weight is not None:
            crossed = self._fire(currents, len(self.layers) - 1, thresholds[-1], 1.0, True, fixed)
            first = self.steps + sum((t + 1 - self.steps) * o for t, o in enumerate(crossed))
            total = total - self.time_weight * first
        return total.reshape(len(total), -1)

    def _fire(
        self,
        currents: list[Array],
        index: int,
        v: float,
        leak: float,
        once: bool,
        fixed: list[list[Array]] | None,
    ) -> list[Array]:
        membrane, reset, waiting = 0.0, 0.0, 1.0
        crossings, zs, following = [], [], []
        for t, current in enumerate(currents):
            membrane = leak * membrane + current - (0.0 if once else v * reset)
            z = membrane / v - 1
            crossings.append((membrane > v) * 1.0)
            zs.append(z)
            reset = crossings[t] if fixed is None else fixed[index][t]
            smooth = reset if fixed is None else reset + integral(z) - integral(self.z[index][t])
            following.append(smooth * waiting if once else smooth)
            waiting = waiting * (1 - reset)
        if fixed is None:
            self.spikes.append(crossings)
            self.z.append(zs)
        return following


class Requantizing:
    """A CNN of few bits at one point: its activation codes, and the CNN without the rounding around them.

    Codes y = clip(⌊a r + ½⌋, 0, highest) of the sums a; smoothed y* + (a r − a* r*) where y* was not clipped.
    """

    def __init__(
        self, architecture: Architecture, inputs: Array, weights: Sequence[Array], ratios: Sequence[float], highest: int
    ) -> None:
        self.layers, self.inputs, self.highest = architecture.layers, inputs, highest
        self.activations: list[Array] = []
        self.products: list[Array] = []
        self.logits = self._run(weights, ratios, smooth=False)

    def smoothed(self, weights: Sequence[Array], ratios: Sequence[float]) -> Array:
        """Sums of the classifier (N, classes) at other parameters near the point."""
        return self._run(weights, ratios, smooth=True)

    def _run(self, weights: Sequence[Array], ratios: Sequence[float], *, smooth: bool) -> Array:
        x = self.inputs
        for index, layer in enumerate(self.layers[:-1]):
            product_ = convolution(x, weights[index], layer) * ratios[index]
            if smooth:
                rounded = np.floor(self.products[index] + 0.5)
                inside = (rounded >= 0) & (rounded <= self.highest)
                x = self.activations[index] + inside * (product_ - self.products[index])
            else:
                x = np.clip(np.floor(product_ + 0.5), 0, self.highest)
                self.products.append(product_)
                self.activations.append(x)
        return convolution(x, weights[-1], self.layers[-1]).reshape(len(self.inputs), -1)


def relu(architecture: Architecture, inputs: Array, weights: Sequence[Array]) -> Array:
    """Logits (N, classes) of the ReLU network."""
    x = inputs
    for index, layer in enumerate(architecture.layers):
        x = convolution(x, weights[index], layer)
        x = np.maximum(x, 0.0) if index < len(weights) - 1 else x
    return x.reshape(len(inputs), -1)


def cross_entropy(logits: Array, labels: npt.NDArray[np.integer]) -> float:
    """Mean of −log softmax(logits)[label]."""
    shifted = logits - logits.max(1, keepdims=True)
    chosen = shifted[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(shifted).sum(1)) - chosen))


def centred_codes(weight: Array, bits: int, scheme: str) -> tuple[Array, float]:
    """Codes minus zero point, and the step, of the quantization over the tensor's own range.

    Affine: 2^bits codes over [min(w, 0), max(w, 0)]; scale: ±(2^(bits−1) − 1) over ±max|w|.
    """
    if scheme == "scale":
        highest = 2 ** (bits - 1) - 1
        step = float(np.abs(weight).max()) / highest
        return np.clip(np.rint(weight / step), -highest, highest), step
    low, high = min(float(weight.min()), 0.0), max(float(weight.max()), 0.0)
    step = (high - low) / (2**bits - 1)
    zero = round(-low / step)
    return np.clip(np.rint(weight / step) + zero, 0, 2**bits - 1) - zero, step


def shares(architecture: Architecture, input_scale: float) -> list[float]:
    """Real value of 1 in each layer's sums, for weights in real units: a pool averages, the first input is codes."""
    return [(input_scale if i == 0 else 1.0) / prod(layer.pool) for i, layer in enumerate(architecture.layers)]


def central_difference(loss: Callable[[Array], float], at: Array, direction: Array, epsilon: float = 1e-7) -> float:
    """d loss(at + x · direction) / dx at x = 0."""
    return (loss(at + epsilon * direction) - loss(at - epsilon * direction)) / (2 * epsilon)

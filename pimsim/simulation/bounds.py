"""Proof of the largest numbers a layer can meet, so that narrow machine words are used only where they suffice.

Interval arithmetic in Python integers over the weights, the fan-in, the threshold and the number of
steps: every value that any input can cause lies inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.model.fixed_point import effective_leak
from pimsim.model.network import (
    ACCUMULATE,
    HALF_UP,
    RELU,
    SINGLE_SPIKE,
    TIMED,
    IntegerLayer,
    IntegerNetwork,
    LayerNumerics,
)

Interval = tuple[int, int]


@dataclass(frozen=True)
class Law:
    """The arithmetic of a layer's neurons as the kernels take it: m = ((v · leak + half) >> fraction) − reset · o.

    ``threshold`` is None for neurons that never fire, as those of a CNN; a leak of exactly 1 has no fraction bits left.
    What is stored of m is ((m + step_half) >> shift), saturated, and reads as that << shift.
    """

    threshold: int | None
    reset: int
    leak: int
    fraction_bits: int
    half: int
    once: bool
    shift: int = 0
    step_half: int = 0

    @staticmethod
    def of(network: IntegerNetwork, layer: IntegerLayer, widths: LayerNumerics) -> Law:
        neuron, bits = layer.neuron, network.leak_fraction_bits
        if neuron.kind in (ACCUMULATE, RELU):
            return Law(None, 0, 1, 0, 0, once=False)
        if neuron.kind == TIMED:  # what crosses the threshold is noted, and neither leaks nor is reset
            return Law(neuron.threshold, 0, 1, 0, 0, once=False)
        leak = effective_leak(neuron, bits, widths.leak_terms)
        leak, bits = (1, 0) if leak == 1 << bits else (leak, bits)
        half = (1 << bits) >> 1 if network.leak_rounding == HALF_UP else 0
        once = neuron.kind == SINGLE_SPIKE
        shift = widths.membrane_shift
        step_half = (1 << shift) >> 1 if widths.membrane_rounding == HALF_UP else 0
        return Law(neuron.threshold, 0 if once else neuron.threshold, leak, bits, half, once, shift, step_half)

    def leaked(self, values: Interval) -> Interval:
        low, high = ((value * self.leak + self.half) >> self.fraction_bits for value in values)
        return low, high

    def written(self, v: Interval) -> Interval:
        """What is offered to the write-back for v in an interval: leaked below the threshold, also reset above."""
        if self.threshold is None or self.once or v[1] <= self.threshold:
            return self.leaked(v)
        fired = self.leaked((max(v[0], self.threshold + 1), v[1]))
        fired = fired[0] - self.reset, fired[1] - self.reset
        return hull(self.leaked((v[0], self.threshold)), fired) if v[0] <= self.threshold else fired

    def stored(self, offered: Interval, bits: int) -> Interval:
        """What is read back of values in an interval from words of ``bits`` bits."""
        limit = 1 << (bits - 1)
        low, high = ((value + self.step_half) >> self.shift for value in offered)
        return max(-limit, low) << self.shift, min(limit - 1, high) << self.shift


@dataclass(frozen=True)
class Bounds:
    """Closed intervals of the current a, the integrated membrane v, the product v · λ and what is written back."""

    current: Interval
    integrated: Interval
    product: Interval
    offered: Interval


def fits(bits: int, *intervals: Interval) -> bool:
    """Whether intervals lie in the range of two's-complement words.

    >>> fits(6, (-32, 31)), fits(6, (0, 1), (-32, 32))
    (True, False)
    """
    limit = 1 << (bits - 1)
    return all(-limit <= low and high < limit for low, high in intervals)


def hull(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])


def current_bounds(rows: npt.NDArray[np.int32], inputs: Interval) -> Interval:
    """Sums Σ w x per output channel for weights w (rows, C_out) minus zero point and every x in ``inputs``.

    Padding is 0, so 0 belongs to the inputs.
    """
    low, high = hull(inputs, (0, 0))
    total, size = rows.sum(axis=0, dtype=np.int64), np.abs(rows).sum(axis=0, dtype=np.int64)
    positive, negative = ((size + total) // 2).tolist(), ((total - size) // 2).tolist()
    sums = list(zip(positive, negative, strict=True))
    return min(p * low + n * high for p, n in sums), max(p * high + n * low for p, n in sums)


def intersection(a: Interval, b: Interval) -> Interval:
    return max(a[0], b[0]), min(a[1], b[1])


def membrane_bounds(
    current: Interval, law: Law, membrane_bits: int, steps: int, *, total: Interval | None = None
) -> Bounds:
    """Follow the membrane's interval through all steps of the neuron's equation.

    ``total`` bounds the sum of a neuron's positive currents over all steps, and that of the negative ones, where
    sources fire at most once and so add each of their products at most once.
    """
    reach = _stepwise(current, law, membrane_bits, steps)
    if total is None:
        return reach
    v = intersection(reach.integrated, _together(hull(total, (0, 0)), law, steps))
    product = v[0] * law.leak, v[1] * law.leak + law.half
    return Bounds(reach.current, v, intersection(reach.product, product), intersection(reach.offered, law.written(v)))


def _together(total: Interval, law: Law, steps: int) -> Interval:
    """v over all steps: leaks of at most 1, saturation and the resets of positive membranes bring nothing further
    away from 0 than the currents did, but for one reset below 0 and what leaving out bits rounds off at each step."""
    rounded = steps * ((1 << law.shift) - 1)
    return total[0] - law.reset - rounded, total[1] + rounded


def _stepwise(current: Interval, law: Law, membrane_bits: int, steps: int) -> Bounds:
    current = hull(current, (0, 0))
    membrane = v = offered = product = (0, 0)
    for _ in range(steps):
        u = (membrane[0] + current[0], membrane[1] + current[1])
        written = law.written(u)
        membrane = law.stored(written, membrane_bits)
        product = hull(product, (u[0] * law.leak, u[1] * law.leak + law.half))
        if (hull(v, u), hull(offered, written)) == (v, offered):
            break  # no step can leave what earlier ones reached
        v, offered = hull(v, u), hull(offered, written)
    return Bounds(current, v, product, offered)

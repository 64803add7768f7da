"""Compiled loops of training; self-contained, since numba's cache does not notice edits elsewhere.

Tensors are float32, or bfloat16 as the upper half of a float32's bits in a uint16.  Loops run over blocks of
neurons whose membranes, of all time steps, stay in the first-level cache.
"""

# ruff: noqa: ARG001 (numba dictates the parameters of intrinsics and of their generators)
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="misc"

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from pimsim.simulation.compiled import kernel, part

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
#: added to a float32 below 2^22 in magnitude and subtracted again, it leaves the nearest integer, ties to even
ROUNDING = np.float32(1.5 * 2**23)
#: a membrane from which no current leads to a threshold; times a leak of 0 it is no number, which exceeds none either
NEVER = np.float32(-np.inf)


def _widened(typing_context, value):
    """A word of either format as a float32."""

    def generate(context, builder, signature, arguments):
        if signature.args[0] == types.float32:
            return arguments[0]
        word = context.get_value_type(types.uint32)
        bits = builder.shl(builder.zext(arguments[0], word), word(16))
        return builder.bitcast(bits, context.get_value_type(types.float32))

    return types.float32(value), generate


def _narrowed(typing_context, value, like):
    """A float32 in the format of ``like``, rounded to nearest, ties to even."""

    def generate(context, builder, signature, arguments):
        if signature.return_type == types.float32:
            return arguments[0]
        word = context.get_value_type(types.uint32)
        bits = builder.bitcast(arguments[0], word)
        odd = builder.and_(builder.lshr(bits, word(16)), word(1))
        bits = builder.add(bits, builder.add(odd, word(0x7FFF)))
        return builder.trunc(builder.lshr(bits, word(16)), context.get_value_type(types.uint16))

    return like(value, like), generate


widened: Any = intrinsic(_widened)
narrowed: Any = intrinsic(_narrowed)


@kernel
def fire(current, leak, threshold, first, stop, membrane, spikes):
    """Spikes (T, M) of neurons ``first`` … ``stop`` − 1 as 0 and 1 for a current (T or 1, M).

    ``membrane`` is a block of float32 to work in.
    """
    last = current.shape[0] - 1
    for start in range(first, stop, membrane.size):
        end = min(start + membrane.size, stop)
        u = membrane[: end - start]
        u[:] = ZERO
        for t in range(spikes.shape[0]):
            i, o = current[min(t, last), start:end], spikes[t, start:end]
            for j in range(u.size):
                reset = threshold if u[j] > threshold else ZERO
                u[j] = u[j] * leak + widened(i[j]) - reset
                o[j] = narrowed(ONE if u[j] > threshold else ZERO, o[j])


@kernel
def fire_once(current, leak, threshold, first, stop, membrane, spikes):
    """`fire` of neurons that fire at their first crossing only."""
    last = current.shape[0] - 1
    for start in range(first, stop, membrane.size):
        end = min(start + membrane.size, stop)
        u = membrane[: end - start]
        u[:] = ZERO
        for t in range(spikes.shape[0]):
            i, o = current[min(t, last), start:end], spikes[t, start:end]
            for j in range(u.size):
                now = u[j] * leak + widened(i[j])
                fired = now > threshold
                o[j] = narrowed(ONE if fired else ZERO, o[j])
                u[j] = NEVER if fired else now


@part
def membranes_of(current, start, end, leak, threshold, reset_above, membranes):
    """Membranes (T + 1, block), from before the first step on, of neurons ``start`` to ``end``."""
    last = current.shape[0] - 1
    membranes[0] = ZERO
    for t in range(membranes.shape[0] - 1):
        # one slice of a row at a time: the rows of a sliced block would have strides, and no vectors
        i, before, u = current[min(t, last), start:end], membranes[t, : end - start], membranes[t + 1, : end - start]
        for j in range(i.size):
            reset = threshold if before[j] > reset_above else ZERO
            u[j] = before[j] * leak + widened(i[j]) - reset


@part
def until_crossing(upstream, start, end, threshold, membranes, waiting, result):
    """Rows (T, block) of ``upstream`` as float32 up to each neuron's first crossing, 0 behind it.

    ``waiting`` is a block of float32 to work in.
    """
    waiting[:] = ONE
    for t in range(upstream.shape[0]):
        up, now, row = upstream[t, start:end], membranes[t + 1, : end - start], result[t, : end - start]
        for j in range(row.size):
            row[j] = widened(up[j]) if waiting[j] > ZERO else ZERO
            waiting[j] = ZERO if now[j] > threshold else waiting[j]


@part
def widened_rows(upstream, start, end, result):
    """Rows (T, block) of ``upstream`` as float32."""
    for t in range(upstream.shape[0]):
        up, row = upstream[t, start:end], result[t, : end - start]
        for j in range(row.size):
            row[j] = widened(up[j])


@kernel
def fire_backward(current, upstream, leak, threshold, gamma, once, first, stop, membranes, sums, gradient, totals):
    """Gradients of `fire`, or with ``once`` of `fire_once`, their membranes computed anew.

    upstream (T, M); membranes (2 T + 1, block), with room for the spikes' gradients, and sums (4, block), float32, to
    work in; gradient (T or 1, M), the current's; totals (2, block) float64, to which the leak's and the threshold's
    are added lane by lane.
    """
    constant = current.shape[0] == 1
    steps = upstream.shape[0]
    inverse = ONE / threshold
    steepness = gamma * inverse
    reset_above = -NEVER if once else threshold
    of_spikes = membranes[steps + 1 :]
    for start in range(first, stop, totals.shape[1]):
        end = min(start + totals.shape[1], stop)
        size = end - start
        membranes_of(current, start, end, leak, threshold, reset_above, membranes[: steps + 1])
        if once:
            until_crossing(upstream, start, end, threshold, membranes, sums[0], of_spikes)
        else:
            widened_rows(upstream, start, end, of_spikes)
        sums[:] = ZERO
        delta, of_leak, of_threshold, of_current = sums[0, :size], sums[1, :size], sums[2, :size], sums[3, :size]
        for t in range(steps - 1, -1, -1):
            of_spike, before, now = of_spikes[t, :size], membranes[t, :size], membranes[t + 1, :size]
            g = gradient[0 if constant else t, start:end]
            for j in range(size):
                ratio = now[j] * inverse
                distance = ratio - ONE
                slope = ONE - (distance if distance > ZERO else -distance)
                through_z = of_spike[j] * ((slope if slope > ZERO else ZERO) * steepness)
                whole = through_z + leak * delta[j]
                delta[j] = whole
                of_leak[j] += whole * before[j]
                of_threshold[j] -= through_z * ratio + (whole if before[j] > reset_above else ZERO)
                if constant:
                    of_current[j] += whole
                else:
                    g[j] = narrowed(whole, g[j])
        if constant:
            g = gradient[0, start:end]
            for j in range(size):
                g[j] = narrowed(of_current[j], g[j])
        for j in range(size):
            totals[0, j] += of_leak[j]
            totals[1, j] += of_threshold[j]


@kernel
def centred_codes(values, scale, low, high, result):
    """Nearest integers to values / scale, within [low, high] (up to ± 2^22); flat float32, the result of either."""
    for j in range(values.size):
        units = values[j] / scale
        units = low if units < low else units  # in this order a NaN stays one
        units = high if units > high else units
        result[j] = narrowed((units + ROUNDING) - ROUNDING, result[j])


@kernel
def centred_codes_backward(values, upstream, scale, low, high, gradient):
    """Upstream / scale where values / scale rounds to within [low, high], else 0; gradient flat float32."""
    for j in range(values.size):
        units = values[j] / scale
        inside = (units >= low - HALF) & (units <= high + HALF)
        gradient[j] = widened(upstream[j]) / scale if inside else ZERO

"""The fixed-point arithmetic of the neuron: the one definition that everything else must equal.

All values are two's-complement integers held in int64; ``value >> f`` is the arithmetic shift, which
rounds towards minus infinity.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model.network import ACCUMULATE, FLOOR, HALF_UP, ROUNDINGS, Neuron

Int64Array = npt.NDArray[np.int64]


def leaked(value: Int64Array, leak: int, fraction_bits: int, rounding: str) -> Int64Array:
    """``value · leak / 2^fraction_bits``, rounded.

    ``floor`` rounds towards minus infinity, ``half_up`` to nearest with halves towards plus infinity.

    >>> leaked(np.array([-3, 3]), 1, 1, "floor").tolist(), leaked(np.array([-3, 3]), 1, 1, "half_up").tolist()
    ([-2, 1], [-1, 2])
    """
    if rounding not in ROUNDINGS:
        raise ModelError(f"leak_rounding={rounding!r} is not one of {', '.join(ROUNDINGS)}")
    product = value * np.int64(leak)
    if rounding == HALF_UP and fraction_bits > 0:
        product = product + np.int64(1 << (fraction_bits - 1))
    return product >> np.int64(fraction_bits)


def stored(value: Int64Array, bits: int, shift: int = 0, rounding: str = FLOOR) -> Int64Array:
    """What is read back of ``value`` from a word of ``bits`` bits that leaves out the ``shift`` lowest ones.

    Rounded, then saturated: ``saturate((value + half) >> shift) << shift``, half = 2^(shift − 1) for ``half_up``.

    >>> stored(np.array([-9, -7, 6, 40]), 4, 2, "half_up").tolist(), stored(np.array([-9, -7, 6]), 4, 2).tolist()
    ([-8, -8, 8, 28], [-12, -8, 4])
    """
    return saturate(rounded(value, shift, rounding), bits) << np.int64(shift)


def rounded(value: Int64Array, shift: int, rounding: str) -> Int64Array:
    """``value / 2^shift`` as an integer."""
    return leaked(value, 1, shift, rounding)


def signed_digits(value: int) -> int:
    """How many signed powers of two ``value`` is the sum of, at least: the digits of its non-adjacent form.

    Those are the places where value and 3 · value differ in binary (Reitwiesner 1960).

    >>> [signed_digits(value) for value in (0, 8, 7, 11, 4095)]
    [0, 1, 2, 3, 2]
    """
    return (value ^ 3 * value).bit_count()


@lru_cache(maxsize=1024)
def nearest_sum(leak: int, fraction_bits: int, terms: int) -> int:
    """The factor in 0 … 2^fraction_bits nearest to ``leak`` that at most ``terms`` signed powers of two add up to.

    Of two the smaller.  No power is above 2^fraction_bits: the non-adjacent form of a number up to 2^f has no
    digit above place f.

    >>> nearest_sum(3900, 12, 1), nearest_sum(3900, 12, 2), nearest_sum(3900, 12, 3)
    (4096, 3840, 3904)
    """
    one = 1 << fraction_bits
    around = ((leak - distance, leak + distance) for distance in range(one + 1))
    return next(near for pair in around for near in pair if 0 <= near <= one and signed_digits(near) <= terms)


def effective_leak(neuron: Neuron, fraction_bits: int, terms: int) -> int:
    """λ on a machine that forms it of ``terms`` shifts, or multiplies (0)."""
    return nearest_sum(neuron.leak, fraction_bits, terms) if terms and neuron.kind != ACCUMULATE else neuron.leak


def requantized(value: Int64Array, multiplier: int, shift: int, bits: int) -> Int64Array:
    """``value · multiplier / 2^shift`` to nearest, halves towards plus infinity, clipped to 0 … 2^bits − 1.

    Integer-only requantization (Jacob et al., arXiv 1712.05877, §2.2) with ReLU as the lower clip.  |value| is
    below 2^45 and the multiplier below 2^16, so the product is below 2^61, and with half of 2^46 below 2^62.

    >>> requantized(np.array([-9, 2, 3, 100]), 1, 2, 3).tolist()
    [0, 1, 1, 7]
    """
    half = np.int64(1 << shift >> 1)
    steps = (value * np.int64(multiplier) + half) >> np.int64(shift)
    codes: Int64Array = np.clip(steps, 0, (1 << bits) - 1)
    return codes


def word_range(bits: int) -> tuple[int, int]:
    """Smallest and largest two's-complement number of ``bits`` bits.

    >>> word_range(6)
    (-32, 31)
    """
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def word_bits(low: int, high: int) -> int:
    """Bits of the narrowest two's-complement word that holds both.

    >>> word_bits(-32, 31), word_bits(0, 32)
    (6, 7)
    """
    return 1 + max((-low - 1).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0)


def saturate(value: Int64Array, bits: int) -> Int64Array:
    """``value`` clipped to the range of a word of ``bits`` bits.

    >>> saturate(np.array([-40, 5, 40]), 6).tolist()
    [-32, 5, 31]
    """
    low, high = word_range(bits)
    return np.clip(value, low, high)

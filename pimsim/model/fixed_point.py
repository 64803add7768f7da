"""The fixed-point arithmetic of the neuron: the one definition that everything else must equal.

All values are two's-complement integers held in int64; ``value >> f`` is the arithmetic shift, which
rounds towards minus infinity.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model.network import HALF_UP, ROUNDINGS

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


def word_range(bits: int) -> tuple[int, int]:
    """Smallest and largest two's-complement number of ``bits`` bits.

    >>> word_range(6)
    (-32, 31)
    """
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def saturate(value: Int64Array, bits: int) -> Int64Array:
    """``value`` clipped to the range of a word of ``bits`` bits.

    >>> saturate(np.array([-40, 5, 40]), 6).tolist()
    [-32, 5, 31]
    """
    low, high = word_range(bits)
    return np.clip(value, low, high)

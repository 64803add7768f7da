"""How a bit-serial crossbar spreads a weight over cells: the columns of one output, and what each counts for.

A stored number is cut into digits of ``cell_bits`` bits, one cell each, the lowest first.  Column j of an output
holds digit j of every row; its converted sum is multiplied by `column_factors`[j] and added.

* ``offset``: the unsigned code u, ``u = w`` when affine and ``u = w + 2^(bits−1)`` when signed.  The sum is off by
  z_u Σ x, with z_u the code of real zero, which a reference column of ones measures.
* ``differential``: w − z_w = p − n with p, n ≥ 0 and one of them 0; the digits of p, then those of n, which are
  taken off.
* ``twos_complement``: w − z_w modulo 2^bits; the digits of the bits − 1 lower bits, then the sign bit in a
  column of its own, which counts −2^(bits−1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

OFFSET, DIFFERENTIAL, TWOS_COMPLEMENT = "offset", "differential", "twos_complement"
ENCODINGS = (OFFSET, DIFFERENTIAL, TWOS_COMPLEMENT)


def column_factors(encoding: str, bits: int, cell_bits: int) -> tuple[int, ...]:
    """Place value of each column of one output, for stored numbers of ``bits`` bits.

    ``bits`` are those of the code (offset), of the largest magnitude (differential) or of the narrowest
    two's complement that holds every w − z_w.

    >>> column_factors(OFFSET, 6, 1)
    (1, 2, 4, 8, 16, 32)
    >>> column_factors(DIFFERENTIAL, 5, 2)
    (1, 4, 16, -1, -4, -16)
    >>> column_factors(TWOS_COMPLEMENT, 6, 2)
    (1, 4, 16, -32)
    """
    if encoding == DIFFERENTIAL:
        places = _places(bits, cell_bits)
        return (*places, *(-place for place in places))
    if encoding == TWOS_COMPLEMENT:
        return (*_places(bits - 1, cell_bits), -(2 ** (bits - 1)))
    return _places(bits, cell_bits)


def column_digits(values: Int64Array, encoding: str, bits: int, cell_bits: int) -> Int64Array:
    """Cell contents (…, columns) of ``values`` (…): u for ``offset``, w − z_w for the others.

    Each is 0 … 2^``cell_bits`` − 1, and Σ_j digit_j · factor_j is the value again.
    """
    if encoding == DIFFERENTIAL:
        parts = [_digits(np.maximum(part, 0), bits, cell_bits) for part in (values, -values)]
        return np.concatenate(parts, axis=-1)
    if encoding == TWOS_COMPLEMENT:
        low = values & (2 ** (bits - 1) - 1)
        sign = (values < 0).astype(np.int64)[..., None]
        return np.concatenate([_digits(low, bits - 1, cell_bits), sign], axis=-1)
    return _digits(values, bits, cell_bits)


def _places(bits: int, cell_bits: int) -> tuple[int, ...]:
    return tuple(2**shift for shift in range(0, bits, cell_bits))


def _digits(values: Int64Array, bits: int, cell_bits: int) -> Int64Array:
    shifts = np.arange(0, bits, cell_bits, dtype=np.int64)
    digits: Int64Array = values[..., None] >> shifts & (2**cell_bits - 1)
    return digits

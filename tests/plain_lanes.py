"""Vectors of `pimsim.simulation.lanes` as NumPy arrays, so that the firing kernel runs without a compiler.

An array of a fixed width wraps as a lane does.
"""

from __future__ import annotations

import numpy as np

VECTOR_BITS = 512


def spread(value, array, vectors):
    bits = array.dtype.itemsize * 8
    wrapped = (int(value) + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    return np.full(VECTOR_BITS // bits * len(vectors), wrapped, array.dtype)


def load(array, offset, like):
    first = int(offset)
    return array.reshape(-1)[first : first + len(like)].astype(like.dtype)


def store(x, array, offset):
    flat = array.reshape(-1)
    assert np.shares_memory(flat, array)
    flat[int(offset) : int(offset) + len(x)] = x


def leaked(v, leak, fraction):
    if v.dtype != np.int16:
        return v * leak >> fraction
    high = (v.astype(np.int32) * leak.astype(np.int32) >> 16).astype(np.int16)
    return high + (v & fraction)


def half_bit(v, leak, fraction):
    unsigned = (v * leak).view(f"u{v.itemsize}")
    if v.dtype == np.int16:
        return (unsigned >> np.uint16(15)).view(np.int16)
    below = (fraction - 1 & v.itemsize * 8 - 1).view(unsigned.dtype)
    return (unsigned >> below & 1).view(v.dtype)


def word(mask):
    octets = np.packbits(mask, bitorder="little").tobytes()
    return np.uint64(int.from_bytes(octets, "little"))


def set_bits(bits):
    return np.uint64(int(bits).bit_count())


def ones_in(x, mask):
    return np.bitwise_count((x & mask).view(np.uint64)).astype(x.dtype)


PLAIN = {
    "spread": spread,
    "load": load,
    "store": store,
    "leaked": leaked,
    "half_bit": half_bit,
    "word": word,
    "set_bits": set_bits,
    "add": np.add,
    "subtract": np.subtract,
    "smaller": np.minimum,
    "larger": np.maximum,
    "both": np.bitwise_and,
    "either": np.logical_or,
    "above": np.greater,
    "unequal": np.not_equal,
    "choose": np.where,
    "without": lambda x, y: x & ~y,
    "add_scaled": lambda x, row, value: x + row * value,
    "_ones_in": ones_in,
    "_ones": lambda bits: int(bits).bit_count(),
}
"""By the names under which kernels import or define them."""

"""Sums of a bit-serial crossbar whose converter clips, plane by plane as the macro computes them.

Weight codes are stored as unsigned bits, one per cell: ``u = w`` when affine, ``u = w + 2^(bits−1)`` when
``scale``, so real zero is the code z_u.  Input codes arrive one bit at a time.  A conversion counts the
cells that hold 1 and see 1 among at most ``rows`` rows, and gives ``min(count, 2^adc_bits − 1)``; counts
are shifted and added.  With Σ the sum over the K rows::

    Σ (u − z_u)(x − z_x) = Σ u x − z_u Σ x − z_x Σ u + K z_u z_x

``Σ x`` comes from the reference column, whose cells all hold 1 and whose counts clip like any other;
``Σ u`` and K are constants.
"""

from __future__ import annotations

import numpy as np

from pimsim.model.fixed_point import Int64Array
from pimsim.model.network import AFFINE, BitSerial, IntegerLayer


def unsigned_codes(layer: IntegerLayer) -> tuple[Int64Array, int]:
    """Cell contents (K, C_out), rows in the order kD, kH, kW, C_in, and the code that stands for zero."""
    offset = 0 if layer.scheme == AFFINE else 2 ** (layer.weight_bits - 1)
    codes = layer.weight.astype(np.int64).transpose(2, 3, 4, 1, 0).reshape(-1, layer.shape.out_channels)
    return codes + offset, int(layer.zero_point) + offset


def clipped_sums(layer: IntegerLayer, columns: Int64Array, zero: int, macro: BitSerial) -> Int64Array:
    """columns (..., K) of input codes with zero point ``zero`` → Σ (w − z_w)(x − z_x) as converted (..., C_out)."""
    codes, weight_zero = unsigned_codes(layer)
    reference = np.ones((codes.shape[0], 1), np.int64)
    products = _converted(columns, codes, layer.weight_bits, macro)
    inputs = _converted(columns, reference, 1, macro)
    constant = codes.shape[0] * weight_zero * zero - zero * codes.sum(0)
    sums: Int64Array = products - weight_zero * inputs + constant
    return sums


def _converted(columns: Int64Array, codes: Int64Array, bits: int, macro: BitSerial) -> Int64Array:
    """Shift-add of clipped counts over input bits, weight bits and groups of rows."""
    full_scale = 2**macro.adc_bits - 1
    total = np.zeros((*columns.shape[:-1], codes.shape[1]), np.int64)
    for start in range(0, codes.shape[0], macro.rows):
        group = slice(start, start + macro.rows)
        for x_bit in range(int(columns.max(initial=0)).bit_length()):
            pulses = (columns[..., group] >> x_bit & 1).astype(np.float64)
            for w_bit in range(bits):
                cells = (codes[group] >> w_bit & 1).astype(np.float64)  # counts are exact in float64
                counts = np.minimum((pulses @ cells).astype(np.int64), full_scale)
                total += counts << (x_bit + w_bit)
    return total

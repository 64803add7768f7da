"""A bit-serial crossbar's planes: weights and inputs a bit at a time, counts clipped by the converter.

With u the stored unsigned code and z_u the code of real zero, over the K rows of a receptive field::

    Σ (u − z_u)(x − z_x) = Σ u x − z_u Σ x − z_x Σ u + K z_u z_x

``Σ u x`` and ``Σ x`` (the reference column of ones) are shifted sums of converted counts; the rest is known
beforehand.  A converter that never clips makes this the integer sum.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pimsim.model.network import AFFINE, BitSerial, IntegerLayer
from pimsim.simulation.bounds import Interval
from pimsim.simulation.geometry import Int64Array, UInt64Array


class Crossbar(NamedTuple):
    """A layer's macro as the kernel takes it.

    planes     (groups, C_out, weight bits, words) cells of a column, 64 rows per word; rows by kernel
               depth, height, width, then input channel, the channel fastest
    constants  (C_out,) K z_u z_x − z_x Σ u
    rows       rows converted at once
    full       largest count that the converter gives
    input_bits bits of an input code
    weight_zero, input_zero   z_u and z_x
    """

    planes: UInt64Array
    constants: Int64Array
    rows: int
    full: int
    input_bits: int
    weight_zero: int
    input_zero: int


def lower_crossbar(layer: IntegerLayer, macro: BitSerial, input_zero: int, inputs: Interval) -> Crossbar:
    """Pack a layer's cells; ``inputs`` are the centred values of one source neuron, zero point ``input_zero``."""
    codes, weight_zero = _cells(layer)
    groups = [codes[start : start + macro.rows] for start in range(0, len(codes), macro.rows)]
    words = -(-min(macro.rows, len(codes)) // 64)
    return Crossbar(
        planes=np.stack([_pack(group, layer.weight_bits, words) for group in groups]),
        constants=len(codes) * weight_zero * input_zero - input_zero * codes.sum(0),
        rows=macro.rows,
        full=2**macro.adc_bits - 1,
        input_bits=(prod(layer.shape.pool) * (inputs[1] + input_zero)).bit_length(),
        weight_zero=weight_zero,
        input_zero=input_zero,
    )


def crossbar_bounds(layer: IntegerLayer, inputs: Interval, input_zero: int) -> Interval:
    """Reach of the converted sums: clipping only makes counts smaller, down to none."""
    codes, weight_zero = _cells(layer)
    largest = prod(layer.shape.pool) * (inputs[1] + input_zero)
    constants = len(codes) * weight_zero * input_zero - input_zero * codes.sum(0)
    highest = int((codes.sum(0) * largest + constants).max())
    return int(constants.min()) - weight_zero * largest * len(codes), highest


def _cells(layer: IntegerLayer) -> tuple[Int64Array, int]:
    """Stored unsigned codes (K, C_out) and the code of real zero."""
    offset = 0 if layer.scheme == AFFINE else 1 << (layer.weight_bits - 1)
    codes = layer.weight.transpose(2, 3, 4, 1, 0).reshape(-1, layer.shape.out_channels).astype(np.int64)
    return codes + offset, layer.zero_point + offset


def _pack(codes: Int64Array, bits: int, words: int) -> UInt64Array:
    """(rows, C_out) → (C_out, bits, words)."""
    planes = np.zeros((codes.shape[1], bits, words * 64), np.uint8)
    planes[:, :, : len(codes)] = codes.T[:, None, :] >> np.arange(bits)[:, None] & 1
    packed: npt.NDArray[np.uint8] = np.packbits(planes, axis=-1, bitorder="little")
    return packed.view(np.uint64)

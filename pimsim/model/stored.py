"""A layer's weights as the bits that a crossbar's cells hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.model.cells import OFFSET, TWOS_COMPLEMENT, column_digits, column_factors
from pimsim.model.fixed_point import Int64Array, word_bits
from pimsim.model.macro import SIGN_MAGNITUDE, Macro
from pimsim.model.network import AFFINE, IntegerLayer


@dataclass(frozen=True, eq=False)
class Stored:
    """Rows are in the order kD, kH, kW, C_in.

    bits          (K, C_out, SRAM cells of a weight) 0 or 1: column by column as in `pimsim.model.cells`,
                  ``cell_bits`` of each, the lowest first; ``sign_magnitude``: the magnitude's, then the sign's,
                  1 for negative
    significance  of every part of a sum: its columns', or positive and negative ones with ``sign_magnitude``
    zero          code that stands for real zero and is taken off by a reference column; 0: none
    totals        (C_out,) Σ of what is stored over the rows
    """

    bits: npt.NDArray[np.uint8]
    significance: Int64Array
    zero: int
    totals: Int64Array

    def constants(self, input_zero: int) -> Int64Array:
        """(C_out,) K z_u z_x − z_x Σ u: the part of Σ (u − z_u)(x − z_x) that is known beforehand."""
        constants: Int64Array = input_zero * (len(self.bits) * self.zero - self.totals)
        return constants


def store(layer: IntegerLayer, macro: Macro) -> Stored:
    """The bits of a layer's weights in the macro's encoding."""
    codes = layer.weight.astype(np.int64).transpose(2, 3, 4, 1, 0).reshape(-1, layer.shape.out_channels)
    centred = codes - layer.zero_point
    if macro.encoding == SIGN_MAGNITUDE:
        signs = (centred < 0).astype(np.uint8)[..., None]
        bits = np.concatenate([_bits(np.abs(centred), _magnitude_bits(centred)), signs], axis=2)
        return Stored(bits, np.array([1, -1], np.int64), 0, _totals(centred))
    values, zero, width = centred, 0, _magnitude_bits(centred)
    if macro.encoding == OFFSET:
        offset = 0 if layer.scheme == AFFINE else 2 ** (layer.weight_bits - 1)
        values, zero, width = codes + offset, layer.zero_point + offset, layer.weight_bits
    elif macro.encoding == TWOS_COMPLEMENT:
        width = word_bits(int(centred.min()), int(centred.max()))
    digits = column_digits(values, macro.encoding, width, macro.cell_bits)
    factors = np.array(column_factors(macro.encoding, width, macro.cell_bits), np.int64)
    return Stored(_bits(digits, macro.cell_bits).reshape(*values.shape, -1), factors, zero, _totals(values))


def _magnitude_bits(centred: Int64Array) -> int:
    return max(1, int(np.abs(centred).max()).bit_length())


def _bits(values: Int64Array, width: int) -> npt.NDArray[np.uint8]:
    """Integers → their ``width`` lowest bits along a new last axis."""
    return (values[..., None] >> np.arange(width) & 1).astype(np.uint8)


def _totals(values: Int64Array) -> Int64Array:
    totals: Int64Array = values.sum(0)
    return totals

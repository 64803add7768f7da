"""The reference of a crossbar's values: sums as its converters give them, conversion by conversion.

Weights lie in cells; a column adds the products of one group of rows with one slice of the input bits, and a
converter turns the sum into a code.  Sums are fixed-point integers of 12 fraction bits, so they
do not depend on the order of addition.  With s the step in product LSB, per column and converter::

    y    = Σ cell · slice (+ noise)
    code = clip(⌊(y + offset + step / 2) / step⌋, 0, 2^adc_bits − 1)
    a    = Σ significance · 2^(slice · dac_bits) · ⌊code · s + 1/2⌋ + constant

docs/crossbar-numerics.md has the whole.
"""

from __future__ import annotations

import numpy as np

from pimsim.model.chip import Chip, build, thermal_noise
from pimsim.model.fixed_point import Int64Array
from pimsim.model.macro import Macro
from pimsim.model.network import IntegerLayer


def converted_sums(
    layer: IntegerLayer, columns: Int64Array, zero: int, highest: int, macro: Macro, *, of_input_spikes: bool = False
) -> Int64Array:
    """Σ (w − z_w)(x − z_x) as converted.

    columns (N, T, D', H', W', K) input codes 0 … ``highest`` with zero point ``zero``, rows in the order kD, kH,
    kW, C_in → (N, T, D', H', W', C_out).  Sample n has the noise of index n, sums ``of_input_spikes`` one of their own.
    """
    chip = build(layer, macro, zero, highest)
    outputs = layer.shape.out_channels
    sums = np.zeros((*columns.shape[:-1], outputs), np.int64) + chip.constants
    noise = _noise(chip, macro, columns.shape, of_input_spikes)
    for group, start in enumerate(range(0, columns.shape[-1], chip.rows)):
        rows = slice(start, start + chip.rows)
        for part in range(chip.slices):
            inputs = columns[..., rows] >> (part * chip.dac_bits) & (2**chip.dac_bits - 1)
            total = _column_sums(chip, inputs, rows)
            if noise is not None:
                total += noise[..., group, part, :]
            sums += _digital(chip, chip.convert(total), outputs) << (part * chip.dac_bits)
    return sums


def _column_sums(chip: Chip, inputs: Int64Array, rows: slice) -> Int64Array:
    if not chip.table:
        # integers below 2^52, so the product in float64 is exact
        return (inputs.astype(np.float64) @ chip.cells[rows, 0].astype(np.float64)).astype(np.int64)
    total = np.zeros((*inputs.shape[:-1], chip.cells.shape[2]), np.int64)
    for row in range(inputs.shape[-1]):
        total += chip.cells[rows][row, inputs[..., row]]
    return total


def _digital(chip: Chip, values: Int64Array, outputs: int) -> Int64Array:
    """Columns (…, parts · C_out and the reference) → their weighted sum per output (…, C_out)."""
    parts = len(chip.significance)
    weighed = values[..., : parts * outputs].reshape(*values.shape[:-1], parts, outputs)
    total: Int64Array = (weighed * chip.significance[:, None]).sum(-2)
    if chip.reference:
        total -= chip.reference * values[..., -1:]
    return total


def _noise(chip: Chip, macro: Macro, shape: tuple[int, ...], of_input_spikes: bool) -> Int64Array | None:
    """(N, T, D', H', W', groups, slices, columns), or None without noise."""
    if not macro.thermal_sigma_lsb:
        return None
    size = (*shape[1:-1], chip.groups, chip.slices, chip.columns)
    return np.stack([thermal_noise(macro, n, size, of_input_spikes=of_input_spikes) for n in range(shape[0])])

"""Which values a crossbar engine gives for a layer: its circuit as the model package evaluates it."""

from __future__ import annotations

from dataclasses import replace

from pimsim.hardware import BitSerialPim, Event, Mac
from pimsim.hardware.hardware import AUTO, Pim
from pimsim.mapping.crossbar import converter_share, group_rows
from pimsim.mapping.weights import weight_sums
from pimsim.model.cells import DIFFERENTIAL, TWOS_COMPLEMENT
from pimsim.model.macro import EXACT, LSB, SIGN_MAGNITUDE, Macro
from pimsim.model.network import IntegerLayer


def crossbar_values(
    layer: IntegerLayer, index: int, engine: Pim | Mac | Event, highest_input: int, *, seed: int | None, chip: int
) -> Macro | None:
    """The macro of layer number ``index`` for input codes 0 … ``highest_input``; None where every sum is exact.

    ``seed`` replaces the hardware file's.  Seed, chip and layer are left out where nothing is drawn at random.
    """
    if isinstance(engine, Mac | Event):
        return None
    macro = _macro(engine, engine.numerics.seed if seed is None else seed, chip, index)
    if not (macro.adc_gain_sigma_ratio or macro.adc_offset_sigma_steps):
        macro = replace(macro, columns_per_adc=1)
    if not macro.varies:
        macro = replace(macro, seed=0, chip=0, layer=0)
    return None if macro.clean and _lossless(layer, engine, macro, highest_input) else macro


def largest_count(layer: IntegerLayer, pim: BitSerialPim, highest_input: int) -> int:
    """Largest sum of digits that a column brings to its converter, input codes being 0 … ``highest_input``.

    Over the rows that are active at once, and that the layer has: largest slice × largest cell.
    """
    sums = weight_sums(layer)
    stored = {DIFFERENTIAL: sums.magnitude_bits, TWOS_COMPLEMENT: max(1, sums.signed_bits - 1)}
    cell_bits = min(pim.cell_bits, stored.get(pim.weight_encoding, layer.weight_bits))
    slice_largest = min(highest_input, 2**pim.dac_bits - 1)
    return int(min(pim.rows_active, layer.shape.fan_in) * slice_largest * (2**cell_bits - 1))


def _macro(engine: Pim, seed: int, chip: int, layer: int) -> Macro:
    given = engine.numerics
    encoding, cell_bits, scale = SIGN_MAGNITUDE, 1, EXACT
    if isinstance(engine, BitSerialPim):
        encoding, cell_bits, scale = engine.weight_encoding, engine.cell_bits, LSB
    return Macro(
        rows=group_rows(engine),
        adc_bits=engine.adc_bits,
        encoding=encoding,
        cell_bits=cell_bits,
        dac_bits=engine.dac_bits,
        model=given.model,
        adc_full_scale_lsb=scale if given.adc_full_scale_lsb == AUTO else given.adc_full_scale_lsb,
        adc_gain_error_ratio=given.adc_gain_error_ratio,
        adc_gain_sigma_ratio=given.adc_gain_sigma_ratio,
        adc_offset_steps=given.adc_offset_steps,
        adc_offset_sigma_steps=given.adc_offset_sigma_steps,
        columns_per_adc=converter_share(engine),
        thermal_sigma_lsb=given.thermal_sigma_lsb,
        product_transfer=given.product_transfer,
        cell_mismatch_sigma_ratio=given.cell_mismatch_sigma_ratio,
        stuck_at_0_ratio=given.stuck_at_0_ratio,
        stuck_at_1_ratio=given.stuck_at_1_ratio,
        seed=seed,
        chip=chip,
        layer=layer,
    )


def _lossless(layer: IntegerLayer, engine: Pim, macro: Macro, highest_input: int) -> bool:
    """Whether a converter without errors tells all sums apart that a column can bring to it."""
    if macro.adc_full_scale_lsb == EXACT:
        return True
    if not isinstance(engine, BitSerialPim) or macro.adc_full_scale_lsb != LSB:
        return False
    return bool(2**engine.adc_bits - 1 >= largest_count(layer, engine, highest_input))

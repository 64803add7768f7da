"""One layer on one engine: its tiling, beats and sweep."""

from __future__ import annotations

from math import prod

from pimsim.hardware import BitSerialPim, Event, Mac
from pimsim.hardware.hardware import DIFFERENTIAL, TWOS_COMPLEMENT, Pim
from pimsim.mapping.crossbar import Operand, plan_crossbar
from pimsim.mapping.mapping import Operands, Plan, ScatterPlan, Sweep
from pimsim.mapping.multipliers import plan_multipliers
from pimsim.model.architecture import LayerShape
from pimsim.model.cells import column_factors


def plan_layer(
    shape: LayerShape,
    operands: Operands,
    engine: Pim | Mac | Event,
    *,
    exact: bool,
    resident: bool = True,
    spare: bool = True,
) -> Plan:
    """Cut a layer to the size of its engine; raises MappingError where it cannot be cut.

    The options are those of `plan_crossbar` and say nothing to the other engines.
    """
    if isinstance(engine, Event):
        return _scatter(shape, engine)
    if isinstance(engine, Mac):
        return plan_multipliers(shape, engine, weight_bits=operands.weight_bits, input_bits=operands.input_bits)
    operand = _crossbar_operand(operands, engine)
    return plan_crossbar(operand, engine, shape, exact=exact, resident=resident, spare=spare)


def plan_sweep(shape: LayerShape, engine: Pim | Mac | Event, *, output_word_bits: int, value_bits: int) -> Sweep:
    """Words that the pass over a layer's neurons takes, and packed words that it writes."""
    lanes = engine.lanes if isinstance(engine, Event) else engine.neuron_lanes
    words = shape.positions * -(-shape.out_channels // lanes)
    output_words = -(-shape.neurons // (output_word_bits // value_bits))
    return Sweep(lanes, engine.sweep_depth, words, output_words, value_bits)


def _scatter(shape: LayerShape, event: Event) -> ScatterPlan:
    most = shape.fan_in * prod(shape.pool)
    return ScatterPlan(
        scan_words=-(-prod(shape.source_shape) // event.scan_width),
        beats=-(-shape.out_channels // event.lanes),
        entry_bits=max(1, (prod(shape.source_shape) - 1).bit_length()),
        count_bits=most.bit_length(),
    )


def _crossbar_operand(operands: Operands, pim: Pim) -> Operand:
    if isinstance(pim, BitSerialPim):
        stored = {DIFFERENTIAL: operands.magnitude_bits, TWOS_COMPLEMENT: operands.signed_bits}
        bits = stored.get(pim.weight_encoding, operands.weight_bits)
        return Operand(
            columns_per_output=len(column_factors(pim.weight_encoding, bits, pim.cell_bits)),
            reference=1 if operands.weight_zero else 0,
            slices=-(-operands.input_bits // pim.dac_bits),
            conversions=1,
        )
    return Operand(  # magnitude and sign; positive and negative sums are converted one after the other
        columns_per_output=operands.magnitude_bits + 1,
        reference=0,
        slices=-(-operands.input_bits // pim.dac_bits),
        conversions=2,
    )

"""One layer on one engine: its tiling, beats and sweep."""

from __future__ import annotations

from math import prod

from pimsim.hardware import BitSerialPim, Event, Mac
from pimsim.hardware.hardware import DIFFERENTIAL, GATHER, TWOS_COMPLEMENT, Pim
from pimsim.mapping.crossbar import Operand, plan_crossbar
from pimsim.mapping.fields import field_words
from pimsim.mapping.mapping import GatherPlan, Operands, Plan, ScatterPlan, Sweep
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
        return _event(shape, engine)
    if isinstance(engine, Mac):
        return plan_multipliers(shape, engine, weight_bits=operands.weight_bits, input_bits=operands.input_bits)
    operand = _crossbar_operand(operands, engine)
    return plan_crossbar(operand, engine, shape, exact=exact, resident=resident, spare=spare)


def plan_sweep(shape: LayerShape, engine: Pim | Mac | Event, *, output_word_bits: int, value_bits: int) -> Sweep:
    """Words that the pass over a layer's neurons takes, and packed words that it writes."""
    lanes = engine.lanes if isinstance(engine, Event) else engine.neuron_lanes
    words = shape.positions * -(-shape.out_channels // lanes)
    output_words = -(-shape.neurons // (output_word_bits // value_bits))
    stalls = _port_stalls(words, engine) if isinstance(engine, Event) and engine.dataflow != GATHER else 0
    return Sweep(lanes, engine.sweep_depth, words, output_words, value_bits, stalls)


def _port_stalls(words: int, event: Event) -> int:
    """Cycles that a sweep waits because a word that it reads lies in the bank of one that it writes.

    Without waiting, word i is read when word i − depth is written: in one bank where the depth is a multiple of the
    banks.  One bank then reads and writes ``depth`` words in turn; several are out of step after one cycle, until the
    gap that this leaves comes back to be written, once every ``depth`` words.
    """
    depth, banks = event.sweep_depth, event.membrane_banks
    if event.membrane_ports == 2 or depth % banks:
        return 0
    return (words - 1) // depth * (depth if banks == 1 else 1)


def _event(shape: LayerShape, event: Event) -> ScatterPlan | GatherPlan:
    neurons, gathers = prod(shape.source_shape), event.dataflow == GATHER
    words = len(field_words(shape, event.scan_width).word) if gathers else -(-neurons // event.scan_width)
    return (GatherPlan if gathers else ScatterPlan)(
        scan_words=words,
        beats=-(-shape.out_channels // event.lanes),
        # gather marks the last entry of a position, and entries that hold no event
        entry_bits=max(1, (neurons - 1).bit_length()) + (2 if gathers else 0),
        count_bits=(shape.fan_in * prod(shape.pool)).bit_length(),
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

"""One layer on one engine: its tiling, beats and sweep."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from pimsim.hardware import BitSerialPim, Event, Mac
from pimsim.hardware.hardware import DIFFERENTIAL, GATHER, NONE, SHIFTED, TWOS_COMPLEMENT, Pim
from pimsim.mapping.crossbar import Operand, plan_crossbar
from pimsim.mapping.fields import field_words
from pimsim.mapping.mapping import GatherPlan, Operands, Plan, ScatterPlan, Sweep
from pimsim.mapping.multipliers import plan_multipliers
from pimsim.model.architecture import LayerShape
from pimsim.model.cells import column_factors

Engine = Pim | Mac | Event


def sweep_lanes(engine: Engine) -> int:
    """Neurons that the engine's sweep takes at once."""
    return engine.lanes if isinstance(engine, Event) else engine.neuron_lanes


def swept_by(engine: Engine, lanes: int) -> Engine:
    """``engine`` with words of its current memory as long as a sweep of ``lanes`` reads them."""
    if isinstance(engine, Event) or engine.neuron_lanes == lanes:
        return engine
    return replace(engine, neuron_lanes=lanes)


def plan_layer(
    shape: LayerShape,
    operands: Operands,
    engine: Engine,
    *,
    exact: bool,
    resident: bool = True,
    spare: bool = True,
    partner: Operands | None = None,
) -> Plan:
    """Cut a layer to the size of its engine; raises MappingError where it cannot be cut.

    Weights that a ``partner`` uses as well, the layer's other phase, lie as both can use them: tiles of multipliers
    are those of the wider inputs, and kernels in a crossbar are not shifted, for which number is best depends on
    the inputs.  The other options are those of `plan_crossbar` and say nothing to the other engines.
    """
    if isinstance(engine, Event):
        return _event(shape, engine)
    if isinstance(engine, Mac):
        input_bits = max(one.input_bits for one in (operands, partner) if one is not None)
        return plan_multipliers(shape, engine, weight_bits=operands.weight_bits, input_bits=input_bits)
    if partner is not None and engine.copies_in_array == SHIFTED:
        engine = replace(engine, copies_in_array=NONE)
    operand = _crossbar_operand(operands, engine)
    return plan_crossbar(operand, engine, shape, exact=exact, resident=resident, spare=spare)


def plan_sweep(shape: LayerShape, engine: Engine, *, output_word_bits: int, value_bits: int) -> Sweep:
    """Words that the pass over a layer's neurons takes, and packed words that it writes."""
    lanes = sweep_lanes(engine)
    words = shape.positions * -(-shape.out_channels // lanes)
    output_words = -(-shape.neurons // (output_word_bits // value_bits))
    stalls = port_stalls(words, engine) if isinstance(engine, Event) and engine.dataflow != GATHER else 0
    return Sweep(lanes, engine.sweep_depth, words, output_words, value_bits, stalls)


def port_stalls(words: int, event: Event) -> int:
    """Cycles that a sweep of ``words`` waits because one that it reads lies in the bank of one that it writes.

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

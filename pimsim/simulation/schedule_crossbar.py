"""A layer on the crossbar: the sequencer's cycles and the actions of one evaluation, times the evaluations."""

from __future__ import annotations

import numpy as np

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Pim
from pimsim.mapping import LayerMapping
from pimsim.mapping.crossbar import CrossbarPlan, Round, row_bits
from pimsim.simulation import kernels_schedule_dense as kernels
from pimsim.simulation.schedule_layer import HAND_OVER, Evaluation, Int64Array
from pimsim.simulation.schedule_source import source_actions

RELOAD_FILL = 1
"""A row that is read from the weight memory is written to the cells in the next cycle."""


def evaluate(layer: LayerMapping, pim: Pim, *, evaluations: int, driven: int) -> Evaluation:
    """``evaluations`` of the layer's sums; ``driven`` word-line pulses of one copy of
    all their receptive fields (bit-serial)."""
    plan = layer.plan
    assert isinstance(plan, CrossbarPlan)
    found = np.zeros(kernels.CROSSBAR_FIELDS, np.int64)
    cycles = HAND_OVER
    for one in plan.rounds:
        cells = np.array((one.conversion_cycles, int(pim.sample_and_hold), pim.correction_depth), np.int64)
        out = np.empty(kernels.CROSSBAR_FIELDS, np.int64)
        kernels.crossbar_round(_groups(layer, plan, one, pim), np.array(one.pulses, np.int64), cells, out)
        found += out
        cycles += int(out[kernels.END]) + _reload_cycles(plan, one)
    units = (
        ("loader", int(found[kernels.LOADING]), int(found[kernels.LOAD_STALL])),
        ("row_driver", int(found[kernels.PULSING]), int(found[kernels.PULSE_STALL])),
        ("adc", int(found[kernels.CONVERTING]), 0),
        ("writer", int(found[kernels.WRITING]), 0),
    )
    counted = (
        *_input_actions(layer, plan, pim, evaluations, driven),
        *_column_actions(layer, plan, pim, evaluations),
        *_sum_actions(layer, plan, pim, evaluations),
        *_reload_actions(layer, plan, pim, evaluations),
    )
    return Evaluation(cycles, units, counted, utilization=plan.utilization)


def _group_sizes(layer: LayerMapping, plan: CrossbarPlan) -> Int64Array:
    """Positions that the copies work on at once, map after map."""
    full, rest = divmod(layer.shape.positions, plan.copies)
    return np.tile(np.array([plan.copies] * full + [rest] * (rest > 0), np.int64), layer.operands.passes)


def _groups(layer: LayerMapping, plan: CrossbarPlan, one: Round, pim: Pim) -> Int64Array:
    sizes = _group_sizes(layer, plan)
    pool = int(np.prod(layer.shape.pool))
    reads = -(-sizes * one.loaded_rows * pool // pim.input_port_codes)
    return np.stack([reads, sizes * one.written_words], axis=1)


def _reload_cycles(plan: CrossbarPlan, one: Round) -> int:
    """Arrays that hold the whole layer keep it; else each round's rows are rewritten, one per cycle."""
    return sum(tile.rows for tile in one.tiles) + RELOAD_FILL if plan.reloaded else 0


def _reload_actions(layer: LayerMapping, plan: CrossbarPlan, pim: Pim, evaluations: int) -> tuple[ActionCount, ...]:
    if layer.memories.weight is None:
        return ()
    rows = sum(tile.rows for tile in plan.tiles) * evaluations
    bits = row_bits(pim)
    written = actions.ARRAY_WRITE.count(rows, bits=bits, capacity_bits=pim.rows * bits)
    return layer.memories.weight.read(rows), written


def _input_actions(
    layer: LayerMapping, plan: CrossbarPlan, pim: Pim, evaluations: int, driven: int
) -> tuple[ActionCount, ...]:
    """From the map to the word lines."""
    sizes = _group_sizes(layer, plan)
    transfers = np.concatenate([sizes * one.loaded_rows for one in plan.rounds])
    rows = sum(tile.rows for tile in plan.tiles) * layer.positions * evaluations
    loads = actions.ROW_LOAD.count(rows, bits=layer.operands.input_bits)
    if isinstance(pim, BitSerialPim):
        pulses = driven * len({tile.output for tile in plan.tiles})
        lines = [actions.ROW_PULSE.count(pulses, bits=row_bits(pim))]
        if pim.dac_bits > 1:
            lines.append(actions.DAC_CONVERT.count(pulses, bits=pim.dac_bits))
    else:
        lines = [actions.DAC_CONVERT.count(rows * plan.operand.slices, bits=pim.dac_bits)]
    return (*source_actions(layer, transfers, evaluations), loads, *lines)


def _column_actions(layer: LayerMapping, plan: CrossbarPlan, pim: Pim, evaluations: int) -> tuple[ActionCount, ...]:
    """From the cells to the shift-adders."""
    passes = layer.positions * evaluations * plan.operand.slices
    groups = sum(tile.groups * tile.converted for tile in plan.tiles) * passes
    converted = groups * plan.operand.conversions
    if isinstance(pim, BitSerialPim):
        evaluated = actions.COLUMN_PRECHARGE.count(groups * pim.cell_bits, bits=1, second_bits=pim.rows)
        together = pim.rows_active
    else:
        products = sum(tile.rows * tile.outputs for tile in plan.tiles) * passes
        width = plan.operand.columns_per_output
        evaluated = actions.ANALOG_MULTIPLY.count(products, bits=width, second_bits=pim.dac_bits)
        together = pim.products_per_conversion
    return (
        evaluated,
        actions.ADC_CONVERT.count(converted, bits=pim.adc_bits, second_bits=together),
        actions.SHIFT_ADD.count(converted, bits=layer.numerics.accumulator_bits),
    )


def _sum_actions(layer: LayerMapping, plan: CrossbarPlan, pim: Pim, evaluations: int) -> tuple[ActionCount, ...]:
    """Zero points, offset, and the sums' way to the current memory."""
    current, operands = layer.memories.current, layer.operands
    assert current is not None  # every dense layer has one
    positions, bits = layer.positions * evaluations, layer.numerics.accumulator_bits
    counted = [
        current.write(sum(one.written_words for one in plan.rounds) * positions),
        current.read(sum(one.read_words for one in plan.rounds) * positions),
    ]
    if isinstance(pim, BitSerialPim) and operands.weight_zero:  # weight zero × sum of the inputs, per position
        width = (layer.shape.fan_in * (2**operands.input_bits - 1)).bit_length()
        rounds = len(plan.rounds) * positions
        corrected = sum(one.outputs for one in plan.rounds) * positions
        counted.append(actions.CORRECTION_MULTIPLY.count(rounds, bits=width, second_bits=operands.weight_bits))
        counted.append(actions.CORRECTION_ADD.count(corrected, bits=bits))
    if operands.input_zero:  # one constant per output channel
        counted.append(actions.CORRECTION_ADD.count(layer.shape.out_channels * positions, bits=bits))
    return tuple(counted)

"""A layer on the multiplier array: cycles and actions of one evaluation, times the evaluations."""

from __future__ import annotations

import numpy as np

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.hardware import Mac
from pimsim.mapping import LayerMapping
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.simulation import kernels_schedule_dense as kernels
from pimsim.simulation.schedule_layer import HAND_OVER, Evaluation
from pimsim.simulation.schedule_source import source_actions


def evaluate(layer: LayerMapping, mac: Mac, *, evaluations: int) -> Evaluation:
    """``evaluations`` of the layer's sums."""
    plan = layer.plan
    assert isinstance(plan, MultiplierPlan)
    settings = (layer.positions, mac.multiply_cycles, int(mac.overlap_fetch), mac.pipeline_depth)
    found = np.empty(kernels.MULTIPLIER_FIELDS, np.int64)
    kernels.multiplier_tiles(plan.fetch, plan.interval, np.array(settings, np.int64), found)
    units = (
        ("weight_fetch", int(found[kernels.FETCHING]), int(found[kernels.FETCH_STALL])),
        ("loader", int(plan.loading.sum()) * layer.positions, 0),
        ("multipliers", int(found[kernels.MULTIPLYING]), int(found[kernels.MULTIPLY_STALL])),
        ("writer", int(plan.storing.sum()) * layer.positions, 0),
    )
    cycles = int(found[kernels.FINISH]) + HAND_OVER
    counted = (*_product_actions(layer, plan, mac, evaluations), *_zero_actions(layer, evaluations))
    return Evaluation(cycles, units, counted, width=mac.multipliers)


def _product_actions(layer: LayerMapping, plan: MultiplierPlan, mac: Mac, evaluations: int) -> tuple[ActionCount, ...]:
    operands, memories = layer.operands, layer.memories
    assert memories.weight is not None  # every layer on multipliers has both
    assert memories.current is not None
    positions = layer.positions * evaluations
    products = layer.shape.weights * positions
    fetched = int(plan.fetch.sum()) // mac.weight_read_cycles * evaluations
    bits = layer.numerics.accumulator_bits
    macros = plan.macros(memories.current.values_per_macro)
    return (
        *source_actions(layer, plan.inputs, positions),
        memories.weight.read(fetched),
        actions.MAC_LOAD_WEIGHT.count(layer.shape.weights * evaluations, bits=operands.weight_bits),
        actions.MAC_LOAD_INPUT.count(int(plan.inputs.sum()) * positions, bits=operands.input_bits),
        actions.MAC_MULTIPLY.count(products, bits=operands.weight_bits, second_bits=operands.input_bits),
        actions.MAC_ACCUMULATE.count(products, bits=bits),
        memories.current.read_macros(int((macros * (1 - plan.begins)).sum()) * positions),
        memories.current.write_macros(int(macros.sum()) * positions),
    )


def _zero_actions(layer: LayerMapping, evaluations: int) -> tuple[ActionCount, ...]:
    """Codes are multiplied as they are; the zero points are taken off each sum.

    The sum of a position's inputs is formed once for all output channels.
    """
    operands, positions = layer.operands, layer.positions * evaluations
    bits = layer.numerics.accumulator_bits
    outputs = layer.shape.out_channels * positions
    counted = []
    if operands.weight_zero:
        width = (layer.shape.fan_in * (2**operands.input_bits - 1)).bit_length()
        counted.append(actions.CORRECTION_ADD.count(layer.shape.fan_in * positions, bits=width))
        counted.append(actions.CORRECTION_MULTIPLY.count(positions, bits=width, second_bits=operands.weight_bits))
        counted.append(actions.CORRECTION_ADD.count(outputs, bits=bits))
    if operands.input_zero:
        counted.append(actions.CORRECTION_ADD.count(outputs, bits=bits))
    return tuple(counted)

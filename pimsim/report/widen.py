"""The same machine with wider words: what a CNN of 32 bits would do on the organisation of a 6-bit one."""

from __future__ import annotations

from dataclasses import replace

from pimsim.activity.actions import CATALOGUE, MEMORY
from pimsim.activity.activity import ActionCount, Activity, LayerActivity, Storage

OPERANDS = {
    ("mac", "load_weight"),
    ("mac", "load_input"),
    ("mac", "multiply"),
    ("mac", "accumulate"),
    ("neuron", "relu"),
    ("neuron", "compare"),
    ("pool", "add"),
    ("correction", "multiply"),
    ("correction", "add"),
}
"""Actions on operands, which all become ``bits`` wide, as are the sums in HYPER-SNN's 32-bit arithmetic."""
OPERAND_STORAGE = {"mac", "neuron"}


def widen(activity: Activity, *, from_bits: int, to_bits: int) -> Activity:
    """``activity`` with operands of ``to_bits`` in place of ``from_bits``.

    Ports carry as many operands per cycle as before, so the cycles stay; memories hold as many words of
    more bits, which are more macros side by side.
    """
    layers = tuple(_layer(layer, from_bits, to_bits) for layer in activity.layers)
    storage = tuple(_storage(item, from_bits, to_bits) for item in activity.storage)
    return replace(activity, layers=layers, storage=storage)


def _layer(layer: LayerActivity, from_bits: int, to_bits: int) -> LayerActivity:
    return replace(layer, actions=tuple(_action(item, from_bits, to_bits) for item in layer.actions))


def _action(item: ActionCount, from_bits: int, to_bits: int) -> ActionCount:
    key = item.component, item.action
    if key in OPERANDS:
        return replace(item, bits=to_bits, second_bits=to_bits if item.second_bits else 0)
    if CATALOGUE[key].group == MEMORY:
        return replace(item, bits=_scaled(item.bits, from_bits, to_bits))
    return item


def _storage(item: Storage, from_bits: int, to_bits: int) -> Storage:
    if item.component in OPERAND_STORAGE:
        return replace(item, width_bits=to_bits)
    if item.component.endswith("_memory"):
        return replace(
            item,
            capacity_bits=_scaled(item.capacity_bits, from_bits, to_bits),
            width_bits=_scaled(item.width_bits, from_bits, to_bits),
        )
    return replace(item, capacity_bits=_scaled(item.capacity_bits, from_bits, to_bits))


def _scaled(bits: int, from_bits: int, to_bits: int) -> int:
    return -(-bits * to_bits // from_bits)

"""From what a described layer was seen to do to the record that the simulator makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pimsim.activity.actions import CATALOGUE
from pimsim.activity.activity import ActionCount, LayerActivity, UnitCycles
from pimsim.hardware import BitSerialPim, Event
from pimsim.mapping import LayerMapping
from pimsim.mapping.crossbar import group_rows, row_bits
from pimsim.mapping.mapping import EventPlan, GatherPlan
from pimsim.mapping.memory import MemoryPlan
from pimsim.rtl.parts.observe import Observed
from pimsim.rtl.verify.case import LayerCase
from pimsim.simulation.schedule_layer import MULTIPLIER_BITS, merged

Widths = tuple[int, ...]
"""``bits``, ``second_bits`` and ``capacity_bits`` of an action, as far as it has them."""

UNITS = (
    "encoder",
    "scanner",
    "address_generator",
    "lanes",
    "weight_fetch",
    "loader",
    "row_driver",
    "adc",
    "writer",
    "sweep",
)
"""Units of all engines in the order in which a layer's record names them; `PORT` stands behind them."""
PORT, BANK_ACCESS = "membrane_port", "bank_access_"
COUNTER = {"counter_read": ("accumulator", "read"), "counter_write": ("accumulator", "write")}
"""Event counters beside the sums of a gather core, which are registers of the same component."""
ENCODED = {
    "encoder_compare": ("neuron", "compare"),
    "encoder_pack": ("packer", "pack"),
    "encoder_write": ("spike_memory", "write"),
}
"""What the encoder of input spikes does, in words of its own widths."""
APART = COUNTER | ENCODED | {"opening_read": ("current_memory", "read")}
"""Counts that are not called as their actions."""
NOT_DESCRIBED = {("input_memory", "write")}
"""Codes of a sample arrive in the background, from outside the layer (docs/microarchitecture.md §3)."""


def observed_activity(case: LayerCase, observed: Observed, simulated: LayerActivity) -> LayerActivity:
    """The layer's record with cycles, units, actions and spikes as they were ``observed``.

    What is no observation is taken from the ``simulated`` record: sizes, and of a dense engine the products and the
    share of its cells.  Raises ValueError for a count that nobody knows.
    """
    cycles = int(observed.front_cycles.sum() + observed.step_cycles.sum())
    known = replace(
        simulated,
        cycles=cycles,
        units=_units(observed.counts, cycles),
        actions=_actions(case, observed.counts),
        output_spikes=int(np.bitwise_count(observed.spikes).sum(dtype=np.int64)),
    )
    engine = case.hardware.engines.named(case.layer.engine)
    if not isinstance(engine, Event):
        return known
    added = observed.counts["lane_accumulate"]
    return replace(known, accumulates=added, utilization=added / (cycles * engine.lanes) if cycles else 0.0)


def described_actions(actions: tuple[ActionCount, ...]) -> tuple[ActionCount, ...]:
    """Those that happen inside the description of a layer."""
    return tuple(one for one in actions if (one.component, one.action) not in NOT_DESCRIBED)


def _units(counts: dict[str, int], cycles: int) -> tuple[tuple[str, UnitCycles], ...]:
    """Busy and stalled cycles as counted; idle ones are the rest."""
    found = []
    for name in UNITS:
        if f"{name}_busy" in counts:
            busy, stall = counts[f"{name}_busy"], counts.get(f"{name}_stall", 0)
            found.append((name, UnitCycles(busy, stall, cycles - busy - stall)))
    banks = [count for name, count in counts.items() if name.startswith(BANK_ACCESS)]
    if banks:
        found.append((PORT, UnitCycles(max(banks), 0, cycles - max(banks))))
    return tuple(found)


def _actions(case: LayerCase, counts: dict[str, int]) -> tuple[ActionCount, ...]:
    widths = _widths(case.layer, case.hardware.engines.named(case.layer.engine))
    if case.opening is not None:
        widths |= _of_encoder(case.opening)
    told = [_action(case, name, count, widths) for name, count in counts.items() if not _of_unit(name)]
    return merged(tuple(one for one in told if one.count))


def _of_unit(name: str) -> bool:
    unit = name.removesuffix("_busy").removesuffix("_stall")
    return name.startswith(BANK_ACCESS) or (unit != name and unit in UNITS)


def _action(case: LayerCase, name: str, count: int, widths: dict[str, Widths]) -> ActionCount:
    """One field of a core's ``activity``; memories count words, which may be several macros wide."""
    layer = case.layer
    key = APART.get(name) or next((key for key in CATALOGUE if "_".join(key) == name), None)
    if key is None:
        raise ValueError(f'"{name}" is counted, and is neither a unit nor an action')
    memory = memory_of(case, name, *key)
    if memory is not None:
        return memory.read(count) if key[1] == "read" else memory.write(count)
    if not count:
        return ActionCount(*key, 0)
    if name not in widths:
        raise ValueError(f'"{name}" is counted, and layer "{layer.name}" has no such action on engine {layer.engine}')
    bits, second, capacity = (*widths[name], 0, 0)[:3]
    return CATALOGUE[key].count(count, bits=bits, second_bits=second, capacity_bits=capacity)


def memory_of(case: LayerCase, name: str, component: str, action: str) -> MemoryPlan | None:
    """The buffer that an access counted as ``name`` goes to; maps are read in front of the layer and written behind it.

    Of input spikes codes and the sums of step 1 are those of another engine, and the encoder writes the map in front.
    """
    own, opening = case.layer.memories, case.opening
    if opening is not None and name in ("input_memory_read", "opening_read"):
        return opening.memories.source if component == "input_memory" else opening.memories.current
    if name == "encoder_write":
        return own.source
    if component in ("input_memory", "spike_memory", "activation_memory"):
        return own.source if action == "read" else own.target
    named = {"membrane_memory": own.membrane, "weight_memory": own.weight}
    return (named | {"current_memory": own.current, "count_memory": own.count}).get(component)


def _widths(layer: LayerMapping, engine: object) -> dict[str, Widths]:
    if isinstance(engine, Event):
        return _of_sweep(layer) | _of_event(layer, engine)
    if isinstance(engine, BitSerialPim):
        return _of_sweep(layer) | _of_crossbar(layer, engine)
    return _of_sweep(layer)


def _of_sweep(layer: LayerMapping) -> dict[str, Widths]:
    bits = layer.numerics.accumulator_bits
    return {
        "neuron_integrate": (bits,),
        "neuron_leak": (bits, layer.leak_bits),
        "neuron_shift_leak": (bits + layer.leak_bits,),
        "neuron_compare": (bits,),
        "neuron_reset": (bits,),
        "neuron_relu": (bits, MULTIPLIER_BITS),
        "packer_pack": (layer.sweep.lanes,),
        "correction_add": (bits,),
    }


def _of_encoder(codes: LayerMapping) -> dict[str, Widths]:
    """``codes`` is the layer as its codes are read."""
    bits = codes.operands.stored_bits
    return {"encoder_compare": (bits,), "encoder_pack": (codes.memories.source.word_bits // bits,)}


def _of_event(layer: LayerMapping, event: Event) -> dict[str, Widths]:
    plan, memories, bits = layer.plan, layer.memories, layer.numerics.accumulator_bits
    assert isinstance(plan, EventPlan)
    addressed = memories.weight if isinstance(plan, GatherPlan) else memories.membrane
    assert addressed is not None  # every layer on the event core has both
    fifo = plan.entry_bits, 0, plan.entry_bits * event.fifo_depth
    return {
        "scanner_load": (event.scan_width,),
        "scanner_encode": (event.scan_width,),
        "fifo_push": fifo,
        "fifo_pop": fifo,
        "address_generator_beat": (max(1, (addressed.words - 1).bit_length()),),
        "lane_accumulate": (bits, layer.operands.weight_bits),
        "accumulator_read": (bits,),
        "accumulator_write": (bits,),
        "counter_read": (plan.count_bits,),
        "counter_write": (plan.count_bits,),
        "correction_count": (plan.count_bits,),
        "correction_multiply": (plan.count_bits, layer.operands.weight_bits),
    }


def _of_crossbar(layer: LayerMapping, pim: BitSerialPim) -> dict[str, Widths]:
    operands, row = layer.operands, row_bits(pim)
    summed = (layer.shape.fan_in * (2**operands.input_bits - 1)).bit_length()
    return {
        "pool_add": (operands.input_bits,),
        "row_register_load": (operands.input_bits,),
        "row_driver_pulse": (row,),
        "dac_convert": (pim.dac_bits,),
        "column_precharge": (1, pim.rows),
        "adc_convert": (pim.adc_bits, group_rows(pim)),
        "shift_add_add": (layer.numerics.accumulator_bits,),
        "correction_multiply": (summed, operands.weight_bits),
        "pim_array_write": (row, 0, pim.rows * row),
    }

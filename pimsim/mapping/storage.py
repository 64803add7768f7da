"""What is built, whether it is used or not: the hardware that leaks and is clocked.

Flip-flops of pipelines are estimated from the widths of what each stage holds; docs/microarchitecture.md
has the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, replace

from pimsim.activity.activity import Storage
from pimsim.hardware import AnalogPim, BitSerialPim, Event, Hardware, Mac
from pimsim.hardware.hardware import MULTIPLIER, PIPELINED
from pimsim.mapping.buffers import Placed
from pimsim.mapping.crossbar import row_bits
from pimsim.mapping.mapping import LayerMemories, ScatterPlan
from pimsim.mapping.memory import MemoryPlan


def built_storage(
    placed: tuple[Placed, ...], memories: tuple[LayerMemories, ...], hardware: Hardware
) -> tuple[Storage, ...]:
    """Buffers and engines of the machine: one engine of a kind when shared, one per layer when pipelined."""
    if hardware.schedule == PIPELINED:
        groups = [[layer] for layer in placed]
    else:
        groups = [[layer for layer in placed if layer.name == name] for name in {layer.name: None for layer in placed}]
    engines = [storage for group in groups for storage in _engine(group)]
    return _merged([memory.storage for memory in distinct(memories)] + engines)


def distinct(memories: tuple[LayerMemories, ...]) -> list[MemoryPlan]:
    """Each buffer once, though several layers may use it."""
    found = {}
    for layer in memories:
        for memory in (layer.source, layer.membrane, layer.weight, layer.current, layer.count, layer.target):
            if memory is not None:
                found[id(memory)] = memory
    return list(found.values())


def _merged(parts: list[Storage]) -> tuple[Storage, ...]:
    """Equal parts counted together, sorted by component and size."""
    instances: dict[Storage, int] = {}
    for part in parts:
        key = replace(part, instances=0)
        instances[key] = instances.get(key, 0) + part.instances
    return tuple(replace(key, instances=instances[key]) for key in sorted(instances, key=astuple) if instances[key])


def _engine(layers: list[Placed]) -> Iterator[Storage]:
    engine = layers[0].engine
    if isinstance(engine, Event):
        yield from _event(layers, engine)
    elif isinstance(engine, Mac):
        yield from _mac(layers, engine)
    else:
        yield from _crossbar(layers, engine)
    lanes = engine.lanes if isinstance(engine, Event) else engine.neuron_lanes
    if engine.leak == MULTIPLIER:
        yield Storage("neuron", 0, engine.accumulator_bits, lanes)
    else:  # adders that add, compare and reset, and those of the leak's terms, wide enough for their exact sum
        leaking = engine.accumulator_bits + max(layer.facts.leak_bits for layer in layers)
        yield Storage("shift_neuron", 0, 3 * engine.accumulator_bits + engine.leak_terms * leaking, lanes)
    # Each stage of the sweep holds a word of membranes; the packer holds a word of spikes and its remainder.
    yield Storage("pipeline", lanes * engine.accumulator_bits * engine.sweep_depth + 2 * lanes, 0)


def _event(layers: list[Placed], event: Event) -> Iterator[Storage]:
    plans = [layer.plan for layer in layers if isinstance(layer.plan, ScatterPlan)]
    entry = max(plan.entry_bits for plan in plans)
    weight = max(layer.operands.weight_bits for layer in layers)
    yield Storage("fifo", event.fifo_depth * entry, entry)
    yield Storage("lane", 0, event.accumulator_bits, event.lanes)
    scan, generator = event.scan_width, 4 * entry
    stage = event.lanes * (event.accumulator_bits + weight) + entry
    yield Storage("pipeline", scan + generator + stage * event.pipeline_depth, 0)
    if any(layer.operands.weight_zero for layer in layers):
        yield Storage("pipeline", max(plan.count_bits for plan in plans) * event.pipeline_depth, 0)


def _mac(layers: list[Placed], mac: Mac) -> Iterator[Storage]:
    weight = max(layer.operands.weight_bits for layer in layers)
    operand = max(layer.operands.input_bits for layer in layers)
    yield Storage("mac", 0, weight, mac.multipliers)
    registers = mac.multipliers * weight * (2 if mac.overlap_fetch else 1) + mac.input_port_codes * operand
    tree = mac.multipliers * (weight + operand) * (mac.pipeline_depth - 1)
    yield Storage("pipeline", registers + tree, 0)


def _crossbar(layers: list[Placed], pim: BitSerialPim | AnalogPim) -> Iterator[Storage]:
    operand = max(layer.operands.input_bits for layer in layers)
    yield Storage("pim_array", pim.rows * row_bits(pim), row_bits(pim), pim.arrays)
    yield Storage("row_register", 2 * pim.rows * operand, operand, pim.arrays)
    if isinstance(pim, BitSerialPim):
        yield Storage("row_driver", 0, row_bits(pim), pim.arrays * pim.rows)
        if pim.dac_bits > 1:
            yield Storage("dac", 0, pim.dac_bits, pim.arrays * pim.rows)
        outputs = pim.columns
        converters = -(-pim.columns // pim.columns_per_adc)
    else:
        yield Storage("dac", 0, pim.dac_bits, pim.arrays * pim.rows)
        outputs = max(pim.columns // (layer.operands.magnitude_bits + 1) for layer in layers)
        converters = -(-outputs // pim.outputs_per_adc)
    yield Storage("adc", 0, pim.adc_bits, pim.arrays * converters)
    yield Storage("shift_add", 0, pim.accumulator_bits, pim.arrays * converters)
    # Sums that are being added up, and those handed to the writer.
    yield Storage("pipeline", 2 * outputs * pim.accumulator_bits, 0, pim.arrays)

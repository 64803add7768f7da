"""What is built, whether it is used or not: the hardware that leaks and is clocked.

Flip-flops of pipelines are estimated from the widths of what each stage holds; docs/microarchitecture.md
has the list.  Registers belong to the unit that writes them, which clocks them where clocks are gated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from operator import attrgetter

from pimsim.activity.activity import Storage
from pimsim.hardware import AnalogPim, BitSerialPim, Event, Hardware, Mac
from pimsim.hardware.hardware import GATHER, MULTIPLIER, UNITS
from pimsim.mapping.buffers import Placed, by_engine
from pimsim.mapping.crossbar import CrossbarPlan, row_bits
from pimsim.mapping.mapping import EventPlan, LayerMemories
from pimsim.mapping.memory import MemoryPlan
from pimsim.mapping.plan import Engine, sweep_lanes
from pimsim.model.network import RELU

_KIND = attrgetter(*(field.name for field in fields(Storage) if field.name != "instances"))
"""All that instances of a part have in common, component and size first."""
_SWEEP = "sweep"
"""The unit that only layers with neurons have."""


def built_storage(
    placed: tuple[Placed, ...], memories: tuple[LayerMemories, ...], hardware: Hardware
) -> tuple[Storage, ...]:
    """Buffers and engines of the machine: one engine of a kind when shared, one per layer when pipelined."""
    engines = [_gated(storage, group, hardware) for group in by_engine(placed, hardware) for storage in _engine(group)]
    engines += [
        _gated(storage, [layer], hardware)
        for layer in placed
        if layer.facts.input_spikes
        for storage in _encoder(placed[0])
    ]
    built = [part for part in engines if part.capacity_bits or part.width_bits]
    return _merged([memory.storage for memory in distinct(memories)] + built)


def _gated(part: Storage, layers: list[Placed], hardware: Hardware) -> Storage:
    """``part`` of the engine that ``layers`` share, so far gated by its unit in each of them."""
    if hardware.clock_gating != UNITS:
        return replace(part, gated_by=(), gated_every=1)
    if not part.gated_by:
        return part
    units = [(layer, unit) for layer in layers for unit in part.gated_by if layer.facts.swept or unit != _SWEEP]
    return replace(part, gated_by=tuple(f"{layer.facts.record}.{unit}" for layer, unit in units))


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
    found: dict[object, Storage] = {}
    for part in parts:
        kind = _KIND(part)
        known = found.get(kind)
        found[kind] = replace(part, instances=part.instances + known.instances) if known else part
    return tuple(sorted((part for part in found.values() if part.instances), key=_KIND))


def _engine(layers: list[Placed]) -> Iterator[Storage]:
    engine = layers[0].engine
    if isinstance(engine, Event):
        yield from _event(layers, engine)
    elif isinstance(engine, Mac):
        yield from _mac(layers, engine)
    else:
        yield from _crossbar(layers, engine)
    swept = [layer for layer in layers if layer.facts.swept]
    if swept:
        yield from _neurons(swept, engine)


def _neurons(layers: list[Placed], engine: Engine) -> Iterator[Storage]:
    lanes = sweep_lanes(engine)
    rescaled = any(layer.facts.neuron == RELU for layer in layers)  # by a multiplier, whatever forms the leaks
    if engine.leak == MULTIPLIER or rescaled:
        yield Storage("neuron", 0, engine.accumulator_bits, lanes)
    else:  # adders that add, compare and reset, and those of the leak's terms, wide enough for their exact sum
        leaking = engine.accumulator_bits + max(layer.facts.leak_bits for layer in layers)
        yield Storage("shift_neuron", 0, 3 * engine.accumulator_bits + engine.leak_terms * leaking, lanes)
    # Each stage of the sweep holds a word of membranes; the packer holds a word of spikes and its remainder.
    yield _registers(lanes * engine.accumulator_bits * engine.sweep_depth + 2 * lanes, _SWEEP)


def _encoder(first: Placed) -> Iterator[Storage]:
    """Two comparators per code that the input memory delivers, as large as adders, and a packer of their bits."""
    assert not isinstance(first.engine, Event)
    yield Storage("lane", 0, first.operands.stored_bits, 2 * first.engine.input_port_codes)
    yield _registers(2 * first.engine.input_port_codes, "encoder")


def _registers(bits: int, unit: str, instances: int = 1, *, every: int = 1) -> Storage:
    """Flip-flops that ``unit`` writes, in one of ``every`` busy cycles."""
    return Storage("pipeline", bits, 0, instances, gated_by=(unit,), gated_every=every)


def _event(layers: list[Placed], event: Event) -> Iterator[Storage]:
    plans = [layer.plan for layer in layers if isinstance(layer.plan, EventPlan)]
    entry = max(plan.entry_bits for plan in plans)
    weight = max(layer.operands.weight_bits for layer in layers)
    gathers, lanes = event.dataflow == GATHER, event.lanes
    counts = max(plan.count_bits for plan in plans) if any(layer.operands.weight_zero for layer in layers) else 0
    yield Storage("fifo", event.fifo_depth * entry, entry, gated_by=("scanner",))
    yield Storage("lane", 0, event.accumulator_bits, lanes)
    yield _registers(event.scan_width, "scanner")
    yield _registers(4 * entry, "address_generator")
    stage = lanes * (weight if gathers else event.accumulator_bits + weight) + entry + (0 if gathers else counts)
    yield _registers(stage * event.pipeline_depth, "lanes")
    if gathers:  # two sets of sums: one is added to while the other one is swept
        sums = max(plan.beats for plan in plans) * lanes * event.accumulator_bits
        for unit in ("lanes", _SWEEP):
            yield Storage("accumulator", sums + counts, event.accumulator_bits, gated_by=(unit,))


def _mac(layers: list[Placed], mac: Mac) -> Iterator[Storage]:
    weight = max(layer.operands.weight_bits for layer in layers)
    operand = max(layer.operands.input_bits for layer in layers)
    yield Storage("mac", 0, weight, mac.multipliers)
    weights, tree = mac.multipliers * weight, mac.multipliers * (weight + operand) * (mac.pipeline_depth - 1)
    # with overlap fetched weights enter shadow registers, and those of the multipliers are loaded from them
    yield _registers(weights * (2 if mac.overlap_fetch else 1), "weight_fetch")
    yield _registers(tree, "multipliers")
    yield _registers(mac.input_port_codes * operand, "loader")


def _crossbar(layers: list[Placed], pim: BitSerialPim | AnalogPim) -> Iterator[Storage]:
    operand = max(layer.operands.input_bits for layer in layers)
    yield Storage("pim_array", pim.rows * row_bits(pim), row_bits(pim), pim.arrays)
    stored = [layer.plan.operand for layer in layers if isinstance(layer.plan, CrossbarPlan)]
    outputs = max((pim.columns - one.reference) // one.columns_per_output + one.reference for one in stored)
    for unit in ("loader", "row_driver"):  # shadow, active
        yield Storage("row_register", pim.rows * operand, operand, pim.arrays, gated_by=(unit,))
    if isinstance(pim, BitSerialPim):
        yield Storage("row_driver", 0, row_bits(pim), pim.arrays * pim.rows)
        if pim.dac_bits > 1:
            yield Storage("dac", 0, pim.dac_bits, pim.arrays * pim.rows)
        converters = -(-pim.columns // pim.columns_per_adc)
    else:
        yield Storage("dac", 0, pim.dac_bits, pim.arrays * pim.rows)
        converters = -(-outputs // pim.outputs_per_adc)
    yield Storage("adc", 0, pim.adc_bits, pim.arrays * converters)
    yield Storage("shift_add", 0, pim.accumulator_bits, pim.arrays * converters)
    # sums that are being added up, once per conversion, and those handed to the writer
    sums = outputs * pim.accumulator_bits
    yield _registers(sums, "adc", pim.arrays, every=pim.adc_cycles)
    yield _registers(sums, "writer", pim.arrays)

"""In how many cycles each operation of the machine has to be over, as docs/microarchitecture.md places them.

A pipeline gives every stage one cycle: a memory access, an addition, a multiplication by the leak.  What the
hardware file gives cycles of its own (multiplier, weight port, word-line pulse, converter) may take those.  A
pipeline of fewer stages than operations does several in one cycle: together they have the cycles of all its stages.
Comparisons of input codes, in the encoder, have a cycle each and no deadline: additions of sums, which are wider, have
a cycle as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from pimsim.activity.activity import Deadline
from pimsim.hardware import Event, Mac
from pimsim.hardware.hardware import GATHER, Pim
from pimsim.mapping.buffers import Placed
from pimsim.mapping.crossbar import CrossbarPlan, group_rows
from pimsim.mapping.mapping import LayerMemories
from pimsim.mapping.memory import MemoryPlan
from pimsim.mapping.operands import leak_form
from pimsim.mapping.storage import distinct
from pimsim.model.network import IF, LIF, MAX_MULTIPLIER, RELU

ACCESS = "access"


def deadlines(placed: tuple[Placed, ...], memories: tuple[LayerMemories, ...]) -> tuple[Deadline, ...]:
    """Every distinct operation of the machine, by name and size."""
    found = {deadline for layer in placed for deadline in _engine(layer)}
    for layer, own in zip(placed, memories, strict=True):
        # the neurons of input spikes are first swept with the sums of codes
        front = memories[0].current if layer.facts.input_spikes else None
        found |= set(_pipelines(layer, own, front))
    port_cycles = {
        id(own.weight): layer.engine.weight_read_cycles
        for layer, own in zip(placed, memories, strict=True)
        if isinstance(layer.engine, Mac)
    }
    for memory in distinct(memories):
        found.add(_access(memory, port_cycles.get(id(memory), 1)))
    return tuple(sorted(found, key=_in_order))


def _in_order(one: Deadline) -> tuple[object, ...]:
    """All fields, name and size first."""
    parts = tuple(_in_order(part) for part in one.parts)
    return one.component, one.action, one.cycles, one.bits, one.second_bits, one.capacity_bits, parts


def _engine(layer: Placed) -> Iterator[Deadline]:
    engine, bits = layer.engine, layer.engine.accumulator_bits
    if layer.facts.swept:
        yield from _scaled(layer)[:1]
    if isinstance(engine, Event):
        yield Deadline("lane", "accumulate", 1, bits, layer.operands.weight_bits)
    elif isinstance(engine, Mac):
        operands = layer.operands
        yield Deadline("mac", "multiply", engine.multiply_cycles, operands.weight_bits, operands.input_bits)
        yield Deadline("mac", "accumulate", 1, bits)
    elif isinstance(layer.plan, CrossbarPlan):
        yield from _crossbar(engine)


def _scaled(layer: Placed) -> tuple[Deadline, ...]:
    """How a membrane is leaked, or a CNN's sum requantized; of shifts a tree of adders, a level per cycle."""
    bits = layer.engine.accumulator_bits
    leak_bits, leak_terms = leak_form(layer.facts, layer.engine)
    if leak_terms:
        return (Deadline("neuron", "shift_leak", 1, bits + leak_bits),) * max(1, (leak_terms - 1).bit_length())
    if layer.facts.neuron == RELU:
        return (Deadline("neuron", "relu", 1, bits, MAX_MULTIPLIER.bit_length()),)
    return (Deadline("neuron", "leak", 1, bits, leak_bits),) if leak_bits else ()


def _crossbar(pim: Pim) -> Iterator[Deadline]:
    """A pulse lasts until columns as long as all rows are discharged."""
    yield Deadline("row_driver", "pulse", pim.pulse_cycles, pim.columns, pim.rows)
    yield Deadline("adc", "convert", pim.adc_cycles, pim.adc_bits, group_rows(pim))
    yield Deadline("shift_add", "add", 1, pim.accumulator_bits)


def _access(memory: MemoryPlan, cycles: int = 1) -> Deadline:
    return Deadline(memory.component, ACCESS, cycles, bits=memory.macro_width_bits, capacity_bits=memory.macro_bits)


def _slowest(*memories: MemoryPlan | None) -> tuple[Deadline, ...]:
    """Access of the largest macro of memories that are accessed at the same time; nothing where there is none."""
    there = [memory for memory in memories if memory is not None]
    return (_access(max(there, key=lambda memory: memory.macro_bits)),) if there else ()


def _addition(layer: Placed) -> Deadline:
    bits = layer.engine.accumulator_bits
    if isinstance(layer.engine, Event):
        return Deadline("lane", "accumulate", 1, bits, layer.operands.weight_bits)
    return (
        Deadline("mac", "accumulate", 1, bits)
        if isinstance(layer.engine, Mac)
        else Deadline("shift_add", "add", 1, bits)
    )


def _pipelines(layer: Placed, own: LayerMemories, front: MemoryPlan | None) -> Iterator[Deadline]:
    """The pipelines of beats or positions and of the sweep, with all that they do from the first access to the last."""
    engine, add = layer.engine, _addition(layer)
    if isinstance(engine, Event):
        # gather adds in registers; else the sum is written to the memory that it was read from
        reads = (own.weight,) if engine.dataflow == GATHER else (own.weight, own.membrane)
        beat = (*_slowest(*reads), add, *(() if engine.dataflow == GATHER else _slowest(own.membrane)))
        yield Deadline(layer.name, "pipeline_depth", engine.pipeline_depth, parts=beat)
    elif isinstance(engine, Mac):
        multiply = Deadline("mac", "multiply", 1, layer.operands.weight_bits, layer.operands.input_bits)
        cycles = engine.multiply_cycles + engine.pipeline_depth  # the write is that far behind a position's last cycle
        yield Deadline(layer.name, "pipeline_depth", cycles, parts=(multiply, add, *_slowest(own.current)))
    # a word is addressed one cycle before the sweep's first stage
    if layer.facts.swept:
        yield Deadline(layer.name, "sweep_depth", engine.sweep_depth + 1, parts=_swept(layer, own, front))


def _swept(layer: Placed, own: LayerMemories, front: MemoryPlan | None) -> tuple[Deadline, ...]:
    """Read, correct or integrate, leak (beside which the threshold is compared) or rescale, reset, write."""
    engine, add, kind = layer.engine, _addition(layer), layer.facts.neuron
    apart = not isinstance(engine, Event) or engine.dataflow == GATHER  # sums, which membranes are then added to
    adds = kind != RELU and (apart or layer.operands.weight_zero > 0 or front is not None)
    reset = (add,) if kind in (LIF, IF) else ()
    target = own.target if kind == RELU else own.membrane
    read = _slowest(own.membrane, own.current, front)
    return (*read, *((add,) if adds else ()), *_scaled(layer), *reset, *_slowest(target))

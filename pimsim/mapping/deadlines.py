"""In how many cycles each operation of the machine has to be over, as docs/microarchitecture.md places them.

A pipeline gives every stage one cycle: a memory access, an addition, a multiplication by the leak.  What the
hardware file gives cycles of its own (multiplier, weight port, word-line pulse, converter) may take those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

from pimsim.activity.activity import Deadline
from pimsim.hardware import Event, Mac
from pimsim.hardware.hardware import Pim
from pimsim.mapping.buffers import Placed
from pimsim.mapping.crossbar import CrossbarPlan, group_rows
from pimsim.mapping.mapping import LayerMemories
from pimsim.mapping.operands import leak_form
from pimsim.mapping.storage import distinct

ACCESS = "access"


def deadlines(placed: tuple[Placed, ...], memories: tuple[LayerMemories, ...]) -> tuple[Deadline, ...]:
    """Every distinct operation of the machine, by name and size."""
    found = {deadline for layer in placed for deadline in _engine(layer)}
    port_cycles = {
        id(own.weight): layer.engine.weight_read_cycles
        for layer, own in zip(placed, memories, strict=True)
        if isinstance(layer.engine, Mac)
    }
    for memory in distinct(memories):
        found.add(
            Deadline(
                memory.component,
                ACCESS,
                port_cycles.get(id(memory), 1),
                bits=memory.macro_width_bits,
                capacity_bits=memory.macro_bits,
            )
        )
    return tuple(sorted(found, key=astuple))


def _engine(layer: Placed) -> Iterator[Deadline]:
    engine, bits = layer.engine, layer.engine.accumulator_bits
    leak_bits, leak_terms = leak_form(layer.facts, engine)
    if leak_terms:  # a tree of adders, a level per cycle
        yield Deadline("neuron", "shift_leak", 1, bits + leak_bits)
    elif leak_bits:
        yield Deadline("neuron", "leak", 1, bits, leak_bits)
    if isinstance(engine, Event):
        yield Deadline("lane", "accumulate", 1, bits, layer.operands.weight_bits)
    elif isinstance(engine, Mac):
        operands = layer.operands
        yield Deadline("mac", "multiply", engine.multiply_cycles, operands.weight_bits, operands.input_bits)
        yield Deadline("mac", "accumulate", 1, bits)
    elif isinstance(layer.plan, CrossbarPlan):
        yield from _crossbar(engine)


def _crossbar(pim: Pim) -> Iterator[Deadline]:
    """A pulse lasts until columns as long as all rows are discharged."""
    yield Deadline("row_driver", "pulse", pim.pulse_cycles, pim.columns, pim.rows)
    yield Deadline("adc", "convert", pim.adc_cycles, pim.adc_bits, group_rows(pim))
    yield Deadline("shift_add", "add", 1, pim.accumulator_bits)

"""Every action that the machine can count, by name: the contract between counting and pricing.

An action without a price is an error, so a cost table must know every entry of `CATALOGUE`; and
`ActionDefinition.count` refuses a width that the definition does not announce, so that a price never
silently misses an operand.  docs/microarchitecture.md says in which cycle each one happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from pimsim.activity.activity import ActionCount

MEMORY, COMPUTE, CONTROL = "memory", "compute", "control"
"""Groups: `compute` is what the papers count, `memory` are buffer accesses, `control` moves addresses."""


@dataclass(frozen=True)
class ActionDefinition:
    """One (component, action) and what its counts carry.

    ``bits``, ``second_bits`` and ``capacity_bits`` say what the field of an `ActionCount` means;
    an empty text means that the field is always 0.
    """

    component: str
    action: str
    group: str
    meaning: str
    bits: str = ""
    second_bits: str = ""
    capacity_bits: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.component, self.action

    def count(
        self, count: int, *, bits: int = 0, second_bits: int = 0, capacity_bits: int = 0, ports: int = 1
    ) -> ActionCount:
        """An `ActionCount` of this action; raises ValueError where widths and definition disagree."""
        if (
            bool(self.bits) != (bits > 0)
            or bool(self.second_bits) != (second_bits > 0)
            or bool(self.capacity_bits) != (capacity_bits > 0)
        ):
            self._refuse({"bits": bits, "second_bits": second_bits, "capacity_bits": capacity_bits})
        return ActionCount(self.component, self.action, int(count), bits, second_bits, capacity_bits, ports)

    def _refuse(self, given: dict[str, int]) -> NoReturn:
        """Name the first width that is wrong; apart from `count`, which is called some hundred times per machine."""
        name = next(name for name, value in given.items() if bool(getattr(self, name)) != (value > 0))
        raise ValueError(f"{self.component}.{self.action}: {name}={given[name]} against {getattr(self, name)!r}")


def _memory(component: str, content: str, word: str) -> tuple[ActionDefinition, ActionDefinition]:
    capacity = "size of the SRAM macro that is accessed"
    read = ActionDefinition(component, "read", MEMORY, f"one word of {content} read", word, "", capacity)
    write = ActionDefinition(component, "write", MEMORY, f"one word of {content} written", word, "", capacity)
    return read, write


# SRAM buffers: one count is one access of one macro; a word wider than a macro is several accesses, and
# ``bits`` is then the share of the word that one macro holds.
INPUT_READ, INPUT_WRITE = _memory("input_memory", "input codes", "codes per word x input bits")
WEIGHT_READ, WEIGHT_WRITE = _memory("weight_memory", "weights", "lanes (or port) x weight bits")
MEMBRANE_READ, MEMBRANE_WRITE = _memory(
    "membrane_memory", "membranes", "lanes x accumulator bits (membrane bits where sums are kept apart)"
)
CURRENT_READ, CURRENT_WRITE = _memory(
    "current_memory", "first-layer currents or partial sums", "words x accumulator bits"
)
COUNT_READ, COUNT_WRITE = _memory("count_memory", "zero-point event counts", "count bits of one position")
SPIKE_READ, SPIKE_WRITE = _memory("spike_memory", "the packed spike map", "scan width")
ACTIVATION_READ, ACTIVATION_WRITE = _memory(
    "activation_memory", "multi-bit activations (iso-architecture CNN)", "activations per word x activation bits"
)

# Event core.
SCANNER_LOAD = ActionDefinition("scanner", "load", CONTROL, "a spike word enters the scan register", "scan width")
SCANNER_ENCODE = ActionDefinition(
    "scanner", "encode", CONTROL, "the lowest set bit is found and cleared: one event", "scan width"
)
FIFO_PUSH = ActionDefinition(
    "fifo", "push", CONTROL, "an event address is stored", "entry width", "", "entries x entry width"
)
FIFO_POP = ActionDefinition(
    "fifo", "pop", CONTROL, "an event address is taken", "entry width", "", "entries x entry width"
)
GENERATOR_BEAT = ActionDefinition(
    "address_generator", "beat", CONTROL, "weight and membrane address of one beat", "membrane address width"
)
LANE_ACCUMULATE = ActionDefinition(
    "lane", "accumulate", COMPUTE, "one weight added to one accumulator", "accumulator bits", "weight bits"
)
# Sums in registers instead of the membrane memory (gather).
ACCUMULATOR_READ = ActionDefinition(
    "accumulator", "read", MEMORY, "one sum of an output position taken from its register", "accumulator bits"
)
ACCUMULATOR_WRITE = ActionDefinition(
    "accumulator", "write", MEMORY, "one sum of an output position written to its register", "accumulator bits"
)

# Zero-point correction (absent when the zero point is 0).
CORRECTION_COUNT = ActionDefinition(
    "correction", "count", COMPUTE, "the event count of one target position incremented", "count bits"
)
CORRECTION_MULTIPLY = ActionDefinition(
    "correction",
    "multiply",
    COMPUTE,
    "zero point x count (or x sum of input codes) of a position",
    "count bits (or bits of the sum of input codes)",
    "weight bits",
)
CORRECTION_ADD = ActionDefinition(
    "correction", "add", COMPUTE, "a correction term or per-channel offset added to a sum", "accumulator bits"
)

# Neuron sweep.
NEURON_INTEGRATE = ActionDefinition(
    "neuron", "integrate", COMPUTE, "a current (pim, mac) added to the membrane", "accumulator bits"
)
NEURON_LEAK = ActionDefinition(
    "neuron", "leak", COMPUTE, "membrane x fixed-point leak", "accumulator bits", "leak bits"
)
NEURON_SHIFT_LEAK = ActionDefinition(
    "neuron",
    "shift_leak",
    COMPUTE,
    "a shifted membrane added: one signed power of two of the leak",
    "accumulator bits + leak fraction bits",
)
NEURON_COMPARE = ActionDefinition(
    "neuron", "compare", COMPUTE, "membrane against threshold, or one class in the argmax", "accumulator bits"
)
NEURON_RESET = ActionDefinition(
    "neuron", "reset", COMPUTE, "threshold subtracted from a neuron that fired", "accumulator bits"
)
NEURON_RELU = ActionDefinition(
    "neuron",
    "relu",
    COMPUTE,
    "a CNN's sum requantized to an activation: multiplied, shifted, clipped",
    "accumulator bits",
    "multiplier bits",
)
PACKER_PACK = ActionDefinition(
    "packer", "pack", CONTROL, "spike bits of one sweep word shifted into the output word", "lanes"
)

POOL_ADD = ActionDefinition(
    "pool", "add", COMPUTE, "an input added to its pooling window's sum (dense engines only)", "bits of the sum"
)

# Dense multiplier array.
MAC_MULTIPLY = ActionDefinition("mac", "multiply", COMPUTE, "weight x input", "weight bits", "input bits")
MAC_ACCUMULATE = ActionDefinition("mac", "accumulate", COMPUTE, "a product added to a sum", "accumulator bits")
MAC_LOAD_WEIGHT = ActionDefinition(
    "mac", "load_weight", CONTROL, "a weight written to a multiplier's register", "weight bits"
)
MAC_LOAD_INPUT = ActionDefinition("mac", "load_input", CONTROL, "an input written to an operand register", "input bits")

# In-memory crossbar.
ROW_LOAD = ActionDefinition("row_register", "load", CONTROL, "an input code written to a row's register", "input bits")
ROW_PULSE = ActionDefinition(
    "row_driver",
    "pulse",
    COMPUTE,
    "a word line driven for a slice that is not 0 (bit-serial)",
    "cells of one bit in a row",
)
DAC_CONVERT = ActionDefinition(
    "dac", "convert", COMPUTE, "an input slice of several bits turned into a word-line amplitude", "DAC bits"
)
COLUMN_PRECHARGE = ActionDefinition(
    "column", "precharge", COMPUTE, "a bit line precharged and evaluated (bit-serial)", "1", "rows of the array"
)
ANALOG_MULTIPLY = ActionDefinition(
    "analog_column",
    "multiply",
    COMPUTE,
    "an analog product accumulated on a column group (analog)",
    "weight magnitude bits + sign",
    "DAC bits",
)
ADC_CONVERT = ActionDefinition(
    "adc", "convert", COMPUTE, "one conversion", "ADC bits", "rows active at once (or products per conversion)"
)
SHIFT_ADD = ActionDefinition("shift_add", "add", COMPUTE, "a converted value shifted and added", "accumulator bits")
ARRAY_WRITE = ActionDefinition(
    "pim_array",
    "write",
    MEMORY,
    "one row of cells rewritten, when the arrays are too few for the layer",
    "bits of a row of the array",
    "",
    "bits of one array",
)

CATALOGUE: dict[tuple[str, str], ActionDefinition] = {
    definition.key: definition for definition in tuple(globals().values()) if isinstance(definition, ActionDefinition)
}
"""All definitions by (component, action)."""

STORAGE_COMPONENTS: dict[str, str] = {
    "input_memory": "SRAM",
    "weight_memory": "SRAM",
    "membrane_memory": "SRAM",
    "current_memory": "SRAM",
    "count_memory": "SRAM",
    "spike_memory": "SRAM",
    "activation_memory": "SRAM",
    "fifo": "registers: entries x entry width",
    "accumulator": "registers: two sets of sums of one output position (gather), width = accumulator bits",
    "pipeline": "registers of an engine's pipeline, capacity = flip-flops",
    "row_register": "registers of the row inputs",
    "pim_array": "SRAM cells in arrays, width = columns",
    "lane": "adders, width = accumulator bits",
    "neuron": "neuron sweep lanes, width = accumulator bits",
    "shift_neuron": "neuron sweep lanes whose leak is a sum of shifts, width = bits of all their adders",
    "mac": "multipliers with accumulator, width = weight bits",
    "adc": "converters, width = bits",
    "dac": "converters, width = bits",
    "row_driver": "word-line drivers, width = columns",
    "shift_add": "shift-adders, width = accumulator bits",
}
"""Components that an `Activity.storage` entry may name: what leaks and is clocked as built."""

"""What a layer has to do, as words: the simulator's values, cycles and counts, and nothing of the description."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pimsim.activity.actions import CATALOGUE
from pimsim.activity.activity import ActionCount, LayerActivity
from pimsim.mapping.memory import MemoryPlan
from pimsim.model.fixed_point import Int64Array
from pimsim.rtl.bench.words import current_words, packed
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.verify.case import LayerCase
from pimsim.simulation import LayerRecord
from pimsim.simulation.schedule_layer import Spikes, layer_activity, sweep_actions, sweep_cycles

BUSY, STALL, BANK = "_busy", "_stall", "bank_access_"


@dataclass(frozen=True, eq=False)
class Expected:
    """A layer's run as the simulator has it; its sweeps alone where its sums are not described."""

    case: LayerCase
    sweep: SweepDesign

    @cached_property
    def record(self) -> LayerRecord:
        return self.case.record()

    @property
    def runs(self) -> int:
        return self.case.samples * self.case.steps

    @cached_property
    def cycles(self) -> list[int]:
        """Of every step, those of a sample behind each other; its first one has those of sums formed once."""
        if not self.case.sums_described:
            return [sweep_cycles(self.case.layer)] * self.runs
        timing = self.case.timing()
        cycles = timing.step_cycles.copy()
        cycles[:, 0] += timing.front_cycles
        return [int(taken) for taken in cycles.reshape(-1)]

    @property
    def membranes(self) -> list[int]:
        """Words of m[t] as the sweep writes them, on the accumulator's scale; of a CNN its sums."""
        return current_words(self.sweep, self.record.membranes.reshape(self.runs, -1))

    @property
    def currents(self) -> list[int]:
        """Words of the current memory: of the first layer those of a sample, behind it those of every step."""
        sums = self.record.currents[:, :1] if self.case.index == 0 else self.record.currents
        return current_words(self.sweep, sums.reshape(-1, self.sweep.neurons))

    @property
    def outputs(self) -> list[int]:
        """Words of the target map, unused bits 0."""
        values = self.record.activations if self.record.activations.shape[-1] else _bits(self.record, self.sweep)
        rows = np.zeros((self.runs, self.sweep.output_words * self.sweep.word_values), np.int64)
        rows[:, : self.sweep.neurons] = values.reshape(self.runs, -1)
        return [packed(word, self.sweep.value_bits) for word in rows.reshape(-1, self.sweep.word_values).tolist()]

    @property
    def classes(self) -> list[int]:
        """The lowest of the classes with the highest sum behind the last step."""
        return [int(found) for found in self.record.membranes[:, -1].argmax(axis=1)]

    def counts(self, fields: Iterable[str]) -> dict[str, int]:
        """Of those fields of a core's ``activity`` whose sum over the run is stated, that sum."""
        known = {name: self._count(name) for name in fields if not name.startswith(BANK)}
        return {name: count for name, count in known.items() if count is not None}

    def _count(self, field: str) -> int | None:
        unit = field.removesuffix(BUSY).removesuffix(STALL)
        if unit in self._units and unit != field:
            busy, stall = self._units[unit]
            return busy if field.endswith(BUSY) else stall
        if field in ("accumulator_read", "accumulator_write"):
            return self._total(field) - self._counters
        if field in ("counter_read", "counter_write"):
            return self._counters
        return self._total(field)

    @property
    def _counters(self) -> int:
        """Accesses of the event counters beside a gather core's sums: per event and position, and once per position."""
        return self._total("correction_count") + self._total("correction_multiply")

    def _total(self, field: str) -> int:
        """Actions of a field; of a buffer its words, which may be several macros wide."""
        key = next(key for key in CATALOGUE if "_".join(key) == field)
        memory = _memory(self.case, *key)
        total = sum(one.count for one in self._actions if (one.component, one.action) == key)
        return total // memory.wide if memory else total

    @cached_property
    def _actions(self) -> tuple[ActionCount, ...]:
        if self.case.sums_described:
            return self._activity.actions
        spikes = self._spikes
        return sweep_actions(self.case.layer, samples=self.case.samples, steps=self.case.steps, spikes=spikes)

    @cached_property
    def _units(self) -> dict[str, tuple[int, int]]:
        if self.case.sums_described:
            return {name: (unit.busy, unit.stall) for name, unit in self._activity.units}
        sweep = self.case.layer.sweep
        return {"sweep": (sweep.words * self.runs, sweep.stalls * self.runs)}

    @cached_property
    def _activity(self) -> LayerActivity:
        behind = Spikes(0, self._spikes)
        return layer_activity(self.case.layer, self.case.timing(), behind, steps=self.case.steps)

    @property
    def _spikes(self) -> int:
        return int(np.bitwise_count(self.record.spikes).sum(dtype=np.int64))


def _bits(record: LayerRecord, sweep: SweepDesign) -> Int64Array:
    bits = np.unpackbits(record.spikes, axis=-1, bitorder="little", count=sweep.neurons)
    return bits.astype(np.int64)


def _memory(case: LayerCase, component: str, action: str) -> MemoryPlan | None:
    """The buffer that a word is read from or written to."""
    memories = case.layer.memories
    maps = memories.source if action == "read" else memories.target
    found = {
        "weight_memory": memories.weight,
        "membrane_memory": memories.membrane,
        "current_memory": memories.current,
        "count_memory": memories.count,
        "input_memory": maps,
        "spike_memory": maps,
        "activation_memory": maps,
    }
    return found.get(component)

"""What a layer has to do, as words: the simulator's values, cycles and counts, and nothing of the description."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pimsim.activity.actions import CATALOGUE
from pimsim.activity.activity import ActionCount, LayerActivity
from pimsim.model.fixed_point import Int64Array
from pimsim.rtl.bench.words import current_words, packed
from pimsim.rtl.input_spikes.encoder import encoder_design
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.verify.activity import APART, memory_of
from pimsim.rtl.verify.case import LayerCase, classes, kept_membranes, swept_sums
from pimsim.rtl.verify.compare import spikes_of
from pimsim.simulation import LayerRecord
from pimsim.simulation.schedule_encoder import encoder_cycles
from pimsim.simulation.schedule_layer import layer_activity, sweep_actions, sweep_cycles

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
        if not self.case.of_input_spikes:
            cycles[:, 0] += timing.front_cycles
        elif self.case.layer.operands.passes > 1:  # maps and sums of all steps in front of step 2
            encoder = encoder_cycles(self.case.mapping)
            cycles[:, 1:] -= encoder
            cycles[:, 1] += (self.case.steps - 1) * encoder + timing.front_cycles
        return [int(taken) for taken in cycles.reshape(-1)]

    @property
    def membranes(self) -> list[int]:
        """Words of m[t] as the sweep writes them, on the accumulator's scale; of a CNN its sums."""
        return current_words(self.sweep, kept_membranes(self.case, self.record).reshape(self.runs, -1))

    @property
    def currents(self) -> list[int]:
        """Words of the current memory: of the first layer those of a sample, behind it those of every step."""
        sums = swept_sums(self.case, self.record)
        if self.case.index == 0 and not self.case.of_input_spikes:
            sums = sums[:, :1]
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
        return [int(found) for found in classes(self.case, self.record)]

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
        """Actions of a field; of a buffer its words, which may be several macros wide.

        What the encoder does, and the sweep of step 1 reads, may be counted with other widths or the same.
        """
        if field in self._apart:
            return self._apart[field]
        key = next(key for key in CATALOGUE if "_".join(key) == field)
        memory = memory_of(self.case, field, *key)
        counted = [one for one in self._actions if (one.component, one.action) == key]
        others = [other for other in self._apart if APART[other] == key]
        if memory is None:
            return sum(one.count for one in counted) - sum(self._apart[other] for other in others)
        if not others:
            return sum(one.count for one in counted) // memory.wide
        alike = [other for other in others if memory_of(self.case, other, *key) == memory]
        kind = _kind(getattr(memory, key[1])(1))
        words = sum(one.count for one in counted if _kind(one) == kind) // memory.wide
        return words - sum(self._apart[other] for other in alike)

    @cached_property
    def _apart(self) -> dict[str, int]:
        """Of input spikes what the encoder does, and words of the sums of step 1, by field."""
        case, opening = self.case, self.case.opening
        if opening is None:
            return {}
        swept = {"opening_read": self.sweep.words * case.samples}
        if not case.sums_described:
            return swept
        design, maps = encoder_design(case.network, case.mapping), case.samples * (case.steps - 1)
        packed = design.packed
        encoded = {"encoder_compare": 2 * packed.values, "encoder_pack": design.words, "encoder_write": packed.words}
        return swept | {name: count * maps for name, count in encoded.items()}

    @cached_property
    def _actions(self) -> tuple[ActionCount, ...]:
        if self.case.sums_described:
            return self._activity.actions
        case, spikes = self.case, spikes_of(self.case, self.record)
        return sweep_actions(
            case.layer,
            samples=case.samples,
            steps=case.steps,
            spikes=spikes.behind,
            gated=spikes.gated,
            first=case.opening,
        )

    @cached_property
    def _units(self) -> dict[str, tuple[int, int]]:
        if self.case.sums_described:
            return {name: (unit.busy, unit.stall) for name, unit in self._activity.units}
        sweep = self.case.layer.sweep
        return {"sweep": (sweep.words * self.runs, sweep.stalls * self.runs)}

    @cached_property
    def _activity(self) -> LayerActivity:
        case = self.case
        spikes = spikes_of(case, self.record)
        return layer_activity(case.layer, case.timing(), spikes, steps=case.steps, first=case.opening)


def _kind(action: ActionCount) -> ActionCount:
    return replace(action, count=0)


def _bits(record: LayerRecord, sweep: SweepDesign) -> Int64Array:
    bits = np.unpackbits(record.spikes, axis=-1, bitorder="little", count=sweep.neurons)
    return bits.astype(np.int64)

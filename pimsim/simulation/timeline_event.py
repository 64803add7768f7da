"""Signals of the event core during one step (docs/microarchitecture.md §4), from the map that it reads.

Cycles are those of `kernels_timeline`; here they become the signals of the register-transfer description: what its
units report of themselves (``activity``), the FIFO's level, and the words that are worked on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Event
from pimsim.mapping import LayerMapping
from pimsim.mapping.fields import field_words
from pimsim.mapping.mapping import EventPlan, GatherPlan
from pimsim.mapping.reach import targets_in_order
from pimsim.model.architecture import LayerShape
from pimsim.simulation import kernels_timeline as kernels
from pimsim.simulation.kernels_timeline import SCAN_FILL
from pimsim.simulation.timeline_sweep import (
    Issues,
    Swept,
    active_lanes,
    beats_of,
    correction_waves,
    issues_one_port,
    membrane_waves,
    sweep_waves,
    uninterrupted,
)
from pimsim.simulation.waves import NONE, Int64Array, Wave, changing, counting, level, spread, without


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a layer, all cycles from its first one on.

    pushed, popped  of every entry of the FIFO; ``encoded`` whether it is an event (a void entry marks a field without)
    scanned         word of the map in the scan register, one read behind the other; ``passed`` when it leaves it
    issued          of every slot; ``word`` that it adds to, −1: void
    sweep           words of the sweep
    """

    pushed: Int64Array
    popped: Int64Array
    encoded: npt.NDArray[np.bool_]
    scanned: Int64Array
    passed: Int64Array
    issued: Int64Array
    word: Int64Array
    sweep: Issues


def event_waves(layer: LayerMapping, event: Event, row: npt.NDArray[np.uint8], swept: Swept) -> tuple[Wave, ...]:
    """All signals of one step that reads the packed map ``row`` and then sweeps."""
    gathers = isinstance(layer.plan, GatherPlan)
    bits = np.flatnonzero(np.unpackbits(row, count=_neurons(layer.shape), bitorder="little")).astype(np.int64)
    step = _gathered(layer, event, bits) if gathers else _scattered(layer, event, bits)
    return (
        *_scanner_waves(step),
        *_fifo_waves(event, step),
        *_generator_waves(step),
        *(_register_waves(layer, event, step) if gathers else _memory_waves(layer, event, step, swept.lanes)),
        *sweep_waves(layer, step.sweep, swept),
        *correction_waves(layer, step.sweep.issued, swept.lanes),
    )


def sweep_alone_waves(layer: LayerMapping, event: Event, swept: Swept) -> tuple[Wave, ...]:
    """All signals of a step without a scan, which adds the sums that another engine has formed."""
    issues = _from(layer, event, 0)
    reads, writes = issues.issued, issues.issued + layer.sweep.depth
    return (
        *membrane_waves(layer, issues.issued),
        *_bank_waves(event, np.concatenate([reads, writes]), np.tile(np.arange(layer.sweep.words), 2)),
        *sweep_waves(layer, issues, swept, currents=True),
    )


def _from(layer: LayerMapping, event: Event, cycle: int) -> Issues:
    """A sweep's words that wait for their port alone, from ``cycle`` on."""
    if event.membrane_ports == 1:
        return issues_one_port(layer, cycle, event.membrane_banks)
    return uninterrupted(layer, cycle)


def _scattered(layer: LayerMapping, event: Event, bits: Int64Array) -> Step:
    """Event by event, then the sweep."""
    assert isinstance(layer.plan, EventPlan)
    beats, width = layer.plan.beats, event.scan_width
    targets = targets_in_order(layer.shape)
    position = bits // layer.shape.viewed_shape[0]
    reached = targets.first[position + 1] - targets.first[position]
    outputs = targets.outputs[spread(targets.first[position], reached)]
    slots = np.maximum(reached * beats, 1)
    first = np.concatenate([[0], np.cumsum(slots)])
    word = np.full(int(first[-1]), -1, np.int64)
    word[np.repeat(reached > 0, slots)] = spread(outputs * beats, beats)
    pushed, popped, issued = np.empty_like(bits), np.empty_like(bits), np.empty_like(word)
    core = (event.fifo_depth, event.pipeline_depth, event.forwarding, event.membrane_ports, event.membrane_banks)
    kernels.scatter_cycles(
        bits // width, first, word, np.array(core, np.int64), np.zeros(layer.sweep.words, np.int64),
        pushed, popped, issued,
    )  # fmt: skip
    passed = _passed(bits // width, pushed, layer.plan.scan_words)
    written = int(issued[-1]) + event.pipeline_depth if len(issued) else 0
    begin = max(int(passed[-1]), written) + 2
    sweep = _from(layer, event, begin)
    scanned = np.arange(layer.plan.scan_words, dtype=np.int64)
    return Step(pushed, popped, np.ones(len(bits), np.bool_), scanned, passed, issued, word, sweep)


def _gathered(layer: LayerMapping, event: Event, bits: Int64Array) -> Step:
    """Read by read, the sweep of a position behind its last entry."""
    assert isinstance(layer.plan, EventPlan)
    beats, words = layer.plan.beats, layer.sweep.words
    reads = field_words(layer.shape, event.scan_width)
    start = reads.word * event.scan_width
    held = np.searchsorted(bits, start + reads.high) - np.searchsorted(bits, start + reads.low)
    closing = np.zeros(len(held), np.bool_)
    closing[reads.first[1:] - 1] = True
    entries = np.where(closing, np.maximum(held, 1), held)
    encoded = np.repeat(held > 0, entries)
    pushed, popped, begun = (np.empty(len(encoded), np.int64) for _ in range(3))
    swept, earliest = np.empty(words, np.int64), np.empty(words, np.int64)
    core = (
        event.fifo_depth, event.pipeline_depth, beats, event.sweep_depth, event.membrane_ports, event.membrane_banks,
    )  # fmt: skip
    kernels.gather_cycles(held, reads.first, np.array(core, np.int64), pushed, popped, begun, swept, earliest)
    read = np.repeat(np.arange(len(held), dtype=np.int64), entries)
    slots = np.where(encoded, beats, 1)
    first_word = np.where(encoded, np.searchsorted(reads.first, read, side="right") * beats - beats, -1)
    word = np.where(np.repeat(encoded, slots), spread(first_word, slots), -1)
    issued = spread(begun, slots)
    passed = _passed(read, pushed, len(held))
    return Step(pushed, popped, encoded, reads.word, passed, issued, word, Issues(swept, earliest))


def _passed(of: Int64Array, pushed: Int64Array, words: int) -> Int64Array:
    """Cycle in which each word leaves the scan register: with its last entry, or behind the word before it."""
    numbers = np.arange(words, dtype=np.int64)
    entries = np.searchsorted(of, numbers, side="right")  # in this word and those before
    latest = np.concatenate([[SCAN_FILL - 1], pushed])[entries]
    word = np.concatenate([[-1], of])[entries]
    passed: Int64Array = latest + numbers - word
    return passed


def _scanner_waves(step: Step) -> tuple[Wave, ...]:
    """Words on their way into the scan register, and what leaves it."""
    passed, words = step.passed, len(step.passed)
    empty = without(passed, step.pushed)
    busy = np.concatenate([step.pushed, empty])
    waiting = without(np.arange(SCAN_FILL, int(passed[-1]) + 1), busy)
    loaded = np.concatenate([[SCAN_FILL - 1], passed[:-1]])
    read = np.concatenate([[0, SCAN_FILL - 1], passed])[:words]
    return (
        counting("scanner", "scanner_busy", busy),
        counting("scanner", "scanner_stall", waiting),
        counting("scanner", "scanner_load", loaded),
        counting("scanner", "scanner_encode", step.pushed[step.encoded]),
        changing("scanner", "scanner_word", loaded + 1, step.scanned),
        counting("spike_memory", "spike_memory_read", read),
    )


def _fifo_waves(event: Event, step: Step) -> tuple[Wave, ...]:
    return (
        counting("fifo", "fifo_push", step.pushed),
        counting("fifo", "fifo_pop", step.popped),
        level("fifo", "fifo_level", step.pushed, step.popped, width=event.fifo_depth.bit_length()),
    )


def _generator_waves(step: Step) -> tuple[Wave, ...]:
    """From the pop of an entry to its last slot; what is no issue there is a wait."""
    many = len(step.popped)
    stops = NONE
    if many:
        slots = step.issued.searchsorted(step.popped, side="right")  # an entry's slots follow its pop
        stops = step.issued[np.append(slots[1:], len(step.issued)) - 1] + 1
    waiting = without(spread(step.popped + 1, stops - step.popped - 1 if many else 0), step.issued)
    beat = step.word >= 0
    return (
        counting("address_generator", "address_generator_busy", step.issued),
        counting("address_generator", "address_generator_stall", waiting),
        counting("address_generator", "address_generator_beat", step.issued[beat]),
        changing("address_generator", "membrane_word", step.issued[beat], step.word[beat]),
    )


def _memory_waves(layer: LayerMapping, event: Event, step: Step, lanes: Int64Array) -> tuple[Wave, ...]:
    """Lanes that add to the membrane memory, ``lanes`` of each word, and the sweep's accesses of it."""
    beat = step.word >= 0
    issued, word = step.issued[beat], step.word[beat]
    read, written = issued + 1, issued + event.pipeline_depth
    swept, numbers = step.sweep.issued, np.arange(layer.sweep.words, dtype=np.int64)
    reads, writes = np.concatenate([read, swept]), np.concatenate([written, swept + layer.sweep.depth])
    words = np.concatenate([word, numbers])
    return (
        *_lane_waves(layer, event, issued, word, lanes),
        counting("membrane_memory", "membrane_memory_read", reads),
        counting("membrane_memory", "membrane_memory_write", writes),
        *_bank_waves(event, np.concatenate([reads, writes]), np.tile(words, 2)),
        *_count_waves(layer, reads, writes, words),
    )


def _count_waves(layer: LayerMapping, reads: Int64Array, writes: Int64Array, words: Int64Array) -> tuple[Wave, ...]:
    """The count of a position is accessed with its first word."""
    if not layer.operands.weight_zero:
        return ()
    first = words % beats_of(layer) == 0
    return (
        counting("count_memory", "count_memory_read", reads[first]),
        counting("count_memory", "count_memory_write", writes[first]),
    )


def _register_waves(layer: LayerMapping, event: Event, step: Step) -> tuple[Wave, ...]:
    """Lanes that add to sets of sums in registers; the sweep alone touches membranes, and takes the sums."""
    beat, lanes = step.word >= 0, active_lanes(layer)
    issued, word = step.issued[beat], step.word[beat]
    swept, numbers = step.sweep.issued, np.arange(layer.sweep.words, dtype=np.int64)
    written = swept + layer.sweep.depth
    sums = np.concatenate([issued + event.pipeline_depth, swept + 1])
    amounts = np.concatenate([lanes[word], lanes])
    return (
        *_lane_waves(layer, event, issued, word, lanes),
        counting("accumulator", "accumulator_read", sums, amounts),
        counting("accumulator", "accumulator_write", sums, amounts),
        *_counter_waves(layer, sums, np.concatenate([word, numbers])),
        counting("membrane_memory", "membrane_memory_read", swept),
        counting("membrane_memory", "membrane_memory_write", written),
        *_bank_waves(event, np.concatenate([swept, written]), np.tile(numbers, 2)),
    )


def _counter_waves(layer: LayerMapping, sums: Int64Array, words: Int64Array) -> tuple[Wave, ...]:
    """The set's event counter is read and written with a position's first word."""
    if not layer.operands.weight_zero:
        return ()
    first = sums[words % beats_of(layer) == 0]
    return tuple(counting("accumulator", name, first) for name in ("counter_read", "counter_write"))


def _lane_waves(
    layer: LayerMapping, event: Event, issued: Int64Array, word: Int64Array, lanes: Int64Array
) -> tuple[Wave, ...]:
    """Beats in stage 1, where weights are addressed, and in the stage that adds."""
    adds = issued + adding_stage(layer, event)
    waves = [
        counting("lanes", "lanes_busy", adds),
        counting("lanes", "lane_accumulate", adds, lanes[word]),
        counting("weight_memory", "weight_memory_read", issued + 1),
    ]
    if layer.operands.weight_zero:
        waves.append(counting("correction", "correction_count", adds[word % beats_of(layer) == 0]))
    return tuple(waves)


def adding_stage(layer: LayerMapping, event: Event) -> int:
    """Of the lane pipeline: where sums are in a memory the one that has read it, else the last one."""
    return event.pipeline_depth if isinstance(layer.plan, GatherPlan) else min(2, event.pipeline_depth)


def _bank_waves(event: Event, cycles: Int64Array, words: Int64Array) -> tuple[Wave, ...]:
    """With one port, accesses of every bank of the membrane memory."""
    if event.membrane_ports == 2:
        return ()
    bank = words % event.membrane_banks
    return tuple(
        counting("membrane_memory", f"bank_access_{k}", cycles[bank == k]) for k in range(event.membrane_banks)
    )


@lru_cache(maxsize=64)
def _neurons(shape: LayerShape) -> int:
    return int(np.prod(shape.source_shape))

"""Cycles of a gather step, read by read (docs/microarchitecture.md §4.8), where the FIFO has two entries or more.

`kernels_schedule_beats.gather` solves the recurrence entry by entry.  Here a read with n entries costs a few additions:
with s'_e the cycles from an entry's pop to its last slot, waits for its set of sums included, claims 1 to 4 of §4.5
hold as they stand, for they ask of services only that they are at least 1.  So, for a read that may be examined from
cycle x on, and R the cycle in which the entry before issues its last slot ::

    p_first = max(x + 1, R)       first slot in max(p_first + 1, free)       R' = that slot + n·B − 1
    x' = max(x + n, P + 2)        P = R' − (the last D + 1 entries' s')

an empty read costs x' = x + 1.  Services are B but for void entries and those that waited; these are listed, so that P
is R' − (D + 1)·B where none is among the last D + 1 entries.  A position has at most two of them: its first entry, for
its set is free from there on, and its last.

With two ports, and words of at most 64 bits, eight maps go through the reads together, a map in every lane of a vector
(`_rows`): spikes are random, and in branches and maxima of one map alone the processor mispredicts.  Others, and what
is left of eight, go one by one (`_row`).

Everything that is compiled stands in this module and in `lanes`: a cache of compiled code notices edits in no other.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from pimsim.simulation.compiled import kernel, part
from pimsim.simulation.lanes import (
    above,
    add,
    add_scaled,
    choose,
    larger,
    load,
    smaller,
    spread,
    store,
    subtract,
    without,
    word,
)

FIELDS = 8
PUSHES, PASSES, SCAN_STALL, TARGETS, VOIDS, WAITS, SWEEP_WAITS, CYCLES = range(FIELDS)
"""Columns of ``out``, those of `kernels_schedule_beats`."""

SCAN_FILL = 2
"""Cycles from the start of a step until the first word is in the scan register."""

RECENT = 64
"""Cycles that are remembered for conflicts, a power of two: more than the deepest pipeline has stages."""

BANKS = 2048
"""More than there are banks: cycle · BANKS + bank names an access."""


def _ones_of(typing_context: Any, word: Any) -> Any:  # noqa: ARG001 - numba's signature
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


_ones: Any = intrinsic(_ones_of)


@part
def _load(row: Any, as_bytes: Any) -> None:
    """Copy one spike map to the front of a buffer of whole words."""
    for i in range(min(row.size, as_bytes.size)):  # twenty times faster than assigning a slice
        as_bytes[i] = row[i]


@part
def _count(pieces: Any, parts: Any, masks: Any, held: Any) -> None:
    """Events of each read, which consists of one or more masked pieces; unsigned indices take half the time."""
    held[:] = 0
    for i in range(min(masks.size, parts.shape[1])):
        held[parts[1, i]] += _ones(pieces[parts[0, i]] & masks[i])


@part
def _odd_service(newest: Any, behind: Any, odd: Any) -> Any:
    """Cycles that the listed entries behind entry ``behind`` take more than B."""
    total = 0
    while newest >= 0 and odd[newest, 0] > behind:
        total += odd[newest, 1]
        newest -= 1
    return total


@part
def _placed(swept: Any, first_word: Any, core: Any, recent: Any) -> Any:
    """With one port, the cycle in which a position's last word is issued; its first one behind cycle ``swept``."""
    beats, sweep, banks = core[2], core[3], core[5]
    for index in range(first_word, first_word + beats):
        swept += 1
        while recent[(swept - sweep) & (RECENT - 1)] == (swept - sweep) * BANKS + index % banks:
            swept += 1
        recent[swept & (RECENT - 1)] = swept * BANKS + index % banks
    return swept


@part
def _row(held: Any, first: Any, core: Any, clock: Any, odd: Any, recent: Any, out: Any) -> Any:
    """One map, given the events ``held`` by each read: every output position's reads, then its words of the sweep."""
    depth, beats = core[0], core[2]
    kept = (depth + 1) * beats
    entries = passes = found = voids = waits = sweep_waits = 0
    newest, odd_entry = -1, -1  # of the list; the entry it stands for, or the one before the step's first
    free = other_free = issued = swept = clock  # from when on the position's set of sums, and the other one, are free
    examined = clock + SCAN_FILL
    for position in range(first.size - 1):
        last_read = first[position + 1] - 1
        for read in range(first[position], last_read + 1):
            events = held[read]
            found += events
            many, service = events, events * beats
            if events == 0:
                passes += 1
                if read < last_read:
                    examined += 1
                    continue
                voids += 1
                many = service = 1
            popped = max(examined + 1, issued)
            if free > popped + 1:
                waits += free - popped - 1
                newest, odd_entry = newest + 1, entries
                odd[newest, 0], odd[newest, 1] = entries, free - popped - 1
                popped = free - 1
            entries += many
            if service < beats:
                newest, odd_entry = newest + 1, entries - 1
                odd[newest, 0], odd[newest, 1] = entries - 1, 1 - beats
            issued, examined = popped + service, examined + many
            if issued - depth + 1 > examined:  # else the last D + 1 services of at least 1 are enough
                late, behind = issued - kept + 2, entries - 2 - depth
                if behind < odd_entry:
                    late = late - _odd_service(newest, behind, odd) if behind >= -1 else examined
                examined = max(examined, late)
        unhindered = max(swept + 1, issued + core[1] + 1) + beats - 1
        swept = unhindered if core[4] == 2 else _placed(unhindered - beats, position * beats, core, recent)
        sweep_waits += swept - unhindered
        free, other_free = other_free, swept + 1
    out[PUSHES], out[PASSES], out[TARGETS], out[VOIDS] = found + voids, passes, found, voids
    # Unhindered, every entry and every read passed without one takes the scanner a cycle.
    out[SCAN_STALL] = examined - clock - SCAN_FILL - found - passes
    out[WAITS], out[SWEEP_WAITS], out[CYCLES] = waits, sweep_waits, swept + 1 - clock
    return swept + RECENT


def _ones_in_of(typing_context: Any, x: Any, mask: Any) -> Any:  # noqa: ARG001 - numba's signature
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        vector = builder.extract_value(arguments[0], 0)
        masked = builder.and_(vector, builder.extract_value(arguments[1], 0))
        shape, name = ir.FunctionType(vector.type, [vector.type]), f"llvm.ctpop.v{x.lanes}i64"
        counts = builder.module.globals.get(name) or ir.Function(builder.module, shape, name)
        return builder.insert_value(arguments[0], builder.call(counts, [masked]), 0)

    return x(x, mask), generate


_ones_in: Any = intrinsic(_ones_in_of)
"""Population counts of the lanes of one vector under the mask in another one's."""

SIDE = 8
"""Maps that go through their reads together, one per lane."""


NEVER = 2**62
"""Behind every entry."""


@part
def _left(lanes: Any, entries: Any, inside: Any, oldest: Any, lists: Any, depth: Any) -> None:
    """Take the listed entries that are no longer among the last D + 1 off ``inside``, in the ``lanes`` that are set."""
    odd, oldest_of, _, registers = lists
    store(entries, registers, np.uint64(0))
    store(inside, registers, np.uint64(SIDE))
    store(oldest, registers, np.uint64(2 * SIDE))
    for lane in range(SIDE):
        if lanes >> np.uint64(lane) & np.uint64(1):
            i, behind = oldest_of[lane], registers[lane] - 2 - depth
            while odd[lane, i, 0] <= behind:
                registers[SIDE + lane] -= odd[lane, i, 1]
                i += 1
            oldest_of[lane], registers[2 * SIDE + lane] = i, odd[lane, i, 0]


@part
def _listed(lanes: Any, entry: Any, cycles: Any, lists: Any) -> None:
    """List an entry and what it takes more than B cycles, in those of the ``lanes`` that are set."""
    odd, _, behind_newest, registers = lists
    store(entry, registers, np.uint64(0))
    store(cycles, registers, np.uint64(SIDE))
    for lane in range(SIDE):
        if lanes >> np.uint64(lane) & np.uint64(1):
            i = behind_newest[lane]
            odd[lane, i, 0], odd[lane, i, 1], odd[lane, i + 1, 0] = registers[lane], registers[SIDE + lane], NEVER
            behind_newest[lane] = i + 1


@part
def _rows(pieces: Any, parts: Any, masks: Any, first: Any, core: Any, lists: Any, found: Any) -> None:
    """What `_row` does with one map and two ports, with a map in every lane; each read one part of a piece."""
    sizes = (0,)
    zero, one = spread(0, found, sizes), spread(1, found, sizes)
    beats, depth, kept = core[2], spread(core[0], found, sizes), spread((core[0] + 1) * core[2] - 2, found, sizes)
    pipeline, swept_rest = spread(core[1] + 1, found, sizes), spread(beats - 1, found, sizes)
    inside, oldest = zero, spread(NEVER, found, sizes)  # listed among the last D + 1 entries: their cycles, the first
    entries = passes = events = waits = free = other_free = issued = swept = zero
    examined = spread(SCAN_FILL, found, sizes)
    for position in range(first.size - 1):
        last_read = first[position + 1] - 1
        for read in range(first[position], last_read + 1):
            mask = spread(masks[read], found, sizes)
            held = _ones_in(load(pieces, np.uint64(SIDE) * parts[0, read], zero), mask)
            empty, taken = above(one, held), larger(held, one)
            many = taken if read == last_read else held
            popped = larger(add(examined, one), issued)
            begun = larger(popped, subtract(free, one))
            waiting = word(without(above(begun, popped), above(one, many)))
            if waiting != 0:
                late = choose(above(one, many), zero, subtract(begun, popped))
                waits = add(waits, late)
                _listed(waiting, entries, late, lists)
                inside, oldest = add(inside, late), choose(above(late, zero), smaller(oldest, entries), oldest)
            if read == last_read and beats > 1 and word(empty) != 0:
                inside = choose(empty, subtract(inside, swept_rest), inside)
                oldest = choose(empty, smaller(oldest, entries), oldest)
                _listed(word(empty), entries, subtract(zero, swept_rest), lists)
            entries, events = add(entries, many), add(events, held)
            passes = choose(empty, add(passes, one), passes)
            issued = choose(above(one, many), issued, add_scaled(add(begun, many), held, beats - 1))
            examined = add(examined, taken)
            leaving = word(above(subtract(entries, add(depth, one)), oldest))
            if leaving != 0:
                _left(leaving, entries, inside, oldest, lists, core[0])
                registers = lists[3]
                inside, oldest = load(registers, np.uint64(SIDE), zero), load(registers, np.uint64(2 * SIDE), zero)
            late = subtract(subtract(issued, kept), inside)
            examined = choose(above(entries, depth), larger(examined, late), examined)
        swept = add(larger(add(swept, one), add(issued, pipeline)), swept_rest)
        free, other_free = other_free, add(swept, one)
    for i, value in enumerate((entries, passes, events, waits, examined, add(swept, one))):
        store(value, found, np.uint64(SIDE * i))


@part
def _side_by_side(rows: Any, parts: Any, masks: Any, first: Any, core: Any, out: Any) -> None:
    """Maps in groups of `SIDE`, all of them whole."""
    row = np.zeros((rows.shape[1] + 7) // 8, np.uint64)
    as_bytes, words = row.view(np.uint8), np.zeros(SIDE * row.size, np.uint64)
    pieces = words.view(np.int64)
    found, registers = np.empty(6 * SIDE, np.int64), np.empty(3 * SIDE, np.int64)
    oldest, newest = np.empty(SIDE, np.int64), np.empty(SIDE, np.int64)
    odd = np.empty((SIDE, 2 * first.size + 1, 2), np.int64)
    for group in range(rows.shape[0] // SIDE):
        for lane in range(SIDE):
            _load(rows[group * SIDE + lane], as_bytes)
            for i in range(row.size):
                words[i * SIDE + lane] = row[i]
        oldest[:] = newest[:] = 0
        _rows(pieces, parts, masks, first, core, (odd, oldest, newest, registers), found)
        for lane in range(SIDE):
            line, told = out[group * SIDE + lane], found[lane::SIDE]
            line[PUSHES], line[PASSES], line[TARGETS], line[VOIDS] = told[0], told[1], told[2], told[0] - told[2]
            line[SCAN_STALL] = told[4] - SCAN_FILL - told[2] - told[1]
            line[WAITS], line[SWEEP_WAITS], line[CYCLES] = told[3], 0, told[5]


@kernel
def gather(rows: Any, parts: Any, masks: Any, first: Any, core: Any, out: Any) -> None:
    """Whole step of every map in ``rows``, up to the issue of the sweep's last word.

    rows   uint8 (R, bytes), bit i of a row (little bit order) is neuron i of the map
    parts  uint64 (2, V) 64-bit piece of the map, and number of the read that it is a part of
    masks  uint64 (V,) the part's bits of the piece
    first  int64 (S + 1,) number of the first read of every output position
    core   int64: FIFO depth (2 or more), pipeline depth, beats, sweep depth, ports, banks
    out    int64 (R, FIELDS) out
    """
    pieces = np.zeros((rows.shape[1] + 7) // 8, np.uint64)
    as_bytes = pieces.view(np.uint8)
    held, recent = np.empty(first[-1], np.int64), np.full(RECENT, -1, np.int64)
    odd = np.empty((2 * first.size, 2), np.int64)
    clock, start = RECENT, 0
    if core[4] == 2 and masks.size == first[-1]:
        start = rows.shape[0] // SIDE * SIDE
        _side_by_side(rows[:start], parts, masks, first, core, out[:start])
    for r in range(start, rows.shape[0]):
        _load(rows[r], as_bytes)
        _count(pieces, parts, masks, held)
        clock = _row(held, first, core, clock, odd, recent, out[r])

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

Everything that is compiled stands in this module: a cache of compiled code does not notice edits elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from pimsim.simulation.compiled import kernel, part

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
    for word in range(first_word, first_word + beats):
        swept += 1
        while recent[(swept - sweep) & (RECENT - 1)] == (swept - sweep) * BANKS + word % banks:
            swept += 1
        recent[swept & (RECENT - 1)] = swept * BANKS + word % banks
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
    clock = RECENT
    for r in range(rows.shape[0]):
        _load(rows[r], as_bytes)
        _count(pieces, parts, masks, held)
        clock = _row(held, first, core, clock, odd, recent, out[r])

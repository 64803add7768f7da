"""Cycles of the event core where they cannot be had in closed form, as docs/microarchitecture.md §4 defines them.

`scatter` goes beat by beat, for cores on which beats wait: for the only port of a bank, or for a word that is not
forwarded.  `gather` goes entry by entry and sweeps every output position behind its last one.  With q the cycle of an
entry's push, p that of its pop, and i those in which its slots are issued ::

    q_e = max(q_{e−1} + max(1, w_e − w_{e−1}), p_{e−D} + 1)        p_e = max(q_e + 1, last i of e − 1)

and a slot is issued in the first cycle behind the one before (the pop, for an entry's first slot) in which

scatter   no older beat is still to write its word (without forwarding), and none writes to its bank in the cycle in
          which it would read (with one port)
gather    the sums that it adds to are free: the sweep has issued all words of the output position before the last

``tests/naive_event.py`` steps the same machines clock by clock.  Everything that is compiled stands in this module:
a cache of compiled code does not notice edits elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pimsim.simulation.compiled import kernel, part

FIELDS = 8
PUSHES, PASSES, SCAN_STALL, TARGETS, VOIDS, WAITS, SWEEP_WAITS, CYCLES = range(FIELDS)
"""Columns of ``out``: entries pushed; words passed without an event; cycles that the scanner waited for the FIFO; pairs
of event and output position; slots without a beat; cycles that the generator and that the sweep waited; cycles before
the sweep (scatter), or until its last word is issued and one more (gather)."""

SCAN_FILL = 2
"""Cycles from the start of a step until the first word is in the scan register."""

RECENT = 64
"""Cycles that are remembered for conflicts, a power of two: more than the deepest pipeline has stages."""

BANKS = 2048
"""More than there are banks: cycle · BANKS + bank names an access."""

_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.int64)
_LOWEST = np.array([(byte & -byte).bit_length() - 1 for byte in range(256)], np.int64)


@part
def _scatter_row(  # noqa: C901 - a call per beat costs half as much time again
    row: Any, positions: Any, first: Any, targets: Any, core: Any, clock: Any, state: Any, visits: Any, out: Any
) -> Any:
    """One map; ``clock`` is its cycle 0, behind everything that ``state`` remembers of the map before."""
    popped, bank_of, written, recent = state
    depth, beats, word_bytes = core[1], core[2], core[5]
    waits_for_word, one_port, distance = core[3] == 0, core[4] == 1, core[1] - 1
    events = slot = behind = held = stall = waits = reached = voids = passes = 0
    pushed, issued = clock + SCAN_FILL - 1, clock
    for byte in range(row.size):
        bits = int(row[byte])
        if 8 * byte + 8 > positions.size:
            bits &= (1 << (positions.size - 8 * byte)) - 1
        held += bits
        while bits != 0:
            position = positions[8 * byte + _LOWEST[bits]]
            bits &= bits - 1
            earliest = pushed + 1 + behind
            pushed = max(earliest, popped[slot] + 1)
            stall += pushed - earliest
            cycle = max(pushed + 1, issued)
            popped[slot], behind = cycle, 0
            events += 1
            slot = slot + 1 if slot + 1 < popped.size else 0
            for target in range(first[position], first[position + 1]):
                output = targets[target]
                visits[output] += 1
                for word in range(output * beats, (output + 1) * beats):
                    cycle += 1
                    free = cycle
                    if waits_for_word:
                        cycle = max(cycle, written[word])
                    if one_port:
                        while recent[(cycle - distance) & (RECENT - 1)] == (cycle - distance) * BANKS + bank_of[word]:
                            cycle += 1
                        recent[cycle & (RECENT - 1)] = cycle * BANKS + bank_of[word]
                    if waits_for_word:
                        written[word] = cycle + depth
                    waits += cycle - free
            found = first[position + 1] - first[position]
            reached += found
            voids += found == 0
            issued = cycle + (found == 0)
        if (byte + 1) % word_bytes == 0 or byte + 1 == row.size:
            passes += held == 0
            behind += held == 0
            held = 0
    last = max(pushed + behind, issued + depth if events > 0 else clock) + 2
    out[PUSHES], out[PASSES], out[SCAN_STALL], out[TARGETS] = events, passes, stall, reached
    out[VOIDS], out[WAITS], out[SWEEP_WAITS], out[CYCLES] = voids, waits, 0, last - clock
    return last + RECENT


@kernel
def scatter(rows: Any, positions: Any, first: Any, targets: Any, core: Any, visits: Any, out: Any) -> None:
    """Scatter phase of every map in ``rows``, in which every beat is placed.

    rows       uint8 (R, bytes), bit i of a row (little bit order) is neuron i of the map
    positions  int64 (neurons,) position of every neuron of the map
    first      int64 (positions + 1,), targets: numbers of the outputs that each position reaches
    core       int64: FIFO depth, pipeline depth, beats, forwarding, ports, bytes of a scan word, banks
    visits     int64 (S,) in and out: events that reached each output position, added to
    out        int64 (R, FIELDS) out
    """
    words, banks = visits.size * core[2], core[6]
    bank_of = np.arange(words) % banks
    state = (np.zeros(core[0], np.int64), bank_of, np.zeros(words, np.int64), np.full(RECENT, -1, np.int64))
    clock = RECENT
    for r in range(rows.shape[0]):
        clock = _scatter_row(rows[r], positions, first, targets, core, clock, state, visits, out[r])


@part
def _gather_row(held: Any, first: Any, core: Any, clock: Any, popped: Any, recent: Any, out: Any) -> Any:
    """One map, given the events ``held`` by each read: every output position's entries, then its words of the sweep."""
    depth, beats, sweep, one_port, banks = core[1], core[2], core[3], core[4] == 1, core[5]
    slot = behind = bank = passes = stall = found = voids = waits = sweep_waits = 0
    free = other_free = issued = swept = clock  # from when on the position's set of sums, and the other one, are free
    pushed = clock + SCAN_FILL - 1
    for position in range(first.size - 1):
        last_read = first[position + 1] - 1
        for read in range(first[position], last_read + 1):
            entries, service = held[read], beats
            found += entries
            if entries == 0:
                passes += 1
                if read < last_read:
                    behind += 1
                    continue
                entries, service = 1, 1
                voids += 1
            for _ in range(entries):
                earliest = pushed + 1 + behind
                pushed = max(earliest, popped[slot] + 1)
                stall += pushed - earliest
                cycle = max(pushed + 1, issued)
                popped[slot], behind = cycle, 0
                slot = slot + 1 if slot + 1 < popped.size else 0
                begin = max(cycle + 1, free)
                waits += begin - cycle - 1
                issued = begin + service - 1
        for word in range(beats):
            earliest = max(swept + 1, issued + depth + 1) if word == 0 else swept + 1
            swept = earliest
            if one_port:
                while recent[(swept - sweep) & (RECENT - 1)] == (swept - sweep) * BANKS + bank:
                    swept += 1
                recent[swept & (RECENT - 1)] = swept * BANKS + bank
                bank = bank + 1 if bank + 1 < banks else 0
            sweep_waits += swept - earliest
        free, other_free = other_free, swept + 1
    out[PUSHES], out[PASSES], out[SCAN_STALL], out[TARGETS] = found + voids, passes, stall, found
    out[VOIDS], out[WAITS], out[SWEEP_WAITS], out[CYCLES] = voids, waits, sweep_waits, swept + 1 - clock
    return swept + RECENT


@part
def _count(row: Any, before: Any, reads: Any, held: Any) -> None:
    """Events in every part of a word that is read, as a difference of events in front of two bits."""
    for byte in range(row.size):
        before[byte + 1] = before[byte] + _ONES[row[byte]]
    for read in range(held.size):
        start, stop = reads[read, 0], reads[read, 1]
        events = before[stop >> 3] - before[start >> 3]
        if stop & 7 != 0:
            events += _ONES[row[stop >> 3] & ((1 << (stop & 7)) - 1)]
        if start & 7 != 0:
            events -= _ONES[row[start >> 3] & ((1 << (start & 7)) - 1)]
        held[read] = events


@kernel
def gather(rows: Any, reads: Any, first: Any, core: Any, out: Any) -> None:
    """Whole step of every map in ``rows``, up to the issue of the sweep's last word.

    rows   uint8 (R, bytes), bit i of a row (little bit order) is neuron i of the map
    reads  int64 (V, 2) first bit, and bit behind the last one, of every part of a word that is read
    first  int64 (S + 1,) number of the first read of every output position
    core   int64: FIFO depth, pipeline depth, beats, sweep depth, ports, banks
    out    int64 (R, FIELDS) out
    """
    popped, recent = np.zeros(core[0], np.int64), np.full(RECENT, -1, np.int64)
    before, held = np.zeros(rows.shape[1] + 1, np.int64), np.empty(reads.shape[0], np.int64)
    clock = RECENT
    for r in range(rows.shape[0]):
        _count(rows[r], before, reads, held)
        clock = _gather_row(held, first, core, clock, popped, recent, out[r])

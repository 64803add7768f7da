"""Cycles of the event core where they cannot be had in closed form, as docs/microarchitecture.md §4 defines them.

`scatter` goes beat by beat, for cores on which beats wait: for the only port of a bank, or for a word that is not
forwarded.  `gather` goes entry by entry and sweeps every output position behind its last one.  With q the cycle of an
entry's push, p that of its pop, and i those in which its slots are issued ::

    q_e = max(q_{e−1} + max(1, w_e − w_{e−1}), p_{e−D} + 1)        p_e = max(q_e + 1, last i of e − 1)

and a slot is issued in the first cycle behind the one before (the pop, for an entry's first slot) in which

scatter   no older beat is still to write its word (without forwarding), and none writes to its bank in the cycle in
          which it would read (with one port)
gather    the sums that it adds to are free: the sweep has issued all words of the output position before the last

``tests/naive_schedule.py`` steps the same machines clock by clock.  Everything that is compiled stands in this module:
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
def _port_cycle(cycle: Any, distance: Any, bank: Any, recent: Any) -> Any:
    """First cycle from ``cycle`` on in which no access of ``distance`` cycles ago writes to ``bank``; notes it."""
    while recent[(cycle - distance) & (RECENT - 1)] == (cycle - distance) * BANKS + bank:
        cycle += 1
    recent[cycle & (RECENT - 1)] = cycle * BANKS + bank
    return cycle


@part
def _issue(cycle: Any, words: Any, core: Any, bank_of: Any, written: Any, recent: Any) -> Any:
    """Cycle of the last of the beats on consecutive membrane words, none before ``cycle`` + 1; cycles waited."""
    depth, waits_for_word, one_port = core
    waited = 0
    for word in range(words[0], words[1]):
        cycle += 1
        free = cycle
        if waits_for_word:
            cycle = max(cycle, written[word])
        if one_port:
            cycle = _port_cycle(cycle, depth - 1, bank_of[word], recent)
        if waits_for_word:
            written[word] = cycle + depth
        waited += cycle - free
    return cycle, waited


@part
def _scatter_row(
    row: Any, positions: Any, first: Any, targets: Any, core: Any, clock: Any, state: Any, visits: Any, out: Any
) -> Any:
    """One map; ``clock`` is its cycle 0, behind everything that ``state`` remembers of the map before."""
    popped, bank_of, written, recent = state
    fifo, depth, beats, word_bytes = core[0], core[1], core[2], core[5]
    rules = depth, core[3] == 0, core[4] == 1
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
            pushed = max(earliest, popped[slot] + 1) if events >= fifo else earliest
            stall += pushed - earliest
            cycle = max(pushed + 1, issued)
            popped[slot], events, behind = cycle, events + 1, 0
            slot = slot + 1 if slot + 1 < fifo else 0
            for target in range(first[position], first[position + 1]):
                output = targets[target]
                visits[output] += 1
                words = output * beats, (output + 1) * beats
                cycle, waited = _issue(cycle, words, rules, bank_of, written, recent)
                waits += waited
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
def _ones_before(row: Any, before: Any, bit: Any) -> Any:
    """Events in front of a bit of the map; ``before`` those in front of its byte."""
    byte = bit >> 3
    rest = bit & 7
    return before[byte] + (_ONES[row[byte] & ((1 << rest) - 1)] if rest > 0 else 0)


@part
def _gather_row(row: Any, before: Any, reads: Any, first: Any, core: Any, popped: Any, recent: Any, out: Any) -> None:
    """One map: every output position's entries, then its words of the sweep."""
    fifo, depth, beats, sweep, one_port, banks = core[0], core[1], core[2], core[3], core[4] == 1, core[5]
    entries = slot = behind = issued = swept = word = 0
    passes = stall = found = voids = waits = sweep_waits = 0
    free = other_free = 0  # cycles from which on the position's set of sums, and the other one, are free
    pushed = SCAN_FILL - 1
    for position in range(first.size - 1):
        last_read = first[position + 1] - 1
        for read in range(first[position], last_read + 1):
            held = _ones_before(row, before, reads[read, 1]) - _ones_before(row, before, reads[read, 0])
            found += held
            passes += held == 0
            service = beats
            if held == 0 and read == last_read:
                held, service = 1, 1
                voids += 1
            for _ in range(held):
                earliest = pushed + 1 + behind
                pushed = max(earliest, popped[slot] + 1) if entries >= fifo else earliest
                stall += pushed - earliest
                cycle = max(pushed + 1, issued)
                popped[slot], entries, behind = cycle, entries + 1, 0
                slot = slot + 1 if slot + 1 < fifo else 0
                begin = max(cycle + 1, free)
                waits += begin - cycle - 1
                issued = begin + service - 1
            behind += held == 0
        complete = issued + depth + 1
        for _ in range(beats):
            earliest = max(swept + 1, complete)
            swept = _port_cycle(earliest, sweep, word % banks, recent) if one_port else earliest
            sweep_waits += swept - earliest
            word += 1
        free, other_free = other_free, swept + 1
    out[PUSHES], out[PASSES], out[SCAN_STALL], out[TARGETS] = entries, passes, stall, found
    out[VOIDS], out[WAITS], out[SWEEP_WAITS], out[CYCLES] = voids, waits, sweep_waits, swept + 1


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
    before = np.zeros(rows.shape[1] + 1, np.int64)
    for r in range(rows.shape[0]):
        recent[:] = -1
        for byte in range(rows.shape[1]):
            before[byte + 1] = before[byte] + _ONES[rows[r, byte]]
        _gather_row(rows[r], before, reads, first, core, popped, recent, out[r])

"""When everything happens on the event core, entry by entry and beat by beat; docs/microarchitecture.md §4.

The recurrences are those of `kernels_schedule_beats`, which adds up what these write down ::

    q_e = max(q_{e−1} + max(1, w_e − w_{e−1}), p_{e−D} + 1)        p_e = max(q_e + 1, last i of e − 1)

q cycle of an entry's push, p of its pop, i of its slots' issue, w number of its word or read.  Self-contained: a cache
of compiled code does not notice edits elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pimsim.simulation.compiled import kernel

SCAN_FILL = 2
"""Cycles from the start of a step until the first word is in the scan register."""

RECENT = 64
"""Cycles that are remembered for conflicts, a power of two: more than the deepest pipeline has stages."""

BANKS = 2048
"""More than there are banks: cycle · BANKS + bank names an access."""


@kernel
def scatter_cycles(
    words: Any, first: Any, slots: Any, core: Any, memory: Any, pushed: Any, popped: Any, out: Any
) -> None:
    """Scatter phase of one map, from cycle 0 on.

    words   int64 (E,) scan word of every event
    first   int64 (E + 1,) number of each event's first slot
    slots   int64 (slots,) membrane word that a slot adds to, −1: void
    core    int64: FIFO depth, pipeline depth, forwarding, ports, banks
    memory  int64 (membrane words,) scratch: when each was written, all 0
    pushed, popped  int64 (E,) out: q and p;  out  int64 (slots,) out: cycle of each slot's issue
    """
    depth, pipeline, banks = core[0], core[1], core[4]
    waits_for_word, one_port, distance = core[2] == 0, core[3] == 1, core[1] - 1
    recent = np.full(RECENT, -1, np.int64)
    behind, issued = -1, 0
    at = SCAN_FILL - 1
    for event in range(words.size):
        at += max(1, words[event] - behind)
        if event >= depth:
            at = max(at, popped[event - depth] + 1)
        behind = words[event]
        cycle = max(at + 1, issued)
        pushed[event], popped[event] = at, cycle
        for slot in range(first[event], first[event + 1]):
            cycle += 1
            word = slots[slot]
            if word >= 0:
                if waits_for_word:
                    cycle = max(cycle, memory[word])
                if one_port:
                    bank = word % banks
                    while recent[(cycle - distance) & (RECENT - 1)] == (cycle - distance) * BANKS + bank:
                        cycle += 1
                    recent[cycle & (RECENT - 1)] = cycle * BANKS + bank
                if waits_for_word:
                    memory[word] = cycle + pipeline
            out[slot] = cycle
        issued = cycle


@kernel
def gather_cycles(
    held: Any, first: Any, core: Any, pushed: Any, popped: Any, begun: Any, swept: Any, earliest: Any
) -> None:
    """A whole step of one map, from cycle 0 on.

    held    int64 (V,) events of every read
    first   int64 (S + 1,) number of the first read of every output position
    core    int64: FIFO depth, pipeline depth, beats, sweep depth, ports, banks
    pushed, popped, begun  int64 (entries,) out: q, p and the cycle of the first slot's issue
    swept, earliest        int64 (S · beats,) out: cycle in which each word of the sweep is issued, and in which it
                           would be but for a taken port
    """
    depth, beats, sweep, one_port, banks = core[0], core[2], core[3], core[4] == 1, core[5]
    recent = np.full(RECENT, -1, np.int64)
    entry = free = other_free = issued = 0
    at, read_behind, sweeping = SCAN_FILL - 1, -1, -1
    for position in range(first.size - 1):
        last_read = first[position + 1] - 1
        for read in range(first[position], last_read + 1):
            many, service = held[read], beats
            if many == 0 and read == last_read:
                many = service = 1
            for _ in range(many):
                at += max(1, read - read_behind)
                if entry >= depth:
                    at = max(at, popped[entry - depth] + 1)
                read_behind = read
                cycle = max(at + 1, issued)
                start = max(cycle + 1, free)
                pushed[entry], popped[entry], begun[entry] = at, cycle, start
                issued = start + service - 1
                entry += 1
        for word in range(position * beats, (position + 1) * beats):
            sweeping += 1
            if word == position * beats:
                sweeping = max(sweeping, issued + core[1] + 1)
            earliest[word] = sweeping
            if one_port:
                bank = word % banks
                while recent[(sweeping - sweep) & (RECENT - 1)] == (sweeping - sweep) * BANKS + bank:
                    sweeping += 1
                recent[sweeping & (RECENT - 1)] = sweeping * BANKS + bank
            swept[word] = sweeping
        free, other_free = other_free, sweeping + 1

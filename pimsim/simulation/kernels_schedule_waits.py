"""Cycles of scatter steps in which beats wait (docs/microarchitecture.md §4.4), source position by source position.

`kernels_schedule_beats.scatter` places every beat.  But all a beat can wait for are the beats of the δ − 1 cycles in
front of it, δ being the pipeline's depth: their words are the *state* that an event finds.  Events of one position
reach the same words in the same order, so how long an event takes from its pop to its last slot, and the state that
it leaves, follow from the state and its position.  Both are found once, beat by beat, and looked up ever after; and of
the events of one position that follow each other, all behind the second are like the second where that leaves the
state as it found it.

What an event takes so is a service s' of at least 1 cycle, and claims 1 to 4 of §4.5 ask no more: in a stretch of
words that all hold events the generator goes from one event to the next without a pause, and only a stretch's last
push is looked at, given a FIFO of two entries or more ::

    p_first = max(x + 1, R)      x = the cycle of the first push, R the cycle of the last slot before
    last push = max(x + n − 1, P + 1)      P = R' − (the last D + 1 events' s')      R' = the last slot of the n events

Between stretches the generator may pause, which moves the state's beats further back.

With deep pipelines there may be more states than it pays to look up; what is left is then done beat by beat.
Everything that is compiled stands in this module: a cache of compiled code does not notice edits elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from pimsim.simulation.compiled import kernel, part

FIELDS = 5
PUSHES, PASSES, SCAN_STALL, SERVICE, CYCLES = range(FIELDS)
"""Columns of ``out``: entries pushed; words passed without an event; cycles that the scanner waited for the FIFO;
cycles from the events' pops to their last slots; cycles before the sweep."""

SCAN_FILL = 2
"""Cycles from the start of a step until the first word is in the scan register."""

RECENT = 64
"""Cycles that are remembered while beats are placed, a power of two: the deepest pipeline has fewer stages."""

KEPT_BEATS = 65536
"""Beats of all states that are known at a time; when there are more, all states are forgotten."""
PLACES = 4 * KEPT_BEATS
"""Of a state's number in the table that is searched for it; a power of two."""
WAYS = 32
"""States for which a position's events are known at a time, a power of two."""
WORTH = 32
"""Where more than one event in so many is in a state that is not known, placing the beats of all takes less time."""
NO_BEAT = -1
UNKNOWN = -1

STATE, FIRST, NEXT, AGAIN = range(4)
"""Columns of ``steps``: the state that events of a position find; cycles that the first of them takes; the state that
it leaves; cycles of each event behind it, 0 where the second one leaves another state."""


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
def _same(one: Any, other: Any) -> Any:
    for i in range(min(one.size, other.size)):  # noqa: SIM110 - what numba compiles
        if one[i] != other[i]:
            return False
    return True


@part
def _number(beats: Any, memory: Any) -> Any:
    """Number of the state with these ``beats``, a new one where it is not known; there is room for it."""
    states, places, _, pauses, known, _ = memory
    place = np.uint64(0)
    for i in range(beats.size):
        place = (place ^ np.uint64(beats[i] + 1)) * np.uint64(0x9E3779B97F4A7C15)
    place = place >> np.uint64(40)
    while True:
        place &= np.uint64(PLACES - 1)
        found = places[place]
        if found == UNKNOWN:
            break
        if _same(states[found], beats):
            return found
        place += np.uint64(1)
    found = known[0]
    known[0], places[place] = found + 1, found
    states[found], pauses[found] = beats, UNKNOWN
    return found


@part
def _forget(memory: Any) -> None:
    """All states but the one with number 0, in which no beat is in the pipeline."""
    states, places, steps, _, known, _ = memory
    places[:] = UNKNOWN
    steps[:, STATE] = UNKNOWN
    states[0] = NO_BEAT
    known[0] = 0
    _number(states[0], memory)


@part
def _paused(state: Any, cycles: Any, memory: Any) -> Any:
    """The state after a pause of so many cycles, at least 1."""
    states, _, _, pauses, known, scratch = memory
    size = states.shape[1]
    if state == 0 or cycles >= size:
        return 0
    if pauses[state, cycles] != UNKNOWN:
        return pauses[state, cycles]
    beats = scratch[:size]
    beats[:cycles] = NO_BEAT
    beats[cycles:] = states[state, : size - cycles]
    if known[0] == states.shape[0]:
        _forget(memory)
        return _number(beats, memory)
    after = _number(beats, memory)
    pauses[state, cycles] = after
    return after


@part
def _placed(beats: Any, words: Any, core: Any, recent: Any) -> Any:
    """Place an event's beats behind those of a state, which become the new one's; cycles from its pop to its last."""
    waits_for_word, one_port, banks = core[3] == 0, core[4] == 1, core[5]
    size = beats.size
    for i in range(size):
        recent[-i & (RECENT - 1)] = beats[i]
    cycle = 0
    for first in words:
        for word in range(first, first + core[2]):
            cycle += 1
            while True:
                older = recent[(cycle - size) & (RECENT - 1)]
                held = one_port and older != NO_BEAT and older % banks == word % banks
                if waits_for_word:
                    for i in range(1, size + 1):
                        held |= recent[(cycle - i) & (RECENT - 1)] == word
                if not held:
                    break
                recent[cycle & (RECENT - 1)] = NO_BEAT
                cycle += 1
            recent[cycle & (RECENT - 1)] = word if waits_for_word else word % banks
    if words.size == 0:  # a void slot
        cycle = 1
        recent[1] = NO_BEAT
    for i in range(size):
        beats[i] = recent[(cycle - i) & (RECENT - 1)]
    return cycle


@part
def _learn(state: Any, position: Any, words: Any, core: Any, memory: Any) -> Any:
    """Find out what events of a position do in a state; the row of ``steps`` that tells it."""
    states, _, steps, _, known, scratch = memory
    size = states.shape[1]
    beats, recent = scratch[:size], scratch[size:]
    known[1] += 1
    beats[:] = states[state]
    if known[0] + 2 > states.shape[0]:
        _forget(memory)
        state = _number(beats, memory)
    first = _placed(beats, words, core, recent)
    after = _number(beats, memory)
    again = _placed(beats, words, core, recent)
    row = position * WAYS + (state & (WAYS - 1))
    steps[row, STATE], steps[row, FIRST], steps[row, NEXT] = state, first, after
    steps[row, AGAIN] = again if _same(states[after], beats) else 0
    return row


@part
def _last_services(events: Any, group: Any, groups: Any) -> Any:
    """Cycles that the last ``events`` events took, the newest of them in ``group``."""
    total = 0
    while groups[group, 0] <= events:
        total += groups[group, 1] + (groups[group, 0] - 1) * groups[group, 2]
        events -= groups[group, 0]
        group -= 1
        if events == 0:
            return total
    return total + events * groups[group, 2]


@part
def _row(  # noqa: C901 - a call per part costs half as much time again
    pieces: Any, parts: Any, masks: Any, targets: Any, core: Any, memory: Any, counts: Any, out: Any
) -> None:
    """One map, part by part."""
    first_word, words, groups = targets
    steps, depth = memory[2], core[0]
    state = run = behind = held = passes = events = service = newest = release = first = 0
    pushed = SCAN_FILL - 1
    for i in range(masks.size):
        many = _ones(pieces[parts[0, i]] & masks[i])
        held += many
        if many > 0:
            counts[i] += many
            if run == 0:
                first = pushed + 1 + behind
                if first + 1 > release:
                    state = _paused(state, first + 1 - release, memory)
                    release = first + 1
                behind = 0
            run += many
            position, began = parts[1, i], release
            while many > 0:
                row = position * WAYS + (state & (WAYS - 1))
                if steps[row, STATE] != state:
                    row = _learn(state, position, words[first_word[position] : first_word[position + 1]], core, memory)
                again = steps[row, AGAIN]
                same = many if again > 0 else 1
                groups[newest, 0], groups[newest, 1], groups[newest, 2] = same, steps[row, FIRST], again
                newest += 1
                release += steps[row, FIRST] + (same - 1) * again
                many -= same
                state = steps[row, NEXT]
            service += release - began
        if parts[2, i] == 0:  # the word goes on
            continue
        if run > 0 and (held == 0 or i + 1 == masks.size):
            events += run
            pushed = first + run - 1
            run = 0
            if events > depth and release - depth > pushed:
                pushed = max(pushed, release + 1 - _last_services(depth + 1, newest - 1, groups))
        if held == 0:
            passes += 1
            behind += 1
        held = 0
    out[PUSHES], out[PASSES], out[SERVICE] = events, passes, service
    out[SCAN_STALL] = pushed - (SCAN_FILL + events - 1 + passes - behind) if events > 0 else 0
    out[CYCLES] = max(pushed + behind, release + core[1] if events > 0 else 0) + 2


@part
def _count(pieces: Any, parts: Any, masks: Any, counts: Any) -> None:
    for i in range(masks.size):
        counts[i] += _ones(pieces[parts[0, i]] & masks[i])


@kernel
def scatter(rows: Any, parts: Any, masks: Any, first: Any, words: Any, core: Any, counts: Any, out: Any) -> Any:
    """Scatter phase of maps in ``rows``, from the first one on; the number of maps for which it was worth while.

    rows    uint8 (R, bytes), bit i of a row (little bit order) is neuron i of the map
    parts   int64 (3, V) of the map, cut at positions, scan words and 64 bits: 64-bit piece that the part lies in,
            position, 1 for the last one of a scan word
    masks   uint64 (V,) the part's bits of the piece
    first   int64 (positions + 1,), words: first membrane word of every target of each position
    core    int64: FIFO depth (no map is done where it is 1), pipeline depth (2 or more), beats, forwarding, ports,
            banks, states of positions that may be unknown before it is asked whether it is worth while
    counts  int64 (V,) in and out: events in each part of all maps, added to
    out     int64 (R, FIELDS) out, of the maps that were done
    """
    size = core[1] - 1
    memory = (
        np.empty((KEPT_BEATS // size, size), np.int64),
        np.empty(PLACES, np.int32),
        np.empty(((first.size - 1) * WAYS, 4), np.int64),
        np.empty((KEPT_BEATS // size, size), np.int32),
        np.zeros(2, np.int64),
        np.empty(size + RECENT, np.int64),
    )
    _forget(memory)
    pieces = np.zeros((rows.shape[1] + 7) // 8, np.uint64)
    as_bytes, groups = pieces.view(np.uint8), np.empty((64 * pieces.size, 3), np.int64)
    done = events = 0
    for r in range(rows.shape[0]):
        _load(rows[r], as_bytes)
        if core[0] > 1 and done == r and memory[4][1] <= core[6] + events // WORTH:
            _row(pieces, parts, masks, (first, words, groups), core, memory, counts, out[r])
            events += out[r, PUSHES]
            done += 1
        else:
            _count(pieces, parts, masks, counts)
    return done

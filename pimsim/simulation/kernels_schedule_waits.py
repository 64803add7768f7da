"""Cycles of scatter steps in which beats wait (docs/microarchitecture.md §4.4), source position by source position.

`kernels_schedule_beats.scatter` places every beat.  But all a beat can wait for are the beats of the δ − 1 cycles in
front of it, δ being the pipeline's depth: their words are the *state* that an event finds.  Events of one position
reach the same words in the same order, so how long an event takes from its pop to its last slot, and the state that
it leaves, follow from the state and its position.  Both are found once, beat by beat, and looked up ever after; and of
the events of one position that follow each other, all are like the second and the third where the third leaves the
state that the first one left.

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
PLACES = 2 * KEPT_BEATS
"""Of a state's number in the table that is searched for it; a power of two."""
WAYS = 32
"""States for which a position's events are known at a time, a power of two."""
WORTH = 32
"""Where more than one event in so many is in a state that is not known, placing the beats of all takes less time."""
NO_BEAT = -1
UNKNOWN = -1

COLUMNS = 8
STATE, FIRST, ODD, EVEN, AFTER_ODD, AFTER_EVEN = range(6)
"""Columns of ``steps``, half a line of a cache: the state that events of a position find; cycles that the first of them
takes; cycles of the third, fifth, … and of the second, fourth, …, EVEN 0 where they do not repeat like that; the states
that an odd number of events and an even one leave."""
LONGEST = 2**31
"""Cycles of an event that fit ``steps``; a beat waits for less than the pipeline's depth."""


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
    if known[0] + 3 > states.shape[0]:
        _forget(memory)
        state = _number(beats, memory)
    row = position * WAYS + (state & (WAYS - 1))
    steps[row, STATE], steps[row, FIRST] = state, _placed(beats, words, core, recent)
    after = steps[row, AFTER_ODD] = _number(beats, memory)
    steps[row, EVEN] = steps[row, ODD] = _placed(beats, words, core, recent)
    steps[row, AFTER_EVEN] = after
    if not _same(states[after], beats):
        steps[row, AFTER_EVEN] = _number(beats, memory)
        steps[row, ODD] = _placed(beats, words, core, recent)
        if not _same(states[after], beats):
            steps[row, EVEN] = 0
    return row


@part
def _last_services(events: Any, group: Any, groups: Any) -> Any:
    """Cycles that the last ``events`` events took, the newest of them in ``group``."""
    total = 0
    while groups[group, 0] <= events:
        many = groups[group, 0] - 1
        total += groups[group, 1] + many // 2 * (groups[group, 2] + groups[group, 3]) + many % 2 * groups[group, 3]
        events -= many + 1
        group -= 1
        if events == 0:
            return total
    newest = groups[group, 2 + (1 - groups[group, 0] % 2)]  # of an even number of events the last one is even
    return total + events // 2 * (groups[group, 2] + groups[group, 3]) + events % 2 * newest


@part
def _last_push(unhindered: Any, events: Any, release: Any, newest: Any, groups: Any, depth: Any) -> Any:
    """Cycle of the last push of a stretch, which is the last one of ``events`` so far."""
    if events <= depth or release - depth <= unhindered:
        return unhindered
    return max(unhindered, release + 1 - _last_services(depth + 1, newest - 1, groups))


@part
def _list(pieces: Any, parts: Any, masks: Any, counts: Any, listed: Any, held: Any) -> Any:
    """Count events of all parts and list those that hold some, without a branch; how many are listed."""
    size = 0
    for i in range(masks.size):
        many = _ones(pieces[parts[0, i]] & masks[i])
        counts[i] += many
        listed[size], held[size] = i, many
        size += many > 0
    return size


@part
def _row(parts: Any, listed: Any, held: Any, targets: Any, core: Any, memory: Any, out: Any) -> None:
    """One map, part by part of those ``listed`` that hold events."""
    first_word, words, groups = targets
    steps, depth, scan_words = memory[2], core[0], parts[2, parts.shape[1] - 1] + 1
    state = run = events = service = newest = release = first = filled = 0
    last, pushed = -1, SCAN_FILL - 1
    for k in range(listed.size):
        many, position, word = held[k], parts[1, listed[k]], parts[2, listed[k]]
        if run == 0 or word > last + 1:
            if run > 0:
                pushed = _last_push(first + run - 1, events, release, newest, groups, depth)
            first = pushed + word - last
            if first + 1 > release:
                state = _paused(state, first + 1 - release, memory)
                release = first + 1
            run = 0
        filled += word != last
        last, run, events, began = word, run + many, events + many, release
        while many > 0:
            row = position * WAYS + (state & (WAYS - 1))
            if steps[row, STATE] != state:
                row = _learn(state, position, words[first_word[position] : first_word[position + 1]], core, memory)
            odd, even = steps[row, ODD], steps[row, EVEN]
            behind = many - 1 if even > 0 else 0
            groups[newest, 0], groups[newest, 1] = behind + 1, steps[row, FIRST]
            groups[newest, 2], groups[newest, 3] = odd, even
            newest += 1
            release += steps[row, FIRST] + (behind >> 1) * (odd + even) + (behind & 1) * even
            state = steps[row, AFTER_ODD + (behind & 1)]
            many -= behind + 1
        service += release - began
    if run > 0:
        pushed = _last_push(first + run - 1, events, release, newest, groups, depth)
    out[PUSHES], out[PASSES], out[SERVICE] = events, scan_words - filled, service
    behind = scan_words - 1 - last
    out[SCAN_STALL] = pushed - (SCAN_FILL + events - 1 + out[PASSES] - behind) if events > 0 else 0
    out[CYCLES] = max(pushed + behind, release + core[1] if events > 0 else 0) + 2


@kernel
def scatter(rows: Any, parts: Any, masks: Any, first: Any, words: Any, core: Any, counts: Any, out: Any) -> Any:
    """Scatter phase of maps in ``rows``, from the first one on; the number of maps for which it was worth while.

    rows    uint8 (R, bytes), bit i of a row (little bit order) is neuron i of the map
    parts   int64 (3, V) of the map, cut at positions, scan words and 64 bits: 64-bit piece that the part lies in,
            position, scan word
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
        np.empty(((first.size - 1) * WAYS, COLUMNS), np.int32),
        np.empty((KEPT_BEATS // size, size), np.int32),
        np.zeros(2, np.int64),
        np.empty(size + RECENT, np.int64),
    )
    _forget(memory)
    pieces = np.zeros((rows.shape[1] + 7) // 8, np.uint64)
    as_bytes, groups = pieces.view(np.uint8), np.empty((64 * pieces.size, 4), np.int64)
    listed, held = np.empty(masks.size, np.int64), np.empty(masks.size, np.int64)
    done = events = 0
    learns = core[0] > 1 and (first[1:] - first[:-1]).max() * core[2] * core[1] < LONGEST
    for r in range(rows.shape[0]):
        _load(rows[r], as_bytes)
        size = _list(pieces, parts, masks, counts, listed, held)
        if learns and done == r and memory[4][1] <= core[6] + events // WORTH:
            _row(parts, listed[:size], held[:size], (first, words, groups), core, memory, out[r])
            events += out[r, PUSHES]
            done += 1
    return done

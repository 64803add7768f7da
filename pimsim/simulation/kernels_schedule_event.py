"""Cycles of the event core's scatter phase, exactly as docs/microarchitecture.md §4 defines them.

The contract, cycle 0 being the first of the step:

* Words of ``scan_width`` bits enter the scan register from cycle 2 on.  In every cycle the scanner pushes
  the lowest set bit of its word, or passes over an empty word; the next word is there in the next cycle.
  It stalls while it holds an event and the FIFO's registered level is its depth D.
* A push in cycle q is visible to the generator in q + 1.  An event popped in cycle p occupies the generator
  in cycles p + 1 … p + s, s = max(1, targets × beats); the next pop may fall in cycle p + s.
* The lanes write ``pipeline_depth`` cycles after the generator's cycle.  One cycle after the last write
  and the scanner's last word the core sees itself empty; the sweep starts in the cycle after that.

With w_e the word of event e this is the recurrence ::

    q_e = max(q_{e−1} + max(1, w_e − w_{e−1}), p_{e−D} + 1)        p_e = max(q_e + 1, p_{e−1} + s_{e−1})

which is solved here run by run, a run being consecutive words that all hold events.  Within a run q grows
by 1 per event when the FIFO has room; s ≥ 1, so an event that finds the generator busy is followed by
events that do.  A full FIFO cannot starve the generator when D ≥ 2: p_{e−D} + 2 ≤ p_{e−D} + s_{e−D} + …
+ s_{e−1} ≤ p_{e−1} + s_{e−1}; for D = 1 the same holds with services max(2, s).  Hence, exactly ::

    p_first = max(q_first + 1, p_prev + s_prev)        p_e = p_first + s_first + … + s_{e−1}
    q_last  = max(q_prev + w_first − w_prev + n − 1, p_{last−D} + 1)

so a run costs a few population counts instead of a loop over its events.  ``tests/naive_schedule.py`` steps the
same machine clock by clock.  This module is self-contained: an njit cache does not notice edits elsewhere.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

FIELDS = 4
EVENTS, EMPTY_WORDS, STALL, CYCLES = range(FIELDS)
"""Columns of ``out``: events; words without any; cycles that the scanner stalled; cycles before the sweep."""

SCAN_FILL = 2
"""Cycles from the start of a step until the first word is in the scan register."""

SHORT = 12
"""Runs of fewer pieces are counted word by word: vector loops take some 50 ns to set up."""


def _ones_of(typing_context: Any, word: Any) -> Any:  # noqa: ARG001 - numba's signature
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


_ones: Any = intrinsic(_ones_of)
"""Population count of a uint64; LLVM turns loops of it into vector instructions."""


@numba.njit(cache=True, nogil=True, inline="always")
def _load(row: Any, piece_bytes: Any, tail_mask: Any, pieces: Any, as_bytes: Any) -> None:
    """Unpack one spike map into words of at most 64 bits, the rest of the last one cleared.

    Bytes behind the row's end are never written, so they stay 0.
    """
    size = row.size
    if piece_bytes == 8:
        for i in range(size):  # twenty times faster than assigning a slice
            as_bytes[i] = row[i]
    else:
        pieces[:] = 0
        for i in range(size):
            pieces[i // piece_bytes] |= np.uint64(row[i]) << np.uint64(8 * (i % piece_bytes))
    pieces[(size - 1) // piece_bytes] &= tail_mask


@numba.njit(cache=True, nogil=True)
def _total(words: Any) -> Any:
    total = 0
    for i in range(words.size):  # from 0: an index that might be negative would cost the vector instructions
        total += _ones(words[i])
    return total


@numba.njit(cache=True, nogil=True)
def _masked(words: Any, mask: Any) -> Any:
    total = 0
    for i in range(min(words.size, mask.size)):
        total += _ones(words[i] & mask[i])
    return total


@numba.njit(cache=True, nogil=True)
def _count_run(pieces: Any, planes: Any, weights: Any, first: Any, end: Any, counts: Any) -> Any:
    """Events and generator cycles of pieces [first, end); adds each plane's events to ``counts``."""
    held = cycles = 0
    if end - first < SHORT:
        for i in range(first, end):
            held += _ones(pieces[i])
            for plane in range(weights.size):
                inside = _ones(pieces[i] & planes[plane, i])
                counts[plane] += inside
                cycles += inside * weights[plane]
        return held, cycles
    held = _total(pieces[first:end])
    for plane in range(weights.size):
        inside = _masked(pieces[first:end], planes[plane, first:end])
        counts[plane] += inside
        cycles += inside * weights[plane]
    return held, cycles


@numba.njit(cache=True, nogil=True)
def _service_of_last(pieces: Any, planes: Any, weights: Any, piece: Any, events: Any) -> Any:
    """Generator cycles of the last ``events`` events up to and including ``piece``."""
    cycles = 0
    while events > 0:
        word = pieces[piece]
        held = _ones(word)
        for _ in range(held - events):  # drop the lowest ones beyond what is asked for
            word &= word - np.uint64(1)
        for plane in range(weights.size):
            cycles += weights[plane] * _ones(word & planes[plane, piece])
        events -= held
        piece -= 1
    return cycles


@numba.njit(cache=True, nogil=True, inline="always")
def _run_end(pieces: Any, word: Any, words: Any, span: Any) -> Any:
    """First word at or behind ``word`` that holds no event."""
    if span == 1:
        while word < words and pieces[word] != 0:
            word += 1
        return word
    while word < words:
        for i in range(word * span, (word + 1) * span):
            if pieces[i] != 0:
                break
        else:
            return word
        word += 1
    return word


@numba.njit(cache=True, nogil=True)
def _scatter_row(
    pieces: Any, planes: Any, weights: Any, layout: Any, core: Any, work: Any, counts: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Run by run through one map: events, empty words, last word with an event, last push, generator's release."""
    span, words, depth, least = layout[1], layout[2], core[0], core[2]
    events = empty = runs = oldest = word = release = 0
    pushed, before = SCAN_FILL - 1, -1  # as if a word −1 had ended in the cycle before the first word
    while word < words:
        end = _run_end(pieces, word, words, span)
        if end == word:
            empty += 1
            word += 1
            continue
        held, cycles = _count_run(pieces, planes, weights, word * span, end * span, counts)
        earliest = pushed + word - before
        release = max(earliest + 1, release) + cycles
        work[0, runs], work[1, runs], work[2, runs] = events, end * span - 1, release
        runs += 1
        events += held
        pushed = earliest + held - 1
        if events > depth and release - (depth + 1) * least + 1 > pushed:  # else the FIFO cannot have been full
            blocker = events - 1 - depth
            while oldest + 1 < runs and work[0, oldest + 1] <= blocker:
                oldest += 1
            behind = work[0, oldest + 1] if oldest + 1 < runs else events
            late = _service_of_last(pieces, planes, weights, work[1, oldest], behind - blocker)
            pushed = max(pushed, work[2, oldest] - late + 1)
        before = end - 1
        word = end
    return events, empty, before, pushed, release


@numba.njit(cache=True, nogil=True)
def scatter(
    rows: Any, layout: Any, tail_mask: Any, planes: Any, weights: Any, core: Any, work: Any, counts: Any, out: Any
) -> None:
    """Scatter phase of every map in ``rows``.

    rows     uint8 (R, bytes), bit i of a row (little bit order) is neuron i of the map
    layout   int64: bytes per piece (a scan word, or 64 bits of a wider one), pieces per scan word, scan words
    planes   uint64 (P, pieces) masks: the events of a mask add ``weights`` (P,) generator cycles each
    core     int64: FIFO depth, pipeline depth, least service of any event, plane of events whose service was
             raised from 1 to 2 (a FIFO of one entry), or −1
    work     int64 (3, pieces + 1), scratch: first event, last piece and release cycle of each run
    counts   int64 (R, P) out: events in each plane
    out      int64 (R, FIELDS) out
    """
    words, pipeline, raised = layout[2], core[1], core[3]
    pieces = np.zeros(words * layout[1], np.uint64)
    as_bytes = pieces.view(np.uint8)
    for r in range(rows.shape[0]):
        _load(rows[r], layout[0], tail_mask, pieces, as_bytes)
        counts[r, :] = 0
        events, empty, before, pushed, release = _scatter_row(pieces, planes, weights, layout, core, work, counts[r])
        out[r, EVENTS] = events
        out[r, EMPTY_WORDS] = empty
        if events == 0:
            out[r, STALL] = 0
            out[r, CYCLES] = SCAN_FILL + words + 1
            continue
        trailing = words - 1 - before
        out[r, STALL] = pushed - (SCAN_FILL + events - 1 + empty - trailing)
        written = release + pipeline
        if raised >= 0:
            written -= _last_is_raised(pieces, planes[raised], before * layout[1] + layout[1] - 1)
        out[r, CYCLES] = max(pushed + trailing, written) + 2


@numba.njit(cache=True, nogil=True)
def _last_is_raised(pieces: Any, plane: Any, piece: Any) -> Any:
    """1 if the last event at or before ``piece`` lies in ``plane``, else 0."""
    while pieces[piece] == 0:
        piece -= 1
    bits = pieces[piece]
    while bits & (bits - np.uint64(1)) != 0:
        bits &= bits - np.uint64(1)
    return 1 if bits & plane[piece] != 0 else 0

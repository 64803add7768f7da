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

which is solved here run by run, a run being consecutive words that all hold events.  Inside a run q grows by 1
per event while the FIFO has room; s ≥ 1, so an event that finds the generator busy is followed by events that
do.  A full FIFO cannot starve the generator when D ≥ 2: p_{e−D} + 2 ≤ p_{e−D} + s_{e−D} + … + s_{e−1} ≤
p_{e−1} + s_{e−1}; for D = 1 the same holds with services max(2, s).  Hence, exactly, for a run of n events
behind the gap g = w_first − w_prev ::

    p_first = max(q' + 1, p_prev + s_prev)      p_e = p_first + s_first + … + s_{e−1}      q' = q_prev + g
    q_last  = max(q' + n − 1, p_{last−D} + 1)

and a run costs some population counts instead of a loop over its events.  Where q_last is the second, the
generator has not waited since p_{last−D}, which is p_last + s_last less the services of the last D + 1 events;
where it is the first, that difference is no larger than q_last − 1, so it can be taken throughout.
``tests/naive_event.py`` steps the same machine clock by clock.  Everything that is compiled stands in this module:
a cache of compiled code does not notice edits elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from pimsim.simulation.compiled import kernel, part

FIELDS = 5
EVENTS, EMPTY_WORDS, STALL, SCANNED, ISSUED = range(FIELDS)
"""Columns of ``out``: events; words without any; cycles that the scanner stalled; cycle of the last word; cycle of the
last slot, or `NO_SLOT`.  No column depends on the pipeline of the lanes, whose last stage is ``depth`` cycles behind a
slot: the sweep starts in max(SCANNED, ISSUED + depth) + 2."""

NO_SLOT = -(2**31)
"""Long before every cycle."""

SCAN_FILL = 2
"""Cycles from the start of a step until the first word is in the scan register."""


def _ones_of(typing_context: Any, word: Any) -> Any:  # noqa: ARG001 - numba's signature
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


_ones: Any = intrinsic(_ones_of)
"""Population count of a uint64; LLVM turns loops of it into vector instructions."""


@part
def _spread(narrow: Any, pieces: Any) -> None:
    """Narrower words in the front of the memory of ``pieces`` to one piece each, the last one first."""
    for back in range(1, pieces.size + 1):
        pieces[pieces.size - back] = narrow[pieces.size - back]


@part
def _load(row: Any, piece_bytes: Any, tail_mask: Any, pieces: Any, as_bytes: Any) -> None:
    """Unpack one spike map into words of at most 64 bits, the rest of the last one cleared.

    Where words have 64 bits, bytes behind the row's end are never written, so they stay 0.
    """
    size = row.size
    for i in range(size):  # twenty times faster than assigning a slice
        as_bytes[i] = row[i]
    if piece_bytes < 8:
        for i in range(size, pieces.size * piece_bytes):
            as_bytes[i] = 0
        if piece_bytes == 4:
            _spread(as_bytes.view(np.uint32), pieces)
        elif piece_bytes == 2:
            _spread(as_bytes.view(np.uint16), pieces)
        else:
            _spread(as_bytes, pieces)
    pieces[(size - 1) // piece_bytes] &= tail_mask


@part
def _count(pieces: Any, held: Any) -> None:
    """Events of each piece."""
    for i in range(min(pieces.size, held.size)):  # from 0: an index that might be negative costs the vector code
        held[i] = _ones(pieces[i])


@part
def _add_service(pieces: Any, mask: Any, weight: Any, cycles: Any) -> Any:
    """Adds ``weight`` for each event under ``mask`` to each piece's ``cycles``; returns the number of such events."""
    total = 0
    for i in range(min(pieces.size, mask.size, cycles.size)):
        inside = _ones(pieces[i] & mask[i])
        cycles[i] += weight * inside
        total += inside
    return total


@part
def _join(span: Any, held: Any, cycles: Any) -> None:
    """Sums over the pieces of each scan word, in place."""
    for word in range(held.size // span):
        events = service = 0
        for i in range(word * span, (word + 1) * span):
            events += held[i]
            service += cycles[i]
        held[word], cycles[word] = events, service


@part
def _service_of_last(
    events: Any, word: Any, span: Any, pieces: Any, held: Any, cycles: Any, planes: Any, weights: Any
) -> Any:
    """Generator cycles of the last ``events`` events up to and including ``word``."""
    total = 0
    while held[word] < events:  # whole words
        total += cycles[word]
        events -= held[word]
        word -= 1
    piece = (word + 1) * span - 1
    while events > 0:
        bits = pieces[piece]
        inside = _ones(bits)
        for _ in range(inside - events):  # drop the lowest ones beyond what is asked for
            bits &= bits - np.uint64(1)
        for plane in range(weights.size):
            total += weights[plane] * _ones(bits & planes[plane, piece])
        events -= inside
        piece -= 1
    return total


@part
def _scatter_row(
    pieces: Any, held: Any, cycles: Any, planes: Any, weights: Any, span: Any, core: Any, out: Any
) -> tuple[Any, Any]:
    """Run by run through one map: fills ``out``; last word with an event (−1: none), end of the last service."""
    depth, least = core[0], core[1]
    words = held.size // span
    events = empty = word = release = behind = 0
    last, pushed = -1, SCAN_FILL - 1  # as if a word −1 had been pushed in the cycle before the first word
    while word < words:
        run = service = 0
        while word < words and held[word] != 0:
            run += held[word]
            service += cycles[word]
            word += 1
        if run == 0:
            empty += 1
            behind += 1
            word += 1
            continue
        earliest = pushed + behind + 1
        release = max(earliest + 1, release) + service
        pushed = earliest + run - 1
        events += run
        last, behind = word - 1, 0
        if events > depth and release - (depth + 1) * least + 1 > pushed:
            late = _service_of_last(depth + 1, last, span, pieces, held, cycles, planes, weights)
            pushed = max(pushed, release + 1 - late)
    out[EVENTS], out[EMPTY_WORDS] = events, empty
    out[STALL] = pushed - (SCAN_FILL + events - 1 + empty - behind) if events > 0 else 0
    out[SCANNED] = pushed + behind
    return last, release


@kernel
def scatter(
    rows: Any, layout: Any, tail_mask: Any, planes: Any, weights: Any, core: Any, counts: Any, out: Any
) -> None:
    """Scatter phase of every map in ``rows``.

    rows     uint8 (R, bytes), bit i of a row (little bit order) is neuron i of the map
    layout   int64: bytes per piece (a scan word, or 64 bits of a wider one), pieces per scan word, scan words
    planes   uint64 (P, pieces) masks: the events of a mask add ``weights`` (P,) generator cycles each
    core     int64: FIFO depth, least service of any event, mask of events whose service was raised from 1 to 2
             (a FIFO of one entry), or −1
    counts   int64 (R, P) out: events in each mask
    out      int64 (R, FIELDS) out
    """
    raised = core[2]
    pieces = np.zeros(layout[1] * layout[2], np.uint64)
    as_bytes = pieces.view(np.uint8)
    held, cycles = np.empty(pieces.size, np.int64), np.empty(pieces.size, np.int64)
    for r in range(rows.shape[0]):
        _load(rows[r], layout[0], tail_mask, pieces, as_bytes)
        _count(pieces, held)
        cycles[:] = 0
        for plane in range(planes.shape[0]):
            counts[r, plane] = _add_service(pieces, planes[plane], weights[plane], cycles)
        if layout[1] > 1:
            _join(layout[1], held, cycles)
        last, issued = _scatter_row(pieces, held, cycles, planes, weights, layout[1], core, out[r])
        if last >= 0 and raised >= 0:
            issued -= _last_is_raised(pieces, planes[raised], (last + 1) * layout[1] - 1)
        out[r, ISSUED] = issued if last >= 0 else NO_SLOT


@part
def _last_is_raised(pieces: Any, plane: Any, piece: Any) -> Any:
    """1 if the last event at or before ``piece`` lies in ``plane``, else 0."""
    while pieces[piece] == 0:
        piece -= 1
    bits = pieces[piece]
    while bits & (bits - np.uint64(1)) != 0:
        bits &= bits - np.uint64(1)
    return 1 if bits & plane[piece] != 0 else 0

"""Cycles of the dense engines, exactly as docs/microarchitecture.md §5 (crossbar) and §6 (multipliers) define them.

Both contracts count from cycle 0 of one evaluation of a layer's sums.

Crossbar, per group of output positions (one position per copy of the weights):

* groups are of two kinds, whole ones and a last smaller one, in which fewer columns may have to be converted;
* the loader issues one read per cycle; the shadow row registers are full one cycle after the last read and
  swap with the active ones in the cycle after that, not before the last pulse's last cycle;
* a pulse starts when the columns are free: with sample-and-hold once the sample before was taken, else when
  its conversion ended; conversion starts after the pulse, when the converter is free and, for a group's first,
  not more than one cycle before the sums of the group before move to the writer;
* sums move (one cycle) two cycles after the last conversion's last cycle, when the writer has written all
  words before; then one word per cycle is corrected and written ``correction_depth`` cycles later.

Multipliers, per tile of weights: the fetch occupies the port, the last weight is registered one cycle after
it, then every position takes the tile's interval.  With overlap the next tile is fetched into shadow
registers, which swap in the last cycle of the multiplication before or later.

``tests/naive_schedule.py`` steps both machines clock by clock.  Self-contained: see `kernels_schedule_event`.
"""

from __future__ import annotations

from typing import Any

from pimsim.simulation.compiled import kernel

CROSSBAR_FIELDS = 7
END, LOADING, LOAD_STALL, PULSING, PULSE_STALL, CONVERTING, WRITING = range(CROSSBAR_FIELDS)
"""Columns of a crossbar result: cycles until the round's last word is written, then busy and stall cycles."""

MULTIPLIER_FIELDS = 5
FINISH, FETCHING, FETCH_STALL, MULTIPLYING, MULTIPLY_STALL = range(MULTIPLIER_FIELDS)


@kernel
def crossbar_round(groups: Any, pulses: Any, conversions: Any, engine: Any, out: Any) -> None:
    """One round of tiles over all groups of positions.

    groups       int64 (G, 3): reads that load a group, words that its sums are written in, its kind
    pulses       int64 (P,): cycles of each pulse of a group
    conversions  int64 (kinds, P): cycles of the conversion after each pulse
    engine       int64: sample-and-hold (0 or 1), correction depth
    out          int64 (CROSSBAR_FIELDS,) out
    """
    hold, correction = engine[0] == 1, engine[1]
    out[:] = 0
    load = swap = moved = 0
    columns_free = converter_free = pulse_end = 0
    for g in range(groups.shape[0]):
        reads, words, kind = groups[g, 0], groups[g, 1], groups[g, 2]
        if g > 0:
            loaded = load + groups[g - 1, 0]
            load = max(loaded, swap)
            out[LOAD_STALL] += load - loaded
        swap = load + reads + 1
        if g > 0:
            swap = max(swap, pulse_end - 1)
        for k in range(pulses.size):
            start = max(columns_free, swap + 1) if k == 0 else columns_free
            pulse_end = start + pulses[k]
            sample = max(pulse_end, converter_free)
            if k == 0 and g > 0:
                sample = max(sample, moved - 1)
            conversion = conversions[kind, k]
            converter_free = sample + conversion
            columns_free = sample if hold else converter_free
            out[PULSING] += pulses[k]
            out[PULSE_STALL] += columns_free - pulse_end
            out[CONVERTING] += conversion
        written = moved + groups[g - 1, 1] if g > 0 else 0
        moved = max(converter_free + 1, written)
        out[LOADING] += reads
        out[WRITING] += words
    out[END] = moved + groups[groups.shape[0] - 1, 1] + correction + 1


@kernel
def multiplier_tiles(fetch: Any, interval: Any, engine: Any, out: Any) -> None:
    """All tiles of a layer, one after the other.

    fetch, interval  int64 (tiles,) port cycles of a tile's weights; cycles from one position to the next
    engine           int64: positions, cycles of one multiplication, overlap (0 or 1), pipeline depth
    out              int64 (MULTIPLIER_FIELDS,) out
    """
    positions, multiply, overlap, pipeline = engine[0], engine[1], engine[2] == 1, engine[3]
    out[:] = 0
    port = compute_end = 0
    for j in range(fetch.size):
        full = port + fetch[j]
        swap = full + 1
        if overlap and j > 0:
            swap = max(swap, compute_end - 1)
        start = swap + 1 if overlap else swap
        compute_end = start + positions * interval[j]
        port = max(full, swap) if overlap else compute_end
        out[FETCHING] += fetch[j]
        if overlap and j + 1 < fetch.size:
            out[FETCH_STALL] += port - full
        out[MULTIPLYING] += positions * multiply
        out[MULTIPLY_STALL] += positions * (interval[j] - multiply)
    out[FINISH] = compute_end + pipeline

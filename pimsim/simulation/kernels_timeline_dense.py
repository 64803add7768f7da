"""When everything happens on the dense engines; docs/microarchitecture.md §5.3 (crossbar) and §6 (multipliers).

The recurrences are those of `kernels_schedule_dense`, which adds up what these write down.  Self-contained: a cache of
compiled code does not notice edits elsewhere.
"""

from __future__ import annotations

from typing import Any

from pimsim.simulation.compiled import kernel


@kernel
def crossbar_cycles(
    groups: Any, pulses: Any, conversions: Any, engine: Any, load: Any, swap: Any, pulse: Any, sample: Any, move: Any
) -> None:
    """One round of tiles, from its first read in cycle 0 on.

    groups       int64 (G, 3): reads that load a group, words that its sums are written in, its kind
    pulses       int64 (P,): cycles of each pulse of a group
    conversions  int64 (kinds, P): cycles of the conversion after each pulse
    engine       int64: sample-and-hold (0 or 1)
    load         int64 (G,) out: λ, cycle of a group's first read;  swap (G,): σ;  move (G,): τ
    pulse        int64 (G, P) out: first cycle of each pulse;  sample (G, P): first cycle of its conversion
    """
    hold = engine[0] == 1
    columns_free = converter_free = 0
    for g in range(groups.shape[0]):
        load[g] = max(load[g - 1] + groups[g - 1, 0], swap[g - 1]) if g > 0 else 0
        swap[g] = load[g] + groups[g, 0] + 1
        if g > 0:
            swap[g] = max(swap[g], pulse[g - 1, pulses.size - 1] + pulses[pulses.size - 1] - 1)
        for k in range(pulses.size):
            pulse[g, k] = max(columns_free, swap[g] + 1) if k == 0 else columns_free
            begin = max(pulse[g, k] + pulses[k], converter_free)
            if k == 0 and g > 0:
                begin = max(begin, move[g - 1] - 1)
            sample[g, k] = begin
            converter_free = begin + conversions[groups[g, 2], k]
            columns_free = begin if hold else converter_free
        move[g] = converter_free + 1
        if g > 0:
            move[g] = max(move[g], move[g - 1] + groups[g - 1, 1])


@kernel
def multiplier_cycles(fetch: Any, interval: Any, engine: Any, port: Any, start: Any) -> None:
    """All tiles of a layer, from the first cycle of the port on.

    fetch, interval  int64 (tiles,) port cycles of a tile's weights; cycles from one position to the next
    engine           int64: positions, overlap (0 or 1)
    port, start      int64 (tiles,) out: first cycle of a tile's fetch, and of its first position
    """
    positions, overlap = engine[0], engine[1] == 1
    free = compute_end = 0
    for j in range(fetch.size):
        port[j] = free
        full = free + fetch[j]
        swap = full + 1
        if overlap and j > 0:
            swap = max(swap, compute_end - 1)
        start[j] = swap + 1 if overlap else swap
        compute_end = start[j] + positions * interval[j]
        free = max(full, swap) if overlap else compute_end

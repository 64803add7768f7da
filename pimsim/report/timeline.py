"""Units over cycles as a trace for Perfetto and Chrome (https://ui.perfetto.dev, chrome://tracing).

One microsecond of the viewer is one cycle.  Processes are engines, or with a pipeline layers; threads are units; slices
are stretches in which a unit is busy or stalled.  Where there are too many of them, those that begin close together
are one slice, which says how many of its cycles were what: cycles add up to those of the report, however coarse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pimsim.simulation.timeline import Phase, Timeline
from pimsim.simulation.timeline_records import STEP, SUMS
from pimsim.simulation.waves import Int64Array, Wave

MOST_SLICES = 100_000
"""Slices of units in a file, some 12 MB."""

BUSY, STALL, MIXED = "busy", "stall", "busy and stall"
"""Names of slices; one that is mixed, or holds idle cycles, says how many cycles of it are busy and stalled."""

PORT = "membrane_port"
"""The port of the bank with the most accesses: a unit without signals of its own."""

LAYERS = "layers"
"""Thread that shows which layer is at work, in which step."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches of one unit during a phase, in order: first cycle, the one behind the last, and which are stalls."""

    phase: Phase
    unit: str
    start: Int64Array
    stop: Int64Array
    stalled: Int64Array


@dataclass(frozen=True)
class Slices:
    """How a timeline was drawn: a unit's stretches that begin in the same ``grain`` cycles are one slice."""

    slices: int
    grain: int
    cycles: int


def timeline_trace(line: Timeline, *, description: str = "", most: int = MOST_SLICES) -> tuple[bytes, Slices]:
    """The file's content (JSON), and how fine it is."""
    runs = [*_unit_runs(line)]
    grain = 1
    while (count := sum(_slices_of(one, grain) for one in runs)) > most and grain < line.cycles:
        grain *= 2
    tracks = _Tracks(line)
    events = [*_phase_events(line, tracks)]
    for one in runs:
        events += _slices(one, _joined(one, grain), tracks)
    events = [*tracks.names(), *events]
    content = {"traceEvents": events, "displayTimeUnit": "ns", "otherData": {"run": description, "cycles": line.cycles}}
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode(), Slices(count, grain, line.cycles)


def _unit_runs(line: Timeline) -> Iterator[Runs]:
    """Of every unit in every phase, and of the busiest bank's port."""
    banks: dict[int, dict[str, list[tuple[Phase, Wave]]]] = {}
    for phase in line.phases:
        waves = {wave.name: wave for wave in phase.waves()}
        for name, wave in waves.items():
            if name.endswith("_busy"):
                unit = name.removesuffix("_busy")
                yield _runs(phase, unit, wave, waves.get(f"{unit}_stall"))
            elif name.startswith("bank_access_"):
                banks.setdefault(phase.layer, {}).setdefault(name, []).append((phase, wave))
    for layer in banks.values():
        busiest = max(layer.values(), key=lambda found: sum(wave.total(phase.cycles) for phase, wave in found))
        for phase, wave in busiest:
            yield _runs(phase, PORT, wave, None)


def _runs(phase: Phase, unit: str, busy: Wave, stall: Wave | None) -> Runs:
    start, stop = _stretches(busy, phase.cycles)
    held, free = _stretches(stall, phase.cycles) if stall is not None else (start[:0], stop[:0])
    starts, stops = np.concatenate([start, held]), np.concatenate([stop, free])
    stalled = np.repeat(np.array([0, 1], np.int64), [len(start), len(held)])
    order = np.argsort(starts, kind="stable")
    return Runs(phase, unit, starts[order] + phase.start, stops[order] + phase.start, stalled[order])


def _stretches(wave: Wave, length: int) -> tuple[Int64Array, Int64Array]:
    """Where a signal is not 0: first cycles, and those behind the last ones."""
    on = np.flatnonzero(wave.values != 0)
    begins, ends = wave.cycles[on], np.append(wave.cycles, length)[on + 1]
    apart = np.append(True, begins[1:] != ends[:-1])[: len(begins)]
    return begins[apart], ends[np.append(apart[1:], True)[: len(ends)]]


def _slices_of(one: Runs, grain: int) -> int:
    """How many slices `_joined` makes."""
    return int(np.count_nonzero(np.diff(one.start // grain))) + (len(one.start) > 0)


def _joined(one: Runs, grain: int) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Start, stop, busy and stalled cycles of every slice."""
    length = one.stop - one.start
    busy, stalled = length * (1 - one.stalled), length * one.stalled
    if len(length) == 0:
        return one.start, one.stop, busy, stalled
    first = np.flatnonzero(np.diff(one.start // grain, prepend=-1))
    last = np.append(first[1:], len(length)) - 1
    return one.start[first], one.stop[last], np.add.reduceat(busy, first), np.add.reduceat(stalled, first)


class _Tracks:
    """Numbers of processes and threads, which viewers want, and their names."""

    def __init__(self, line: Timeline) -> None:
        self._line = line
        self._processes: dict[str, int] = {}
        self._threads: dict[tuple[int, str], int] = {}

    def place(self, layer: int, unit: str) -> dict[str, object]:
        """Where slices of a unit go: the engine that layers share, or the layer's own."""
        name, engine = self._line.layers[layer]
        process = self._processes.setdefault(engine if self._line.shared else name, len(self._processes) + 1)
        return {"pid": process, "tid": self._threads.setdefault((process, unit), len(self._threads) + 1)}

    def names(self) -> Iterator[dict[str, object]]:
        """Metadata, and the order in which viewers list them: that of their first slices."""
        for name, pid in self._processes.items():
            yield {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}}
            yield {"name": "process_sort_index", "ph": "M", "pid": pid, "args": {"sort_index": pid}}
        for (pid, unit), tid in self._threads.items():
            yield {"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": {"name": unit}}
            yield {"name": "thread_sort_index", "ph": "M", "pid": pid, "tid": tid, "args": {"sort_index": tid}}


def _slices(
    one: Runs, part: tuple[Int64Array, Int64Array, Int64Array, Int64Array], tracks: _Tracks
) -> Iterator[dict[str, object]]:
    where = tracks.place(one.phase.layer, one.unit)
    for start, stop, busy, stalled in zip(*(column.tolist() for column in part), strict=True):
        kind = BUSY if busy == stop - start else STALL if stalled == stop - start else MIXED
        cycles: dict[str, object] = {"args": {BUSY: busy, STALL: stalled}} if kind == MIXED else {}
        yield {"name": kind, "ph": "X", "ts": start, "dur": stop - start, **where, **cycles}


def _phase_events(line: Timeline, tracks: _Tracks) -> Iterator[dict[str, object]]:
    for phase in line.phases:
        name = f"{line.layers[phase.layer][0]}: {_what(phase)}"
        where = tracks.place(phase.layer, LAYERS)
        yield {"name": name, "ph": "X", "ts": phase.start, "dur": phase.cycles, **where}


def _what(phase: Phase) -> str:
    if phase.step is None:
        return SUMS
    return f"step {phase.step + 1}" if phase.kind == STEP else f"{phase.kind} of step {phase.step + 1}"

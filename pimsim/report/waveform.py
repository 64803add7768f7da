"""A waveform of one inference as a value change dump (VCD), for GTKWave, Surfer and the like; needs pyvcd.

One unit of time is one cycle.  Scopes are the machine, its layers, and their units; signals carry the names of the
register-transfer description, and outside of a layer's activities are 0.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from pimsim.errors import MissingPackageError
from pimsim.simulation.timeline import Timeline
from pimsim.simulation.waves import Int64Array, Wave, changing

MOST_CHANGES = 5_000_000
"""Value changes that a file may hold, some 60 MB; the waveform ends where they are used up."""

TOP = "pimsim"

Key = tuple[int, str, str]
"""Layer, unit and name of a signal."""


@dataclass(frozen=True)
class Drawn:
    """What a file shows: cycles ``first`` … ``stop`` − 1 of the inference's ``cycles``, and whether more was wanted."""

    first: int
    stop: int
    cycles: int
    changes: int
    cut: bool


def check_installed() -> None:
    """Raise MissingPackageError where no waveform can be written; for before the long work."""
    if find_spec("vcd") is None:
        raise MissingPackageError('a waveform needs pyvcd, not installed here: pip install "pimsim[verify]"')


def waveform(
    line: Timeline, *, comment: str = "", cycles: tuple[int, int] | None = None, most: int = MOST_CHANGES
) -> tuple[bytes, Drawn]:
    """The file's content, and what it shows: ``cycles`` (first, stop) of the inference, by default all of them.

    It ends early, at the first cycle of which not all changes fit, where there would be more than ``most`` changes.
    """
    first, wanted = cycles if cycles is not None else (0, line.cycles)
    wanted = min(wanted, line.cycles)
    signals, reached = _signals(line, first, wanted, most)
    times, owners, values = _in_order(signals.values(), first, reached)
    stop = reached
    if len(times) > most:
        stop = int(times[most])
        kept = int(np.searchsorted(times, stop))
        times, owners, values = times[:kept], owners[:kept], values[:kept]
    text = _written(line, signals, (times, owners, values), first, stop, comment)
    return text.encode(), Drawn(first, stop, line.cycles, len(times), stop < wanted)


def _signals(line: Timeline, first: int, stop: int, most: int) -> tuple[dict[Key, Wave], int]:
    """Every signal over the inference, and the cycle up to which they are drawn: phases behind that are left out."""
    parts: dict[Key, list[Wave]] = {}
    drawn = 0
    for phase in line.phases:
        if phase.stop <= first or phase.start >= stop:
            continue
        if drawn > most:  # of phases that start no later than this one; those at work may show more than that
            stop = phase.start
            break
        for wave in phase.waves():
            placed = _ended(wave.later(phase.start), phase.stop)
            parts.setdefault((phase.layer, wave.unit, wave.name), []).append(placed)
            drawn += int(np.count_nonzero((placed.cycles >= first) & (placed.cycles < stop)))
    return {key: _joined(waves) for key, waves in sorted(parts.items(), key=lambda item: item[0][0])}, stop


def _ended(wave: Wave, stop: int) -> Wave:
    """0 from the end of its phase on."""
    return changing(wave.unit, wave.name, np.append(wave.cycles, stop), np.append(wave.values, 0), width=wave.width)


def _joined(waves: list[Wave]) -> Wave:
    """The signal of several phases, one after the other."""
    cycles = np.concatenate([wave.cycles for wave in waves])
    values = np.concatenate([wave.values for wave in waves])
    return changing(waves[0].unit, waves[0].name, cycles, values, width=max(wave.width for wave in waves))


def _in_order(signals: Iterable[Wave], first: int, stop: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Cycle, number of the signal and value of every change in the window, ordered by cycle."""
    inside = []
    for number, wave in enumerate(signals):
        low, high = np.searchsorted(wave.cycles, [first, stop])
        cycles, values = wave.cycles[low:high], wave.values[low:high]
        if low > 0 and (low == high or cycles[0] > first):  # what it has when the window begins
            cycles, values = np.append(first, cycles), np.append(wave.values[low - 1], values)
        inside.append((cycles, np.full(len(cycles), number, np.int64), values))
    times, owners, values = (np.concatenate(column) for column in zip(*inside, strict=True))
    order = np.argsort(times, kind="stable")
    return times[order], owners[order], values[order]


def _written(
    line: Timeline,
    signals: dict[Key, Wave],
    changes: tuple[Int64Array, Int64Array, Int64Array],
    first: int,
    stop: int,
    comment: str,
) -> str:
    """The dump itself."""
    from vcd import VCDWriter  # an optional package, and slow to import

    stream = io.StringIO()
    layers = _identifiers([name for name, _ in line.layers])
    with VCDWriter(
        stream, timescale="1 ns", date="", comment=comment, version="pimsim", init_timestamp=first
    ) as writer:
        variables = [
            writer.register_var((TOP, layers[layer], unit), name, "wire", size=wave.width, init=0)
            for (layer, unit, name), wave in signals.items()
        ]
        for time, owner, value in zip(*(column.tolist() for column in changes), strict=True):
            writer.change(variables[owner], time, value)
        writer.close(stop)
    return stream.getvalue()


def _identifiers(names: list[str]) -> list[str]:
    """Layer names as viewers take them: letters, digits and underscores, each once."""
    found: list[str] = []
    for number, name in enumerate(names):
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        found.append(plain if plain not in found else f"{plain}_{number}")
    return found

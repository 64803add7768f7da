"""Signals over cycles, as a hardware description would show them: what a waveform is made of.

A signal is kept as its changes, so that long stretches in which nothing happens cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

NONE = np.empty(0, np.int64)
"""No cycle."""


@dataclass(frozen=True, eq=False)
class Wave:
    """One signal of a unit: ``values[i]`` from ``cycles[i]`` on (both int64), 0 before; cycles grow, neighbours differ.

    ``name`` is the signal's name in the register-transfer description, ``unit`` the scope it stands in.
    """

    unit: str
    name: str
    width: int
    cycles: Int64Array
    values: Int64Array

    def total(self, length: int) -> int:
        """Σ of the value over the cycles 0 … ``length`` − 1."""
        lasting = np.diff(np.append(np.minimum(self.cycles, length), length))
        return int(self.values @ lasting)

    def dense(self, length: int) -> Int64Array:
        """(length,) the value in every cycle."""
        edges = np.concatenate([[0], np.minimum(self.cycles, length), [length]])
        return np.repeat(np.concatenate([[0], self.values]), np.diff(edges))

    def later(self, cycles: int) -> Wave:
        """The same, so many cycles later."""
        return replace(self, cycles=self.cycles + cycles)


def changing(unit: str, name: str, cycles: Int64Array, values: Int64Array, *, width: int | None = None) -> Wave:
    """A signal that has ``values[i]`` from ``cycles[i]`` on; of several in one cycle the last one counts."""
    last = np.append(np.diff(cycles) > 0, True)[: len(cycles)]
    cycles, values = cycles[last], values[last]
    differs = np.diff(values, prepend=0) != 0
    return Wave(unit, name, width or width_of(values), cycles[differs], values[differs])


def counting(unit: str, name: str, cycles: Int64Array, amounts: Int64Array | int = 1) -> Wave:
    """How many things happen in each cycle: ``amounts[i]`` of them in ``cycles[i]``, in any order."""
    order = np.argsort(cycles, kind="stable")
    placed = cycles[order]
    first = np.flatnonzero(np.append(True, np.diff(placed) != 0)[: len(placed)])
    ordered, sums = placed[first], np.diff(np.append(first, len(placed)))
    if isinstance(amounts, np.ndarray):
        sums = np.add.reduceat(amounts[order], first) if len(first) else sums
    else:
        sums = sums * amounts
    ends = ordered + 1
    alone = np.append(ends[:-1] != ordered[1:], True)[: len(ordered)]
    times = np.concatenate([ordered, ends[alone]])
    values = np.concatenate([sums, np.zeros(int(alone.sum()), np.int64)])
    order = np.argsort(times, kind="stable")
    return changing(unit, name, times[order], values[order])


def merged(waves: Iterable[Wave]) -> tuple[Wave, ...]:
    """Signals of one name added up, in the order of their first appearance."""
    groups: dict[tuple[str, str], list[Wave]] = {}
    for wave in waves:
        groups.setdefault((wave.unit, wave.name), []).append(wave)
    return tuple(parts[0] if len(parts) == 1 else _sum(parts) for parts in groups.values())


def _sum(waves: list[Wave]) -> Wave:
    times = np.concatenate([wave.cycles for wave in waves])
    steps = np.concatenate([np.diff(wave.values, prepend=0) for wave in waves])
    order = np.argsort(times, kind="stable")
    return changing(waves[0].unit, waves[0].name, times[order], np.cumsum(steps[order]))


def level(unit: str, name: str, up: Int64Array, down: Int64Array, *, width: int | None = None) -> Wave:
    """A register that each cycle of ``up`` raises and each of ``down`` lowers by 1, seen in the cycle behind."""
    times = np.concatenate([up, down]) + 1
    steps = np.repeat(np.array([1, -1], np.int64), [len(up), len(down)])
    order = np.argsort(times, kind="stable")
    return changing(unit, name, times[order], np.cumsum(steps[order]), width=width)


def lasting(unit: str, name: str, starts: Int64Array, stops: Int64Array) -> Wave:
    """1 in the cycles from each of ``starts`` to before its stop; stretches may meet, but not overlap."""
    return level(unit, name, starts - 1, stops - 1, width=1)


def without(cycles: Int64Array, taken: Int64Array) -> Int64Array:
    """Those of ``cycles``, all from 0 on, that are not among ``taken``."""
    marked = np.zeros(int(max(cycles.max(initial=-1), taken.max(initial=-1))) + 1, np.bool_)
    marked[taken] = True
    return cycles[~marked[cycles]]


def width_of(values: Int64Array) -> int:
    """Bits of the largest value, at least 1."""
    return max(1, int(values.max(initial=0)).bit_length())


def spread(starts: Int64Array, lengths: Int64Array | int) -> Int64Array:
    """Every cycle of stretches that begin in ``starts`` and take ``lengths`` cycles, one stretch after the other.

    >>> spread(np.array([3, 10]), np.array([2, 3])).tolist()
    [3, 4, 10, 11, 12]
    """
    many = np.broadcast_to(np.asarray(lengths, np.int64), starts.shape)
    before = np.cumsum(many) - many
    return np.repeat(starts - before, many) + np.arange(int(many.sum()), dtype=np.int64)

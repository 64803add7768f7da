"""A design space: its points by number, in order and at random.  docs/exploration.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pimsim.errors import ExplorationError, HardwareError
from pimsim.explore.around import one_at_a_time
from pimsim.explore.axis import HARDWARE, INPUT, MODEL, Axis, Span
from pimsim.explore.axis_values import at
from pimsim.explore.constraints import Constraint
from pimsim.explore.grid import Grid, grid_over
from pimsim.explore.metrics import Objective
from pimsim.explore.permutation import permuted
from pimsim.explore.point import Point, Row, Value
from pimsim.explore.walk_order import walk_order
from pimsim.hardware import from_dict

_Pair = tuple[str, Value]


class Chosen(NamedTuple):
    """What a point runs: names as in the space's file, None for the model's shipped trace, and the changed keys."""

    model: str
    hardware: str
    input: str | None
    overrides: dict[str, object]


@dataclass(frozen=True)
class Space:
    """A checked design space.

    models, hardware  names as the file has them; where there are several, an axis chooses
    inputs            model → trace or scene, None: the model's shipped trace; the axis ``input`` goes before it
    samples           of the input; None: all
    overrides         dotted path → value, of every point
    axes              in the file's order, those that choose files first
    machines          hardware name → what its file says
    content           all that the file says, resolved, in its own format
    folder            in which the file's relative names are looked up first
    """

    name: str
    description: str
    models: tuple[str, ...]
    hardware: tuple[str, ...]
    inputs: Mapping[str, str | None]
    samples: int | None
    overrides: Mapping[str, object]
    axes: tuple[Axis, ...]
    constraints: tuple[Constraint, ...]
    objectives: tuple[Objective, ...]
    machines: Mapping[str, Mapping[str, object]]
    content: Mapping[str, object]
    folder: Path

    @property
    def size(self) -> int | None:
        """Points of the grid; None where an axis has no steps."""
        return None if any(axis.span for axis in self.axes) else self.grid.size

    @cached_property
    def columns(self) -> tuple[tuple[str, type], ...]:
        """Axes with the type of their cells; text for an axis that mixes numbers with text."""
        return tuple((axis.name, _cell_type(axis)) for axis in self.axes)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of `content`, whose order matters, without the description."""
        told = {key: value for key, value in self.content.items() if key != "description"}
        return hashlib.sha256(json.dumps(told, allow_nan=False).encode()).hexdigest()

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Places in `axes`, from the axis that varies slowest to the fastest."""
        return walk_order(self.axes)

    @cached_property
    def grid(self) -> Grid:
        """In `order`; an axis without steps counts as one value."""
        return grid_over([self.axes[place] for place in self.order])

    def point(self, number: int) -> Point:
        """The point of the grid with a number in 0 … size − 1."""
        self.check_grid()
        if not 0 <= number < self.grid.size:
            raise ExplorationError(f'space "{self.name}" has points 0 … {self.grid.size - 1}, not {number}')
        return Point(number, self._values(self.grid.digits(number)))

    def points(self, start: int = 0, stop: int | None = None) -> Iterator[Point]:
        """Points ``start`` … ``stop`` − 1 of the grid in order; None: to the end."""
        self.check_grid()
        length = None if stop is None else max(stop - start, 0)
        for number, digits in enumerate(islice(self.grid.walk(start), length), start):
            yield Point(number, self._values(digits))

    def number(self, values: Mapping[str, Value] | Iterable[_Pair]) -> int:
        """Number in the grid of the point with these values.  Raises ExplorationError where there is none."""
        self.check_grid()
        given = dict(values)

        def digit(level: int) -> int:
            axis = self.axes[self.order[level]]
            return self._digit(axis, given.pop(axis.name, None))

        number = self.grid.number(digit)
        if given:
            raise ExplorationError(f'space "{self.name}": a point with these values has no axis {", ".join(given)}')
        return number

    def sample(self, count: int, *, seed: int, start: int = 0) -> Iterator[Point]:
        """Random points, numbered ``start`` … ``start + count`` − 1 or to the last one of a grid.

        No point of a grid comes twice; a longer sample begins with the shorter one.  Axes without steps are drawn
        anew for every point.
        """
        size = self.grid.size
        stop = start + count if self.size is None else min(start + count, size)
        for number in range(start, stop):
            turn, index = divmod(number, size)
            digits = self.grid.digits(permuted(index, size, f"{seed}/{turn}"))
            yield Point(number, self._values(digits, f"{seed}/{number}"))

    def around(self) -> Iterator[Point]:
        """The reference, which is the file's own machine or what is nearest to it, then every other value of every
        axis in turn, with all other axes as in the reference."""
        for number, values in enumerate(one_at_a_time(self.axes, self.overrides, self._resolved)):
            yield Point(number, tuple(values.items()))

    def chosen(self, point: Point) -> Chosen:
        """Files and changed keys of a point; a later override goes into the section that an earlier one set."""
        values = dict(point.values)
        overrides = dict(self.overrides)
        for name, value in point.values:
            settings = self._settings[name]
            overrides |= settings[value] if value in settings else dict.fromkeys(self._axis[name].paths, value)
        model = str(values.get(MODEL, self.models[0]))
        given = values.get(INPUT)
        return Chosen(
            model=model,
            hardware=str(values.get(HARDWARE, self.hardware[0])),
            input=self.inputs[model] if given is None else str(given),
            overrides=overrides,
        )

    def cells(self, point: Point) -> Row:
        """The columns of a point; None for an axis that it does not have."""
        values = dict(point.values)
        return {name: None if name not in values else kind(values[name]) for name, kind in self.columns}

    def locate(self, name: str) -> str:
        """Path of a file that stands beside the space's own, else the name as it is."""
        beside = self.folder / name
        return str(beside) if beside.is_file() else name

    def _resolved(self, values: Mapping[str, Value]) -> Mapping[str, object]:
        return self._machines_resolved[str(values.get(HARDWARE, self.hardware[0]))]

    @cached_property
    def _machines_resolved(self) -> dict[str, Mapping[str, object]]:
        """With defaults filled in, where the file is one without what axes add."""
        found = dict(self.machines)
        for name, content in self.machines.items():
            with suppress(HardwareError):
                found[name] = from_dict(content, overrides=self.overrides).to_dict()
        return found

    @cached_property
    def _axis(self) -> dict[str, Axis]:
        return {axis.name: axis for axis in self.axes}

    @cached_property
    def _place_of(self) -> dict[str, dict[Value, int]]:
        return {axis.name: {value: place for place, value in enumerate(axis.values)} for axis in self.axes}

    @cached_property
    def _settings(self) -> dict[str, dict[Value, Mapping[str, object]]]:
        return {axis.name: dict(zip(axis.values, axis.settings, strict=True)) for axis in self.axes}

    @cached_property
    def _pairs(self) -> tuple[tuple[int, str, tuple[_Pair, ...], Span | None], ...]:
        """Level in the grid, name, and what a point may hold of every axis, in the axes' order."""
        levels = {place: level for level, place in enumerate(self.order)}
        return tuple(
            (levels[place], axis.name, tuple((axis.name, value) for value in axis.values), axis.span)
            for place, axis in enumerate(self.axes)
        )

    def _values(self, digits: list[int], key: str = "") -> tuple[_Pair, ...]:
        return tuple(
            [
                pairs[digits[level]] if span is None else (name, at(span, f"{key}/{name}"))
                for level, name, pairs, span in self._pairs
                if digits[level] >= 0
            ]
        )

    def _digit(self, axis: Axis, value: Value | None) -> int:
        if value is None:
            raise ExplorationError(f'space "{self.name}": a value of axis {axis.name} is missing')
        place = self._place_of[axis.name].get(value)
        if place is None:
            raise ExplorationError(f'space "{self.name}": {axis.name}={value!r} is none of its values')
        return place

    def check_grid(self) -> None:
        """Raise ExplorationError where an axis has no steps."""
        free = [axis.name for axis in self.axes if axis.span]
        if free:
            names = f"axis {free[0]} has" if len(free) == 1 else f"axes {', '.join(free)} have"
            raise ExplorationError(
                f'space "{self.name}" has no grid: {names} no steps; sample it, search it, or give it a step or count'
            )


def _cell_type(axis: Axis) -> type:
    kinds = {type(value) for value in (axis.values if axis.span is None else (axis.span.low,))}
    return kinds.pop() if len(kinds) == 1 else str

"""A point's machine as a hardware file of its own, which ``pimsim run`` takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import yaml

from pimsim.errors import ExplorationError
from pimsim.explore.axis import INPUT, Axis
from pimsim.explore.point import Point, Value
from pimsim.explore.space import Space
from pimsim.hardware import from_dict

_WIDTH = 120
_LONGEST_NAME = 64
"""Of a hardware file."""


def machine_yaml(space: Space, row: Mapping[str, object]) -> str:
    """The whole hardware file of a row of results, with where it comes from and what it reached in comments.

    Raises ExplorationError where the row is none of the space's, HardwareError where it is no machine.
    """
    point = recorded_point(space, row)
    chosen = space.chosen(point)
    machine = from_dict(space.machines[chosen.hardware], origin=chosen.hardware, overrides=chosen.overrides)
    told = "\n".join(f"# {line}".rstrip() for line in _told(space, point, row))
    named = {**machine.to_dict(), "name": machine_name(space, point.number)}
    content = yaml.safe_dump(named, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return f"{told}\n{content}"


def machine_name(space: Space, point: int) -> str:
    """What a point's machine is called, so that several of a space can stand beside each other: ``NAME-000123``."""
    number = f"-{point:06d}"
    return space.name[: _LONGEST_NAME - len(number)] + number


def recorded_point(space: Space, row: Mapping[str, object]) -> Point:
    """The point that a row of results is of.  Raises ExplorationError where it is none of the space's."""
    number = row.get("point")
    if not isinstance(number, int):
        raise ExplorationError(f'space "{space.name}": a row without the number of its point')
    cells = ((axis, kind, row.get(name)) for axis, (name, kind) in zip(space.axes, space.columns, strict=True))
    values = ((axis.name, _value(space, axis, kind, cell)) for axis, kind, cell in cells if cell not in (None, ""))
    return Point(number, tuple(values))


def _value(space: Space, axis: Axis, kind: type, cell: object) -> Value:
    """What the axis takes for a cell, which is text where an axis has values of several types."""
    if axis.span is not None and isinstance(cell, int | float):
        return cell
    for value in axis.values:
        if kind(value) == cell:
            return value
    raise ExplorationError(f'space "{space.name}": {axis.name}={cell!r} is none of its values')


def _told(space: Space, point: Point, row: Mapping[str, object]) -> Iterator[str]:
    chosen = space.chosen(point)
    source = row.get(INPUT) or chosen.input
    samples = "" if space.samples is None else f" --samples {space.samples}"
    yield f'Point {point.number} of design space "{space.name}": hardware "{chosen.hardware}" with'
    for path, value in chosen.overrides.items():
        yield f"  {path}: {json.dumps(value)}"
    yield f"Evaluated as by: pimsim run --model {chosen.model} --hw THIS_FILE --input {source}{samples}"
    for objective in space.objectives:
        if row.get(objective.column) is not None:
            yield f"  {objective.column}: {row[objective.column]}"

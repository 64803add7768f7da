"""A point of a design space, a run of them as handed to a worker, and what is recorded of one."""

from __future__ import annotations

from dataclasses import dataclass

Value = bool | int | float | str
"""Of one axis."""
Cell = bool | int | float | str | None
Row = dict[str, Cell]
"""Column → value of one point; every row of an exploration has the same columns in the same order."""

OK, VIOLATES, REFUSED, FAILED = "ok", "violates", "refused", "failed"
STATUSES = (OK, VIOLATES, REFUSED, FAILED)
"""Of a row: evaluated; evaluated or not, but a constraint does not hold; the hardware file is wrong, the model does not
fit or the clock is too fast; an error of pimsim itself, or a worker that died of this point."""

BESIDE = ("point", "status", "reason", "bottleneck", "executed")
"""Columns of results beside files, axes and metrics."""


@dataclass(frozen=True)
class Point:
    """One machine with one model.

    number  its place in the exploration, from 0; in a full grid the place in the grid
    values  axis → value, of the axes that this point has, in the space's order
    """

    number: int
    values: tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Chunk:
    """Points with consecutive numbers from ``start`` on, evaluated by one worker and stored together."""

    start: int
    points: tuple[Point, ...]

    @property
    def stop(self) -> int:
        """The number behind the last one's."""
        return self.start + len(self.points)

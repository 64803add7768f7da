"""What one axis does alone: points that differ from a reference in nothing else.  docs/exploration.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pimsim.explore.arrow import compute, pa
from pimsim.explore.metrics import Objective
from pimsim.explore.point import Cell, Row
from pimsim.explore.selection import Mask


@dataclass
class Bar:
    """Least and greatest value of an objective as one axis is turned, the reference among them.

    ``points`` is how many others there are; ``least_at`` and ``greatest_at`` are values of the axis.
    """

    reference: float
    least: float
    greatest: float
    least_at: Cell
    greatest_at: Cell
    points: int = 0

    @property
    def ratios(self) -> tuple[float, float] | None:
        """Least and greatest over the reference; None where that has no meaning."""
        return (self.least / self.reference, self.greatest / self.reference) if self.reference > 0 else None

    @property
    def swing(self) -> float:
        """By which bars are sorted: the distance of both ends in references, or as it is where the reference is 0."""
        return (self.greatest - self.least) / (abs(self.reference) or 1.0)

    def add(self, value: float, at: Cell) -> None:
        """One more point."""
        self.points += 1
        if value < self.least:
            self.least, self.least_at = value, at
        if value > self.greatest:
            self.greatest, self.greatest_at = value, at


class Neighbours:
    """Bars of every axis and objective around a reference, from batches of results.

    An axis that only one of two points has is there or not because of another axis' value, so it is no difference
    of its own: behind a switched axis, whatever comes with its value may be anything.  An axis that the reference
    lacks has no bar.
    """

    def __init__(self, reference: Row, axes: Sequence[str], objectives: Sequence[Objective]) -> None:
        self.reference = reference
        self._axes = tuple(axes)
        self._columns = {item.text: item.column for item in objectives}
        self.bars: dict[tuple[str, str], Bar] = {}
        for text, column in self._columns.items():
            value = reference[column]
            if isinstance(value, int | float):
                for axis in self._axes:
                    if reference[axis] is not None:
                        at = reference[axis]
                        self.bars[text, axis] = Bar(float(value), float(value), float(value), at, at)

    def add(self, batch: pa.RecordBatch) -> None:
        """Evaluated rows."""
        changed = [self._changed(batch[axis], self.reference[axis]) for axis in self._axes]
        alone = np.sum(changed, axis=0) == 1 if changed else np.zeros(batch.num_rows, dtype=bool)
        for axis, mask in zip(self._axes, changed, strict=True):
            for row in batch.filter(pa.array(mask & alone)).to_pylist():
                self._add_row(axis, row)

    def _add_row(self, axis: str, row: Row) -> None:
        for text, column in self._columns.items():
            value, bar = row[column], self.bars.get((text, axis))
            if bar is not None and isinstance(value, int | float):
                bar.add(float(value), row[axis])

    def _changed(self, column: pa.Array, value: Cell) -> Mask:
        """Rows that have the axis, as the reference does, with another value."""
        if value is None:
            return np.zeros(len(column), dtype=bool)
        other = compute.not_equal(column, pa.scalar(value, column.type)).fill_null(False)
        return np.asarray(other.to_numpy(zero_copy_only=False))

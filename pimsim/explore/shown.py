"""Figures of points as a reader wants them: one unit for all of a column, axes under their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low

from pimsim.cost import ACCOUNTINGS, Range
from pimsim.explore.metrics import Metric, Objective, metric_columns
from pimsim.explore.point import BESIDE, Cell, Row
from pimsim.report import numerals
from pimsim.units import aj_from_pj

NONE = "–"


@dataclass(frozen=True)
class Scale:
    """How the figures of one metric are shown: divided by ``size``, with ``digits``, in ``unit``."""

    unit: str
    size: float
    digits: Callable[[float], str]

    def cell(self, row: Row, columns: Sequence[str]) -> str:
        """Nominal (low–high) with three columns, a figure with one."""
        cells = [row.get(column) for column in columns]
        numbers = [cell / self.size for cell in cells if isinstance(cell, int | float)]
        if len(numbers) == 3:
            nominal, low, high = numbers
            return numerals.ranged(Range(low, nominal, high), self.digits)
        return self.digits(numbers[0]) if numbers else NONE


def scale_of(metric: Metric, values: Iterable[float]) -> Scale:
    """The scale that suits the value in the middle."""
    middle = median_low(list(values) or [0.0])
    if metric.unit == "pj":
        unit, attojoules = numerals.energy_unit(aj_from_pj(middle))
        return Scale(unit, attojoules / aj_from_pj(1), numerals.digits)
    if metric.unit == "uj_us":
        unit, size = numerals.product_unit(middle)
        return Scale(unit, size, numerals.digits)
    if metric.unit == "ns":
        unit, size = next(((unit, size) for unit, size in (("ms", 1e6), ("us", 1e3)) if middle >= size), ("ns", 1.0))
        return Scale(unit, size, numerals.digits)
    return _SCALES[metric.unit]


_SCALES = {
    "mw": Scale("mW", 1.0, numerals.digits),
    "um2": Scale("mm2", 1e6, numerals.digits),
    "s": Scale("inf./s", 1.0, "{:,.0f}".format),
    "cycles": Scale("cycles", 1.0, "{:,.0f}".format),
    "": Scale("%", 0.01, "{:.2f}".format),
}
"""By the metric's unit; the last are accuracies."""


def objective_columns(objective: Objective, columns: Sequence[str]) -> tuple[str, ...]:
    """Its column, with those of its low and high end where it is a nominal value that has them."""
    metric = metric_columns()[objective.column]
    for accounting in ACCOUNTINGS:
        found = metric.columns(accounting)
        if found[0] == objective.column and all(column in columns for column in found):
            return found
    return (objective.column,)


def axes_of(columns: Iterable[str]) -> tuple[str, ...]:
    """Columns of results that say what a point is: model, hardware, input and the axes."""
    metrics = metric_columns()
    return tuple(column for column in columns if column not in metrics and column not in BESIDE)


def varying(rows: Sequence[Row], columns: Iterable[str]) -> tuple[str, ...]:
    """Those of the columns with more than one value."""
    return tuple(column for column in columns if len({row[column] for row in rows}) > 1)


def axis_cell(cell: Cell) -> str:
    """An axis' value; a dash where the point has no such axis."""
    if cell is None:
        return NONE
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell).lower() if isinstance(cell, bool) else str(cell)

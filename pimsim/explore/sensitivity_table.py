"""Which knob matters, as text for a terminal and as rows of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pimsim.explore.metrics import metric_columns
from pimsim.explore.neighbours import Bar
from pimsim.explore.sensitivity import Effect, Sensitivities, Sensitivity
from pimsim.explore.shown import NONE, Scale, axis_cell, scale_of
from pimsim.report import numerals
from pimsim.report.render import NARROW, aligned_table, plain_text
from pimsim.report.rows import Table as Rows

COLUMNS = (
    "objective",
    "column",
    "axis",
    "importance",
    "share",
    "points",
    "reference_point",
    "reference",
    "least",
    "least_at",
    "greatest",
    "greatest_at",
    "least_ratio",
    "greatest_ratio",
)
TOLD = 0.01
"""A share by chance below it goes without saying."""


def sensitivity_text(found: Sensitivities, *, name: str, width: int | None = None) -> str:
    """A table per objective, the strongest axis first; ``width`` as `front_text` has it."""
    tables = [_table(one) for one in found.objectives]
    needed = max(Console(width=10**4).measure(table).maximum for table in tables)
    return plain_text(_parts(found, tables, name), width or max(needed, NARROW))


def sensitivity_rows(found: Sensitivities) -> Rows:
    """All numbers: a row per objective and axis."""
    point = found.reference["point"] if found.reference else None
    return Rows(COLUMNS, tuple(_cells(one, effect, point) for one in found.objectives for effect in one.effects))


def _parts(found: Sensitivities, tables: Sequence[Table], name: str) -> Iterable[RenderableType]:
    yield Text(f"{name}: which knob matters")
    if found.reference is None:
        yield Text(f"no knob is turned alone: {found.missing} (--at POINT, or explore with --method tornado)")
    else:
        cells = ", ".join(f"{axis}={axis_cell(found.reference[axis])}" for axis in _axes_of(found))
        yield Text(f"turned alone around point {found.reference['point']}: {cells}")
    if found.chosen:
        yield Text("a search chose the points: importances and shares tell of where it looked")
    for one, table in zip(found.objectives, tables, strict=True):
        yield Text(f"\n{one.objective.text} ({one.objective.goal}){_rows_told(one)}")
        yield table


def _axes_of(found: Sensitivities) -> list[str]:
    """Those that vary and that the reference has, in the results' order."""
    varying = {effect.axis for one in found.objectives for effect in one.effects}
    return [name for name, cell in (found.reference or {}).items() if name in varying and cell is not None]


def _rows_told(one: Sensitivity) -> str:
    parts = [f": {one.rows:,} points"]
    if one.sampled < one.rows and any(effect.importance is not None for effect in one.effects):
        parts.append(f"importance from {one.sampled:,} of them")
    if any(effect.share is not None for effect in one.effects):
        parts.append(f"shares of the variance of {'its logarithm' if one.logarithm else 'its values'}")
        if one.chance > TOLD:
            parts.append(f"up to {100 * one.chance:.0f} % by chance alone")
    return "; ".join(parts)


def _table(one: Sensitivity) -> Table:
    scale = _scale(one)
    table = aligned_table(
        "axis", right=("importance\n%", "share\n%", f"least\n{scale.unit}", "at", "greatest\n", "at", "/ reference")
    )
    for effect in one.effects:
        table.add_row(effect.axis, _percent(effect.importance), _percent(effect.share), *_bar(effect.bar, scale))
    return table


def _bar(bar: Bar | None, scale: Scale) -> tuple[str, ...]:
    if bar is None:
        return (NONE,) * 5
    ratios = NONE
    if bar.ratios is not None:
        ratios = "–".join(numerals.factor(ratio) for ratio in bar.ratios)
    least, greatest = (scale.digits(value / scale.size) for value in (bar.least, bar.greatest))
    return least, axis_cell(bar.least_at), greatest, axis_cell(bar.greatest_at), ratios


def _scale(one: Sensitivity) -> Scale:
    bars = [effect.bar for effect in one.effects if effect.bar]
    return scale_of(
        metric_columns()[one.objective.column], [value for bar in bars for value in (bar.least, bar.greatest)]
    )


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.1f}"


def _cells(one: Sensitivity, effect: Effect, point: object) -> tuple[str | int | float | None, ...]:
    head = (one.objective.text, one.objective.column, effect.axis, effect.importance, effect.share)
    bar = effect.bar
    if bar is None:
        return (*head, 0, *(None,) * (len(COLUMNS) - len(head) - 1))
    assert isinstance(point, int)  # a bar has a reference
    ends = (bar.least, axis_cell(bar.least_at), bar.greatest, axis_cell(bar.greatest_at))
    return (*head, bar.points, point, bar.reference, *ends, *(bar.ratios or (None, None)))

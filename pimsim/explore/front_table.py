"""A front as text for a terminal, and how it fares at the corners of the cost ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pimsim.explore.corners import Corners
from pimsim.explore.front import ParetoFront, point_of
from pimsim.explore.metrics import ENDS, HIGH, LOW, NOMINAL, Objective, metric_columns
from pimsim.explore.point import STATUSES, Row
from pimsim.explore.shown import NONE, Scale, axes_of, axis_cell, objective_columns, scale_of, varying
from pimsim.report.render import NARROW, aligned_table, plain_text

TOP = 30


def front_text(
    front: ParetoFront, *, name: str, top: int = TOP, corners: Corners | None = None, width: int | None = None
) -> str:
    """The first ``top`` points of a front: the axes that vary, the objectives, in which of them a point is best.

    ``width`` is by default as much as the table needs, at least 100 columns.
    """
    table = _points(front, top, corners)
    needed = Console(width=10**4).measure(table).maximum
    return plain_text(_parts(front, table, name, top, corners), width or max(needed, NARROW))


def _parts(front: ParetoFront, table: Table, name: str, top: int, corners: Corners | None) -> Iterable[RenderableType]:
    yield Text(_headline(front, name))
    yield table
    if len(front.rows) > top:
        yield Text(f"and {len(front.rows) - top:,} more (--top, --csv){_best_behind(front, top)}")
    if corners is not None:
        yield Text("The front with every range at one end")
        yield _fronts(corners)
        yield Text(_ranking_title(corners))
        yield _agreements(corners)
        yield Text("Best point")
        yield _best(corners)


def _headline(front: ParetoFront, name: str) -> str:
    goals = ", ".join(f"{one.text} ({one.goal})" for one in front.objectives)
    seen = ", ".join(f"{front.seen[status]:,} {status}" for status in STATUSES if front.seen.get(status))
    lines = [
        f"{name}: {len(front.rows):,} of {front.compared:,} points are on the front of {goals}",
        f"of {sum(front.seen.values()):,} points: {seen}",
    ]
    if front.left_out:
        lines.append(f"{front.left_out:,} of the ok points left out by --where")
    lines += [f"{count:,} not compared: {text} is not known of them" for text, count in front.unknown.items()]
    axes = axes_of(front.rows[0])
    same = [column for column in axes if column not in varying(front.rows, axes) and front.rows[0][column] is not None]
    if same:
        lines.append("the same in all: " + ", ".join(f"{axis}={axis_cell(front.rows[0][axis])}" for axis in same))
    return "\n".join(lines)


def _best_behind(front: ParetoFront, top: int) -> str:
    """The first of the points not shown that is best in an objective in which none of those shown is."""
    shown = {text for point in front.points[:top] for text in front.best[point]}
    found = {text: point for point in reversed(front.points[top:]) for text in front.best[point] if text not in shown}
    return "".join(f"; best in {text}: point {found[text]}" for text in sorted(found))


def _points(front: ParetoFront, top: int, corners: Corners | None) -> Table:
    shown = front.rows[:top]
    axes = varying(front.rows, axes_of(front.rows[0]))
    scales = {
        one.text: (objective_columns(one, tuple(shown[0])), scale_for(one, front.rows)) for one in front.objectives
    }
    titles = ["point", *(axis.replace(".", ".\n") for axis in axes)]
    titles += [f"{text}\n{scale.unit}" for text, (_, scale) in scales.items()]
    height = max(title.count("\n") for title in titles)
    table = aligned_table()
    for title in (*titles, "best in", *(["stays at"] if corners else [])):
        words = title in ("best in", "stays at") or _words(title, axes, shown)
        table.add_column(
            "\n" * (height - title.count("\n")) + title, justify="left" if words else "right", no_wrap=True
        )
    staying = _staying(corners)
    for row in shown:
        point = point_of(row)
        cells = [str(point), *(axis_cell(row[axis]) for axis in axes)]
        cells += [scale.cell(row, columns) for columns, scale in scales.values()]
        cells.append(", ".join(front.best[point]))
        table.add_row(*cells, *([staying.get(point, NONE)] if corners else []))
    return table


def _words(title: str, axes: Sequence[str], rows: Sequence[Row]) -> bool:
    """Whether a column is an axis with texts."""
    axis = title.replace("\n", "")
    return axis in axes and any(isinstance(row[axis], str) for row in rows)


def scale_for(objective: Objective, rows: Iterable[Row]) -> Scale:
    """One scale for an objective in all rows."""
    values = [row[objective.column] for row in rows]
    return scale_of(metric_columns()[objective.column], [value for value in values if isinstance(value, int | float)])


def _staying(corners: Corners | None) -> Mapping[int, str]:
    """Point → corners on whose fronts it is, nominal aside."""
    found: dict[int, list[str]] = {}
    for end in (LOW, HIGH) if corners else ():
        for point in corners.fronts[end].tolist() if corners else ():
            found.setdefault(point, []).append(end)
    return {point: ", ".join(ends) for point, ends in found.items()}


def _fronts(corners: Corners) -> Table:
    table = aligned_table("", right=("points", "of the nominal front", "joining"))
    for end in ENDS:
        joining = NONE if end == NOMINAL else f"{len(corners.joining(end)):,}"
        table.add_row(end, f"{len(corners.fronts[end]):,}", _share(corners, end), joining)
    table.add_row(f"{LOW} and {HIGH}", "", _share(corners, LOW, HIGH), "")
    return table


def _share(corners: Corners, *ends: str) -> str:
    staying, all_ = len(corners.staying(*ends)), len(corners.fronts[NOMINAL])
    return f"{staying:,} ({100 * staying / all_:.0f} %)"


def _ranking_title(corners: Corners) -> str:
    thinned = f" (of {corners.compared:,})" if corners.ranked < corners.compared else ""
    return (
        f"Do the ends order the points alike? {corners.ranked:,} points{thinned}, Spearman's rho / Kendall's tau-b; "
        "1: the same order, -1: the reverse"
    )


def _agreements(corners: Corners) -> Table:
    pairs = list(combinations(ENDS, 2))
    table = aligned_table("objective", right=[f"{first}, {second}" for first, second in pairs])
    objectives = dict.fromkeys(one.objective.text for one in corners.agreements)
    found = {(one.objective.text, one.corners): one for one in corners.agreements}
    for text in objectives:
        agreements = [found[text, pair] for pair in pairs]
        table.add_row(text, *(f"{_ratio(one.spearman)} / {_ratio(one.kendall)}" for one in agreements))
    return table


def _ratio(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _best(corners: Corners) -> Table:
    table = aligned_table("objective", right=ENDS)
    for text, best in corners.best.items():
        table.add_row(text, *(str(best[end]) for end in ENDS))
    return table

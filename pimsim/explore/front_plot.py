"""A front to explore with the mouse: any metric over any other, coloured by an axis; the machines behind it too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pimsim.explore.front import ParetoFront, point_of
from pimsim.explore.front_rows import Behind
from pimsim.explore.html_page import Figure, marked, page
from pimsim.explore.metrics import METRICS, Objective, metric_columns
from pimsim.explore.point import VIOLATES, Cell, Row
from pimsim.explore.shown import Scale, axes_of, axis_cell, objective_columns, scale_of, varying

MOST_LABELS = 40
"""An axis with more values is drawn as a scale, and one of texts without labels."""
MANY = 5000
"""More points are drawn by the graphics card."""
LOG_FROM = 20.0
"""A metric whose largest value is so many times its least starts on a logarithmic axis."""
FRONT, NEUTRAL = "front", "by kind"
_TITLE = {"x": 0.01, "y": 0.97, "yanchor": "top", "font": {"size": 14}}
_GREY, _BLUE, _ORANGE, _RED = "#c9c9c9", "#7fa9c9", "#e0a458", "#c1121f"


@dataclass(frozen=True)
class Series:
    """Points drawn alike."""

    name: str
    rows: tuple[Row, ...]
    colour: str
    symbol: str
    size: int

    @property
    def edge(self) -> dict[str, Any]:
        """Around each point of the front."""
        return {"color": "#202020", "width": 1 if self.name == FRONT else 0}


@dataclass(frozen=True)
class Shown:
    """A metric that can be chosen: its title, columns with those of its range, and scale."""

    title: str
    columns: tuple[str, ...]
    scale: Scale
    log: bool

    def values(self, rows: Sequence[Row]) -> list[float | None]:
        """Of six digits, which no eye can tell from all of them."""
        cells = (row.get(self.columns[0]) for row in rows)
        return [float(f"{cell / self.scale.size:.6g}") if isinstance(cell, int | float) else None for cell in cells]


def front_page(front: ParetoFront, behind: Behind, *, name: str) -> bytes:
    """An HTML file: a scatter of all points, and parallel coordinates of the front where it has over two objectives."""
    every = (*front.rows, *behind.rows)
    metrics = _metrics(front.objectives, every)
    axes = varying(every, axes_of(front.rows[0]))
    figures = [_scatter(front, behind, metrics, axes, name)]
    if len(front.objectives) > 2:
        figures.append(_parallel(front, metrics, varying(front.rows, axes)))
    return page(f"{name}: {', '.join(one.text for one in front.objectives)}", figures)


def _metrics(objectives: Sequence[Objective], rows: Sequence[Row]) -> list[Shown]:
    """The objectives, then every other metric in full accounting that is known."""
    wanted = {one.column: one.text for one in objectives}
    for metric in METRICS:
        wanted.setdefault(metric.columns()[0], metric.name)
    return [
        _shown(column, text, rows)
        for column, text in wanted.items()
        if column in rows[0] and any(row[column] is not None for row in rows)
    ]


def _shown(column: str, text: str, rows: Sequence[Row]) -> Shown:
    metric = metric_columns()[column]
    cells = (row[column] for row in rows)
    values = [cell for cell in cells if isinstance(cell, int | float)]
    scale = scale_of(metric, values)
    columns = objective_columns(Objective(text, column, metric.goal), tuple(rows[0]))
    log = min(values) > 0 and max(values) > LOG_FROM * min(values)
    return Shown(f"{marked(text)}, {scale.unit}", columns, scale, log)


def _scatter(front: ParetoFront, behind: Behind, metrics: Sequence[Shown], axes: Sequence[str], name: str) -> Figure:
    every = [
        Series("left out by --where", behind.left_out, _GREY, "circle-open", 5),
        Series("violates a constraint", behind.violates, _ORANGE, "x", 5),
        Series("behind the front", behind.ok, _BLUE, "circle", 5),
        Series(FRONT, front.rows, _RED, "diamond", 9),
    ]
    series = [one for one in every if one.rows]
    x, y = metrics[0], metrics[min(1, len(metrics) - 1)]
    lined = len(front.objectives) == 2
    # all by the same means: what the card draws would hide the front
    means = "scattergl" if sum(len(one.rows) for one in series) > MANY else "scatter"
    # all metrics of every point would be most of the file
    told = [metrics if one.rows is front.rows else metrics[: len(front.objectives)] for one in series]
    return {
        "data": [
            {"type": means}
            | _trace(one, x, y, [_hover(row, axes, those) for row in one.rows], lined=lined and one.rows is front.rows)
            for one, those in zip(series, told, strict=True)
        ],
        "layout": {
            "title": {"text": _title(front, behind, name), **_TITLE},
            "template": "none",
            "height": 720,
            "margin": {"t": 150},
            "hovermode": "closest",
            "xaxis": {"title": {"text": x.title}, "type": _type(x), "gridcolor": "#eeeeee"},
            "yaxis": {"title": {"text": y.title}, "type": _type(y), "gridcolor": "#eeeeee"},
            "legend": {"orientation": "h", "y": -0.12},
            "coloraxis": {"colorscale": "Viridis", "showscale": False},
            "updatemenus": [
                _menu(0.0, [_over("x", metric, series) for metric in metrics], 0),
                _menu(0.22, [_over("y", metric, series) for metric in metrics], metrics.index(y)),
                _menu(0.44, [_neutral(series), *(_coloured(axis, series) for axis in axes)], 0),
                _menu(0.66, [_kind("x", "linear"), _kind("x", "log"), _kind("y", "linear"), _kind("y", "log")], None),
            ],
            "annotations": [
                _label(place, text)
                for place, text in ((0.0, "x"), (0.22, "y"), (0.44, "colour"), (0.66, "linear or logarithmic"))
            ],
        },
    }


def _title(front: ParetoFront, behind: Behind, name: str) -> str:
    goals = ", ".join(f"{one.text} ({one.goal})" for one in front.objectives)
    drawn = len(behind.rows)
    thinned = f"; {drawn:,} of {behind.known:,} others are drawn" if drawn < behind.known else ""
    return marked(f"{name}: {len(front.rows):,} of {front.compared:,} points are on the front of {goals}{thinned}")


def _trace(series: Series, x: Shown, y: Shown, hovers: list[str], *, lined: bool) -> dict[str, Any]:
    trace = {
        "mode": "lines+markers" if lined else "markers",
        "name": f"{series.name} ({len(series.rows):,})",
        "x": x.values(series.rows),
        "y": y.values(series.rows),
        "hoverinfo": "text",
        "hovertext": hovers,
        "marker": {"color": series.colour, "symbol": series.symbol, "size": series.size, "line": series.edge},
    }
    return trace | {"line": {"color": series.colour, "width": 1}} if lined else trace


def _hover(row: Row, axes: Sequence[str], metrics: Sequence[Shown]) -> str:
    lines = [f"<b>point {point_of(row)}</b>"]
    if row["status"] == VIOLATES:
        lines.append(marked(row.get("reason") or VIOLATES))
    lines += [marked(f"{axis}={axis_cell(row[axis])}") for axis in axes if row[axis] is not None]
    lines += [f"{metric.title}: {metric.scale.cell(row, metric.columns)}" for metric in metrics]
    if row.get("bottleneck"):
        lines.append(marked(f"bottleneck {row['bottleneck']}"))
    return "<br>".join(lines)


def _type(metric: Shown) -> str:
    return "log" if metric.log else "linear"


def _menu(x: float, buttons: list[dict[str, Any]], active: int | None) -> dict[str, Any]:
    shared = {"x": x, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "buttons": buttons}
    if active is None:
        return shared | {"type": "buttons", "direction": "right", "showactive": False}
    return shared | {"type": "dropdown", "active": active}


def _label(x: float, text: str) -> dict[str, Any]:
    place = {"x": x, "y": 1.1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return place | {"text": text, "showarrow": False}


def _button(label: str, traces: dict[str, Any], layout: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "method": "update", "args": [traces, layout]}


def _over(axis: str, metric: Shown, series: Sequence[Series]) -> dict[str, Any]:
    layout = {f"{axis}axis.title.text": metric.title, f"{axis}axis.type": _type(metric), f"{axis}axis.autorange": True}
    return _button(metric.title, {axis: [metric.values(one.rows) for one in series]}, layout)


def _kind(axis: str, kind: str) -> dict[str, Any]:
    layout = {f"{axis}axis.type": kind, f"{axis}axis.autorange": True}
    return {"label": f"{axis} {kind}", "method": "relayout", "args": [layout]}


def _neutral(series: Sequence[Series]) -> dict[str, Any]:
    traces = {"marker.color": [one.colour for one in series], "marker.coloraxis": [None] * len(series)}
    return _button(NEUTRAL, traces, {"coloraxis.showscale": False})


def _coloured(axis: str, series: Sequence[Series]) -> dict[str, Any]:
    codes = coded([row[axis] for one in series for row in one.rows])
    traces = {
        "marker.color": [[codes.of(row[axis]) for row in one.rows] for one in series],
        "marker.coloraxis": ["coloraxis"] * len(series),
    }
    layout = {
        "coloraxis.showscale": True,
        "coloraxis.cmin": codes.low,
        "coloraxis.cmax": codes.high,
        "coloraxis.colorbar.title.text": marked(axis),
        "coloraxis.colorbar.tickmode": "array" if codes.labels else "auto",
        "coloraxis.colorbar.tickvals": list(range(len(codes.labels))) or None,
        "coloraxis.colorbar.ticktext": [marked(label) for label in codes.labels] or None,
    }
    return _button(marked(axis), traces, layout)


@dataclass(frozen=True)
class Codes:
    """Places of an axis' values on a scale from ``low`` to ``high``; those at 0, 1, 2 … have ``labels``, if any."""

    of: Callable[[Cell], float | None]
    low: float
    high: float
    labels: tuple[str, ...]


def coded(cells: Sequence[Cell]) -> Codes:
    """Few values stand evenly in order, a missing one first; many numbers where they are."""
    values = sorted(set(cells), key=lambda cell: (cell is not None, isinstance(cell, str), cell))
    numbers = [cell for cell in values if isinstance(cell, int | float)]
    if len(values) > MOST_LABELS and len(numbers) == len([cell for cell in values if cell is not None]):
        return Codes(lambda cell: cell if isinstance(cell, int | float) else None, min(numbers), max(numbers), ())
    place = {cell: float(at) for at, cell in enumerate(values)}
    labels = tuple(map(axis_cell, values)) if len(values) <= MOST_LABELS else ()
    return Codes(place.__getitem__, 0.0, max(len(values) - 1.0, 1.0), labels)


def _parallel(front: ParetoFront, metrics: Sequence[Shown], axes: Sequence[str]) -> Figure:
    """Each point of the front a line through the axes that vary and the objectives."""
    objectives = metrics[: len(front.objectives)]
    dimensions = [_axis_dimension(axis, front.rows) for axis in axes]
    dimensions += [{"label": metric.title, "values": metric.values(front.rows)} for metric in objectives]
    line = {"color": objectives[0].values(front.rows), "colorscale": "Viridis", "showscale": True}
    return {
        "data": [{"type": "parcoords", "dimensions": dimensions, "line": line}],
        "layout": {
            "title": {"text": f"The front; lines are coloured by {objectives[0].title}", **_TITLE},
            "template": "none",
            "height": 480,
            "margin": {"t": 110},
        },
    }


def _axis_dimension(axis: str, rows: Sequence[Row]) -> dict[str, Any]:
    codes = coded([row[axis] for row in rows])
    dimension: dict[str, Any] = {"label": marked(axis), "values": [codes.of(row[axis]) for row in rows]}
    if codes.labels:
        dimension |= {"tickvals": list(range(len(codes.labels))), "ticktext": list(codes.labels)}
    return dimension

"""Explorations of made spaces on disk, with quick figures in place of a simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pimsim.explore.identity import Columns, Identity
from pimsim.explore.metrics import metric_columns
from pimsim.explore.point import OK, Point, Row
from pimsim.explore.space import Space
from pimsim.explore.space_load import space_from_dict
from pimsim.explore.store import Store

Figures = Callable[[dict[str, Any]], dict[str, float | None]]
TEXTS = ("status", "reason", "model", "hardware", "input")


def space_of(axes: dict[str, Any], **others: Any) -> Space:
    made = {"format": 1, "name": "made", "hardware": "pim45nm", "models": "cnn3d_6b", "axes": axes}
    return space_from_dict(made | others)


def explored(
    folder: Path, space: Space, figures: Figures, points: Iterable[Point] | None = None, *, method: str = "grid"
) -> Path:
    """Finished results: ``figures`` says what a point's metrics are, or its status and reason."""
    axes = {name: kind for name, kind in space.columns if name not in TEXTS}
    columns: Columns = (
        ("point", int),
        *((name, str) for name in TEXTS),
        *axes.items(),
        *((name, float) for name in metric_columns()),
        ("bottleneck", str),
        ("executed", bool),
    )
    rows = [
        _row(space, point, number, [name for name, _ in columns], figures)
        for number, point in enumerate(space.points() if points is None else points)
    ]
    with Store.create(
        folder, Identity(space={**space.content, "machines": dict(space.machines)}, method=method, seed=1), columns
    ) as store:
        store.add(0, rows)
        store.finish()
    return folder


def _row(space: Space, point: Point, number: int, columns: list[str], figures: Figures) -> Row:
    chosen = space.chosen(point)
    cells: dict[str, Any] = dict.fromkeys(columns) | {"point": number, "status": OK, "reason": "", "executed": False}
    cells |= {"model": chosen.model, "hardware": chosen.hardware, "input": chosen.input or "shipped", "bottleneck": ""}
    return {name: (cells | space.cells(point) | figures(dict(point.values)))[name] for name in columns}

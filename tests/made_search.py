"""Spaces to be searched, with quick figures in place of a simulation, and the volume that a front takes up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2
from typing import Any

import numpy as np

from pimsim.explore.excess import excess
from pimsim.explore.metrics import metric_columns
from pimsim.explore.pareto import Costs, non_dominated
from pimsim.explore.point import OK, REFUSED, VIOLATES, Point, Row
from pimsim.explore.search import Search
from pimsim.explore.space import Space
from pimsim.explore.space_load import space_from_dict

PIM = {"hardware": "pim45nm"}
AXES: dict[str, Any] = {
    "clock_mhz": {"range": [50, 400], "step": 50},
    "cost.device": ["hp", "lop", "lstp"],
    "engines.pim.rows": {"log": [32, 512], "base": 2, "when": PIM},
    "engines.pim.columns": {"log": [32, 256], "base": 2, "when": PIM},
    "engines.pim.adc_bits": {"values": [3, 4, 5, 6, 7, 8], "when": PIM},
    "engines.event.lanes": {"log": [4, 128], "base": 2},
}
RAW: dict[str, Any] = {
    "format": 1,
    "name": "made",
    "hardware": ["pim45nm", "digital45nm"],
    "models": "cnn3d_6b",
    "axes": AXES,
    "objectives": ["energy", "delay", "area", "accuracy"],
}


def made_space(**changes: Any) -> Space:
    return space_from_dict(RAW | changes)


def made_row(space: Space, point: Point, *, refuse_above: int = 2**30) -> Row:
    """Figures that pull against each other, as a machine's do; a large array or a fast clock may be refused."""
    values: dict[str, Any] = dict(point.values)
    rows, columns = values.get("engines.pim.rows", 0), values.get("engines.pim.columns", 0)
    bits, lanes, mhz = values.get("engines.pim.adc_bits", 4), values["engines.event.lanes"], values["clock_mhz"]
    leak, fastest = {"hp": (30.0, 400), "lop": (3.0, 300), "lstp": (0.3, 200)}[values["cost.device"]]
    row: Row = {"point": point.number, "status": OK, "reason": "", **space.cells(point)}
    if mhz > fastest or rows * columns > refuse_above:
        return row | dict.fromkeys(metric_columns()) | {"status": REFUSED, "reason": "made so"}
    arrays = 1 / (1 + rows * columns / 4096)
    delay = (1e6 / lanes + 2e6 * arrays + 2e4) / mhz
    area = 0.5 + 0.03 * lanes + rows * columns / 5e4 + columns * 2**bits / 1e5
    energy = 60 + 3 * lanes**0.5 + 120 * arrays + 2 ** (bits - 4) * (rows > 0) + leak * area * delay / 1e4
    lost = 0.3 * 2 ** (log2(rows) / 2 - bits) if rows else 0.0
    figures = {"full_energy_pj": energy, "delay_ns": delay, "area_um2": area, "overall_accuracy": 0.98 - lost}
    row |= dict.fromkeys(metric_columns()) | figures
    missed = [constraint for constraint in space.constraints if excess(constraint, row)]
    return row | {"status": VIOLATES, "reason": missed[0].text} if missed else row


def searched(search: Search, *, refuse_above: int = 2**30) -> list[Row]:
    """The rows of a whole search."""
    found: list[Row] = []
    while points := search.ask():
        rows = [made_row(search.space, point, refuse_above=refuse_above) for point in points]
        search.tell(rows)
        found += rows
    return found


def costs_of(space: Space, rows: Iterable[Row]) -> Costs:
    """(rows that count, objectives), all to be small; logarithms, but of accuracy."""
    found = []
    for row in rows:
        if row["status"] == OK:
            cells: Sequence[Any] = [row[item.column] for item in space.objectives]
            found.append([-10 * cell if cell < 1 else np.log(cell) for cell in cells])
    return np.array(found).reshape(-1, len(space.objectives))


def volume(costs: Costs, corner: Costs) -> float:
    """What the front dominates below ``corner``: slices along the last objective, each a volume in one fewer."""
    front = costs[non_dominated(costs)]
    if len(front) == 0:
        return 0.0
    if front.shape[1] == 1:
        return float(corner[0] - front.min())
    order = np.argsort(front[:, -1])
    front = front[order]
    tops = [*front[1:, -1], corner[-1]]
    return sum(
        (top - front[place, -1]) * volume(front[: place + 1, :-1], corner[:-1])
        for place, top in enumerate(tops)
        if top > front[place, -1]
    )

"""The front of an exploration: the machines of which no other is better in all objectives.  docs/exploration.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import ExplorationError
from pimsim.explore.arrow import pa
from pimsim.explore.constraints import Constraint
from pimsim.explore.metrics import Objective
from pimsim.explore.pareto import Front
from pimsim.explore.point import Cell, Row
from pimsim.explore.results import Results
from pimsim.explore.selection import Selection, check_objectives, figures


@dataclass(frozen=True)
class ParetoFront:
    """The front's rows, best in the first objective first.

    best      point → texts of the objectives in which no row of the front is better
    compared  rows that could be on it: evaluated, constraints hold, all objectives known
    unknown   objective's text → evaluated rows left out since it is not known of them
    left_out  evaluated rows for which a constraint of the question does not hold
    seen      all rows, by status
    """

    objectives: tuple[Objective, ...]
    rows: tuple[Row, ...]
    best: Mapping[int, tuple[str, ...]]
    compared: int
    unknown: Mapping[str, int]
    left_out: int
    seen: Mapping[str, int]

    @property
    def points(self) -> tuple[int, ...]:
        """Numbers, in the rows' order."""
        return tuple(point_of(row) for row in self.rows)


def pareto_front(results: Results, objectives: Sequence[Objective], where: Sequence[Constraint] = ()) -> ParetoFront:
    """The front of results for any objectives; equal rows are on it together.

    Reads results twice, a batch at a time.  Raises ExplorationError where nothing can be compared.
    """
    check_objectives(results, objectives)
    selection = Selection(results, where)
    front = Front(len(objectives))
    compared, unknown = 0, np.zeros(len(objectives), dtype=np.int64)
    for points, costs in signed(results, objectives, selection):
        missing = np.isnan(costs)
        known = ~missing.any(axis=1)
        compared += int(known.sum())
        unknown += missing.sum(axis=0)
        front.add(points[known], costs[known])
    selection.check_any()
    missing_of = {one.text: int(count) for one, count in zip(objectives, unknown, strict=True) if count}
    if not compared:
        total = selection.seen["ok"] - selection.left_out
        raise ExplorationError(_not_known(missing_of, total))
    rows = _ordered(rows_of(results, front.numbers()), objectives)
    return ParetoFront(
        objectives=tuple(objectives),
        rows=rows,
        best=_best(rows, objectives),
        compared=compared,
        unknown=missing_of,
        left_out=selection.left_out,
        seen=dict(selection.seen),
    )


def signed(
    results: Results, objectives: Sequence[Objective], selection: Selection
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Numbers of the points that take part and their objectives, small being good, batch by batch."""
    columns = [objective.column for objective in objectives]
    signs = np.array([objective.sign for objective in objectives])
    for batch in results.batches(tuple(dict.fromkeys(("point", *selection.columns, *columns)))):
        chosen = batch.filter(pa.array(selection.of(batch)))
        yield chosen["point"].to_numpy(), figures(chosen, columns) * signs


def rows_of(results: Results, points: NDArray[np.int64]) -> list[Row]:
    """All columns of some points, in the results' order."""
    found: list[Row] = []
    for batch in results.batches():
        found += batch.filter(pa.array(np.isin(batch["point"].to_numpy(), points))).to_pylist()
    return found


def point_of(row: Row) -> int:
    number = row["point"]
    assert isinstance(number, int)
    return number


def cost_of(cell: Cell, objective: Objective) -> float:
    """Of one row; small is good."""
    assert isinstance(cell, int | float)
    return cell * objective.sign


def _ordered(rows: Sequence[Row], objectives: Sequence[Objective]) -> tuple[Row, ...]:
    def key(row: Row) -> tuple[float, ...]:
        return (*(cost_of(row[objective.column], objective) for objective in objectives), point_of(row))

    return tuple(sorted(rows, key=key))


def _best(rows: Sequence[Row], objectives: Sequence[Objective]) -> dict[int, tuple[str, ...]]:
    least = {one.text: min(cost_of(row[one.column], one) for row in rows) for one in objectives}
    return {
        point_of(row): tuple(one.text for one in objectives if cost_of(row[one.column], one) == least[one.text])
        for row in rows
    }


def _not_known(missing: Mapping[str, int], total: int) -> str:
    nowhere = [text for text, count in missing.items() if count == total]
    if nowhere:
        return f'objective "{nowhere[0]}" is not known of any of the {total:,} evaluated points'
    texts = ", ".join(f'"{text}"' for text in missing)
    return f"none of the {total:,} evaluated points has all of the objectives {texts}"

"""Whether a front and a ranking survive the ranges of cost data, all of them at their low or all at their high end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pimsim.cost import ACCOUNTINGS
from pimsim.errors import ExplorationError
from pimsim.explore.arrow import pa
from pimsim.explore.constraints import Constraint
from pimsim.explore.metrics import ENDS, NOMINAL, Objective, metric_columns
from pimsim.explore.pareto import Front
from pimsim.explore.rank_correlation import kendall, spearman
from pimsim.explore.results import Results
from pimsim.explore.selection import Selection, check_objectives, figures
from pimsim.explore.thinning import Sample

RANKED_ROWS = 200_000
"""At most so many points are ranked, so that memory stays flat."""
Points = NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """How two corners order the points by one objective: 1 alike, −1 in reverse, None where one of them has no order.

    spearman  correlation of the ranks
    kendall   τ-b, pairs in the same order less those in reverse
    """

    objective: Objective
    corners: tuple[str, str]
    spearman: float | None
    kendall: float | None


@dataclass(frozen=True)
class Corners:
    """Fronts with every range at its nominal value, at its low and at its high end.

    fronts      corner → numbers of the points on its front, ascending
    best        objective's text → corner → the point that is best in it there, the first of equal ones
    agreements  of the objectives with a range, for each pair of corners
    compared    points that are evaluated and of which all objectives are known
    ranked      how many of them `agreements` are from
    """

    objectives: tuple[Objective, ...]
    fronts: Mapping[str, Points]
    best: Mapping[str, Mapping[str, int]]
    agreements: tuple[Agreement, ...]
    compared: int
    ranked: int

    def staying(self, *corners: str) -> Points:
        """Points of the nominal front that are on the front in all of these corners too."""
        left = self.fronts[NOMINAL]
        for corner in corners:
            left = np.intersect1d(left, self.fronts[corner], assume_unique=True)
        return left

    def joining(self, corner: str) -> Points:
        """Points on the front there that are not on the nominal one."""
        return np.setdiff1d(self.fronts[corner], self.fronts[NOMINAL], assume_unique=True)


def corners(results: Results, objectives: Sequence[Objective], where: Sequence[Constraint] = ()) -> Corners:
    """Fronts and rankings at the corners of the cost ranges.

    Each objective that is asked for by its nominal value goes to its end; one asked for at an end stays there, one
    without a range is the same everywhere.  Sources err together: all machines are at the same end.
    Raises ExplorationError, also where no objective has a range.
    """
    moved = {end: tuple(at_end(objective, end) for objective in objectives) for end in ENDS}
    if moved[ENDS[1]] == moved[NOMINAL]:
        texts = ", ".join(objective.text for objective in objectives)
        raise ExplorationError(f"no objective has a range whose ends could be taken: {texts}")
    walk = _Walk(results, moved, Selection(results, where))
    walk.run()
    ranked = walk.sample.rows()
    ranges = [place for place, one in enumerate(objectives) if moved[ENDS[1]][place] != one]
    return Corners(
        objectives=tuple(objectives),
        fronts={end: front.numbers() for end, front in walk.fronts.items()},
        best={one.text: {end: walk.best[end][place][1] for end in ENDS} for place, one in enumerate(objectives)},
        agreements=tuple(
            _agreement(ranked, objectives[place], {end: moved[end][place].column for end in ENDS}, pair)
            for place in ranges
            for pair in combinations(ENDS, 2)
        ),
        compared=walk.sample.seen,
        ranked=ranked.num_rows,
    )


def at_end(objective: Objective, end: str) -> Objective:
    """The same at an end of its range, where it has one and was asked for by its nominal value."""
    metric = metric_columns()[objective.column]
    for accounting in ACCOUNTINGS:
        columns = metric.columns(accounting)
        if len(columns) == len(ENDS) and objective.column == columns[0]:
            return replace(objective, column=columns[ENDS.index(end)])
    return objective


class _Walk:
    """One reading of results for the fronts of all corners, their best points and a sample to rank."""

    def __init__(self, results: Results, moved: Mapping[str, tuple[Objective, ...]], selection: Selection) -> None:
        for objectives in moved.values():
            check_objectives(results, objectives)
        self._results, self._moved, self._selection = results, moved, selection
        columns = [one.column for objectives in moved.values() for one in objectives]
        self._columns = tuple(dict.fromkeys(["point", *columns]))
        self.fronts = {end: Front(len(objectives)) for end, objectives in moved.items()}
        self.best = {end: [(np.inf, -1)] * len(objectives) for end, objectives in moved.items()}
        kinds = [(name, pa.int64() if name == "point" else pa.float64()) for name in self._columns]
        self.sample = Sample(RANKED_ROWS, pa.schema(kinds))

    def run(self) -> None:
        """Raises ExplorationError where nothing can be compared."""
        for batch in self._results.batches(tuple(dict.fromkeys((*self._columns, *self._selection.columns)))):
            rows = batch.filter(pa.array(self._selection.of(batch))).select(self._columns)
            known = ~np.isnan(figures(rows, self._columns[1:])).any(axis=1)
            self._add(rows.filter(pa.array(known)))
        self._selection.check_any()
        if not self.sample.seen:
            raise ExplorationError("no evaluated point has all of the objectives")

    def _add(self, rows: pa.RecordBatch) -> None:
        points = rows["point"].to_numpy()
        for end, objectives in self._moved.items():
            costs = figures(rows, [one.column for one in objectives]) * [one.sign for one in objectives]
            self.fronts[end].add(points, costs)
            if len(points):
                lowest = zip(costs.min(axis=0), points[costs.argmin(axis=0)], strict=True)
                self.best[end] = [
                    min(old, (float(cost), int(point)))
                    for old, (cost, point) in zip(self.best[end], lowest, strict=True)
                ]
        arrays = [rows[name].cast(self.sample.schema.field(name).type) for name in self._columns]
        self.sample.add(pa.record_batch(arrays, schema=self.sample.schema))


def _agreement(rows: pa.Table, objective: Objective, columns: Mapping[str, str], pair: tuple[str, str]) -> Agreement:
    first, second = (rows[columns[end]].to_numpy() for end in pair)
    return Agreement(objective, pair, spearman(first, second), kendall(first, second))

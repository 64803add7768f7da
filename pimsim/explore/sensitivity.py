"""Which knob matters: importances, shares of the spread, and what each does alone.  docs/exploration.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pimsim.errors import ExplorationError, PimsimError
from pimsim.explore.arrow import compute, pa
from pimsim.explore.constraints import Constraint
from pimsim.explore.importance import importances
from pimsim.explore.main_effects import MainEffects, chance
from pimsim.explore.methods import GRID, SEARCHES, TORNADO
from pimsim.explore.metrics import Objective, metric_columns
from pimsim.explore.neighbours import Bar, Neighbours
from pimsim.explore.point import OK, Row
from pimsim.explore.question import space_of
from pimsim.explore.results import Results
from pimsim.explore.selection import Selection, check_objectives, figures
from pimsim.explore.shown import axes_of
from pimsim.explore.thinning import Sample

MOST_ROWS = 2000
"""Importances are of so many rows at most: more take minutes and move them by a percent."""


@dataclass(frozen=True)
class Effect:
    """What an axis does to an objective; None for what results do not tell.

    importance  for being among the best tenth, of 1 for all axes
    share       of the objective's variance that the axis explains alone
    bar         turned alone
    """

    axis: str
    importance: float | None
    share: float | None
    bar: Bar | None


@dataclass(frozen=True)
class Sensitivity:
    """Of one objective: effects, the strongest first.

    rows       that count
    sampled    of them, for the importances
    logarithm  whether shares are of its variance
    chance     the largest share that an axis without effect would have on average; 0 but of random points
    """

    objective: Objective
    effects: tuple[Effect, ...]
    rows: int
    sampled: int
    logarithm: bool
    chance: float


@dataclass(frozen=True)
class Sensitivities:
    """Of all objectives asked for.

    missing  why there is no reference, if there is none
    chosen   whether a search chose the points, which then are no fair sample of the space
    """

    reference: Row | None
    missing: str
    chosen: bool
    objectives: tuple[Sensitivity, ...]


def sensitivities(
    results: Results, objectives: Sequence[Objective], where: Sequence[Constraint] = (), *, at: int | None = None
) -> Sensitivities:
    """Effects of the axes on objectives, from the evaluated rows for which ``where`` holds.

    ``at`` is the point around which axes are turned, by default the space's own machine.  Reads results once or
    twice, a batch at a time.  Raises ExplorationError, MissingPackageError.
    """
    check_objectives(results, objectives)
    axes = axes_in(results)
    reference, missing = _reference(results, axes, at)
    gathered = _Gathered(results, axes, objectives, where, reference)
    return Sensitivities(
        reference, missing, results.meta.get("method") in SEARCHES, tuple(gathered.of(item) for item in objectives)
    )


def axes_in(results: Results) -> tuple[str, ...]:
    """Axes of the space; of results that have lost theirs all columns that may be one."""
    columns = axes_of(name for name, _ in results.columns)
    space: Mapping[str, Any] = results.meta.get("space", {})
    chosen = {
        name
        for name, key in (("model", "models"), ("hardware", "hardware"), ("input", "inputs"))
        if isinstance(space.get(key), list) and len(space[key]) > 1
    }
    return tuple(name for name in columns if not space or name in chosen or name in space.get("axes", {}))


class _Gathered:
    """All that one pass over the results finds."""

    def __init__(
        self,
        results: Results,
        axes: Sequence[str],
        objectives: Sequence[Objective],
        where: Sequence[Constraint],
        reference: Row | None,
    ) -> None:
        columns = [item.column for item in objectives]
        selection = Selection(results, where)
        self._effects = {column: MainEffects(axes, 2) for column in columns}
        self._reference = reference
        self._neighbours = Neighbours(reference, axes, objectives) if reference else None
        method = results.meta.get("method")
        self._sampling = method != TORNADO  # points around one reference are no sample of the space
        self._random = method not in (GRID, *SEARCHES)  # of a whole grid no share is there by chance
        needed = ("point", *axes, *columns)
        sample: Sample | None = None
        for batch in results.batches(tuple(dict.fromkeys((*needed, *selection.columns)))):
            chosen = batch.filter(pa.array(selection.of(batch))).select(needed)
            sample = sample or Sample(MOST_ROWS, chosen.schema)
            sample.add(chosen)
            self._add(chosen, columns)
        selection.check_any()
        assert sample is not None  # a row took part
        self._sample: list[Row] = sample.rows().to_pylist()
        self._axes = [axis for axis in axes if self._varies(axis)]

    def of(self, objective: Objective) -> Sensitivity:
        effects = self._effects[objective.column]
        if not effects.rows:
            raise ExplorationError(f'objective "{objective.text}" is not known of any evaluated point')
        known = sum(row[objective.column] is not None for row in self._sample)
        ranked = importances(self._sample, self._axes, objective) if self._sampling else {}
        logarithm = metric_columns()[objective.column].unit != "" and effects.known(1)
        found = [
            Effect(
                axis,
                ranked.get(axis),
                effects.share(axis, int(logarithm)) if self._sampling else None,
                self._bar(objective, axis),
            )
            for axis in self._axes
        ]
        values = [effects.values(axis) or 1 for axis in self._axes]
        luck = chance(max(values, default=1), effects.rows) if self._random else 0.0
        return Sensitivity(objective, _sorted(found, self._reference), effects.rows, known, logarithm, luck)

    def _add(self, chosen: pa.RecordBatch, columns: Sequence[str]) -> None:
        values = figures(chosen, columns)
        for place, column in enumerate(columns):
            mask = ~np.isnan(values[:, place])
            known = values[mask, place]
            with np.errstate(divide="ignore", invalid="ignore"):
                both = np.column_stack([known, np.log(known)])
            self._effects[column].add(chosen.filter(pa.array(mask)), both)
        if self._neighbours is not None:
            self._neighbours.add(chosen)

    def _bar(self, objective: Objective, axis: str) -> Bar | None:
        bar = self._neighbours.bars.get((objective.text, axis)) if self._neighbours else None
        return bar if bar is not None and bar.points else None

    def _varies(self, axis: str) -> bool:
        counts = [effects.values(axis) for effects in self._effects.values()]
        return any(count is None or count > 1 for count in counts)


def _sorted(effects: Sequence[Effect], reference: Row | None) -> tuple[Effect, ...]:
    """By what the axes do turned alone, where results tell it of all that the reference has; else by their shares."""
    turned = reference is not None and all(effect.bar or reference[effect.axis] is None for effect in effects)
    return tuple(sorted(effects, key=_swing if turned else _strength))


def _strength(effect: Effect) -> tuple[float, float, str]:
    return -(effect.share or 0.0), -(effect.importance or 0.0), effect.axis


def _swing(effect: Effect) -> tuple[float, float, float, str]:
    return -(effect.bar.swing if effect.bar else 0.0), *_strength(effect)


def _reference(results: Results, axes: Sequence[str], at: int | None) -> tuple[Row | None, str]:
    """The row around which axes are turned, or why there is none."""
    if at is not None:
        row = results.row(at)
        if row["status"] != OK:
            raise ExplorationError(f"point {at} is no reference: {row['status']}, {row['reason']}")
        return row, ""
    try:
        space = space_of(results)
    except PimsimError:
        return None, "the space's own machine is not known"
    point = next(iter(space.around()))
    found = _row_with(results, {name: cell for name, cell in space.cells(point).items() if name in axes})
    if found is None:
        return None, "the space's own machine is not among the points"
    if found["status"] != OK:
        return None, f"the space's own machine, point {found['point']}, is not evaluated: {found['reason']}"
    return found, ""


def _row_with(results: Results, cells: Row) -> Row | None:
    for batch in results.batches(("point", *cells)):
        same = np.ones(batch.num_rows, dtype=bool)
        for name, cell in cells.items():
            column = batch[name]
            equal = column.is_null() if cell is None else compute.equal(column, pa.scalar(cell, column.type))
            same &= equal.fill_null(False).to_numpy(zero_copy_only=False)
        if same.any():
            return results.row(batch["point"][int(np.argmax(same))].as_py())
    return None

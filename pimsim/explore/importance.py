"""Optuna's importances of axes, from rows of results instead of a study of its own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import isfinite

from pimsim.explore.axis import Axis, Span
from pimsim.explore.knobs import Knob, check_optuna
from pimsim.explore.main_effects import MOST_VALUES
from pimsim.explore.metrics import Objective
from pimsim.explore.point import Row, Value

LEAST_ROWS = 50
"""Of fewer the best tenth is a handful."""
BEST = 0.1
"""Share of the rows that count as good."""


def importances(rows: Sequence[Row], axes: Sequence[str], objective: Objective) -> dict[str, float]:
    """What decides whether a point is among the best tenth, in shares that add up to 1: PED-ANOVA.

    Axes that some rows lack take part.  Empty where there are too few rows, or too many are equally good.
    """
    check_optuna()
    known = [(row, float(value)) for row in rows if isinstance(value := row[objective.column], int | float)]
    known = [(row, value) for row, value in known if isfinite(value)]
    costs = sorted(value * objective.sign for _, value in known)
    if len(known) < LEAST_ROWS or costs[int(BEST * len(costs))] == costs[-1]:
        return {}
    knobs = [knob for axis in axes if (knob := _knob(axis, rows)) is not None]
    return _ranked(known, {knob.axis.name: knob for knob in knobs}, objective)


def _ranked(known: Sequence[tuple[Row, float]], knobs: Mapping[str, Knob], objective: Objective) -> dict[str, float]:
    import optuna

    distributions = {name: knob.distribution() for name, knob in knobs.items()}
    study = optuna.create_study(direction="minimize" if objective.sign > 0 else "maximize")
    for row, value in known:
        genes = {name: knob.gene(cell) for name, knob in knobs.items() if (cell := row[name]) is not None}
        there = {name: distributions[name] for name in genes}
        study.add_trial(optuna.create_trial(params=genes, distributions=there, value=value))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST)
    with warnings.catch_warnings():
        # of an axis that hardly any row has
        warnings.simplefilter("ignore", UserWarning)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(found.get(name, 0.0)) for name in knobs}


def _knob(axis: str, rows: Sequence[Row]) -> Knob | None:
    """None for an axis of one value."""
    values: dict[Value, None] = {cell: None for row in rows if (cell := row[axis]) is not None}
    if len(values) < 2:
        return None
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values) > MOST_VALUES // 10:
        low, high = min(numbers), max(numbers)
        return Knob.of(Axis(axis, (axis,), span=Span(low, high, log=low > 0 and high > 10 * low)))
    return Knob.of(Axis(axis, (axis,), tuple(values)))

"""What is asked of results in words: objectives, constraints and whose results they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pimsim.errors import ExplorationError
from pimsim.explore.constraints import Constraint, parse_constraint
from pimsim.explore.metrics import DEFAULT_OBJECTIVES, Objective, metric_columns, parse_objective
from pimsim.explore.results import Results
from pimsim.explore.space import Space
from pimsim.explore.space_load import recorded_space


def name_of(results: Results) -> str:
    """The space's name, or the file's."""
    return str(_space(results).get("name") or results.path.stem)


def objectives_of(results: Results, texts: Iterable[str] = ()) -> tuple[Objective, ...]:
    """Those asked for, or else those of the space.  Raises ExplorationError."""
    return tuple(
        parse_objective(text) for text in tuple(texts) or _space(results).get("objectives", DEFAULT_OBJECTIVES)
    )


def constraints_on(results: Results, texts: Iterable[str]) -> tuple[Constraint, ...]:
    """Constraints on the axes and metrics that results have.  Raises ExplorationError."""
    axes = {name for name, _ in results.columns} - set(metric_columns())
    return tuple(parse_constraint(text, axes.__contains__) for text in texts)


def space_of(results: Results) -> Space:
    """The space that results are of, as it was recorded with its hardware files when it was explored.

    Raises ExplorationError where results do not say.
    """
    recorded = results.meta.get("space")
    if recorded is None:
        raise ExplorationError(f'"{results.path}" does not say of which design space it is: name the folder instead')
    return recorded_space(recorded, origin=str(results.path))


def _space(results: Results) -> Mapping[str, Any]:
    space: Mapping[str, Any] = results.meta.get("space", {})
    return space

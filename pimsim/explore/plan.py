"""How much of every stage an exploration takes, before it is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pimsim.errors import PimsimError
from pimsim.explore.axis import HARDWARE, MODEL, Axis
from pimsim.explore.effects import ORGANISATION, VALUES, strongest
from pimsim.explore.executions import Executions, Numerics
from pimsim.explore.grid import ABSENT, grid_over
from pimsim.explore.job import Job
from pimsim.explore.keys import Keys, Split, Values
from pimsim.explore.point import Point
from pimsim.explore.space import Space
from pimsim.explore.tally import Tally
from pimsim.hardware import from_dict
from pimsim.mapping import costs_cnn, layer_numerics

MOST_WALKED = 100_000
"""Points or organisations that are looked at one by one, a second or two; beyond it counts are bounds."""
MOST_LOADED = 1000
"""Hardware files that are loaded for the sake of the plan."""
ENDLESS = 2**62


@dataclass(frozen=True)
class Plan:
    """Points, and what evaluating them takes if nothing is computed twice: with one worker, in a grid's order.

    executions, schedules and pricings are bounds where ``exact`` is not: constraints or refusals may spare some,
    or there are more points than were looked at.
    """

    points: int
    executions: int
    schedules: int
    pricings: int
    exact: bool

    def text(self) -> str:
        """One line.

        >>> Plan(10_000, 3, 640, 10_000, exact=True).text()
        '10,000 points: 3 executions of the network, 640 schedules, 10,000 pricings'
        """
        figures = (
            _counted(self.executions, "execution", " of the network"),
            _counted(self.schedules, "schedule"),
            _counted(self.pricings, "pricing"),
        )
        return f"{_counted(self.points, 'point')}: {'' if self.exact else 'at most '}{', '.join(figures)}"


def plan(job: Job, total: int, points: Callable[[], Iterable[Point]] | None = None) -> Plan:
    """What ``total`` points of a job take.

    points  gives them; None where they are not known before others are evaluated

    All points of a grid are counted without walking through them.
    """
    space, split = job.space, Split(job.space)
    whole = total == space.size
    walked = list(points()) if points is not None and not whole and total <= MOST_WALKED else None
    organisations = _distinct(space, split, walked, ORGANISATION)
    settings = _distinct(space, split, walked, VALUES)
    known = (whole or walked is not None) and isinstance(organisations, set) and isinstance(settings, set)
    executions, certain = _executions(job, settings) if isinstance(settings, set) else (settings, False)
    spared = any(not constraint.metric_columns for constraint in space.constraints)
    return Plan(
        points=total,
        executions=min(executions, total),
        schedules=min(len(organisations) if isinstance(organisations, set) else organisations, total),
        pricings=total,
        exact=known and certain and not spared,
    )


def _distinct(space: Space, split: Split, walked: list[Point] | None, effect: int) -> set[Keys] | int:
    """Keys without prices, of the axes that have at least this effect; how many there are at most, if too many.

    walked  the points; None for all of the grid
    """
    names = {axis.name for axis in space.axes if strongest(axis.paths) <= effect}
    points = walked if walked is not None else _projected(space, names)
    if isinstance(points, int):
        return points
    return {_without(split.keys(point), names) for point in points}


def _without(keys: Keys, names: set[str]) -> Keys:
    """Keys with no prices, and with no other axes than these."""
    return keys._replace(organisation=tuple(pair for pair in keys.organisation if pair[0] in names), prices=())


def _projected(space: Space, names: set[str]) -> list[Point] | int:
    """Every combination of these axes, and of those on which they depend, in the grid.

    If there are too many, their number; `ENDLESS` where an axis has no steps.
    """
    needed = set(names)
    for axis in reversed(space.axes):
        if axis.name in needed:
            needed |= {name for name, _ in axis.when}
    axes = [axis for axis in space.axes if axis.name in needed]
    if any(axis.span is not None for axis in axes):
        return ENDLESS
    grid = grid_over(axes)
    if grid.size > MOST_WALKED:
        return grid.size
    return [Point(0, _values(axes, digits)) for digits in grid.walk()]


def _values(axes: Sequence[Axis], digits: Sequence[int]) -> Values:
    return tuple((axis.name, axis.values[digit]) for axis, digit in zip(axes, digits, strict=True) if digit != ABSENT)


def _executions(job: Job, settings: set[Keys]) -> tuple[int, bool]:
    """How many different executions the settings need; whether that is certain, and not a bound."""
    executions, needed, unknown = Executions(job, Tally()), set[tuple[str, str | None, Numerics]](), 0
    for turn, keys in enumerate(sorted(settings, key=repr)):
        if turn >= MOST_LOADED:
            return len(needed) + unknown + len(settings) - turn, False
        try:
            numerics = _numerics(job, executions, keys)
        except PimsimError:  # of this machine with everything else as in its file, which need not be so
            unknown += 1
            continue
        if numerics is not None:
            needed.add((*keys.network, numerics))
    return len(needed) + unknown, not unknown


def _numerics(job: Job, executions: Executions, keys: Keys) -> Numerics | None:
    """What the network is executed with; None where it is not."""
    files = [(MODEL, keys.model), (HARDWARE, keys.hardware)]
    given = [(name, value) for name, value in files if name in {axis.name for axis in job.space.axes}]
    overrides = job.space.chosen(Point(0, (*given, *keys.organisation))).overrides
    machine = from_dict(job.space.machines[keys.hardware], origin=keys.hardware, overrides=overrides)
    network = job.models[keys.model].network
    return executions.setting(keys, layer_numerics(network, machine), costed=costs_cnn(network, machine))


def _counted(count: int, noun: str, behind: str = "") -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}{behind}"

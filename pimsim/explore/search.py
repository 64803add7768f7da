"""Searches for good machines with Optuna, in generations of fixed size.  docs/exploration.md, "Searching"."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from pimsim.errors import ExplorationError
from pimsim.explore.around import said
from pimsim.explore.excess import excess
from pimsim.explore.knobs import Knob, applies, check_optuna
from pimsim.explore.methods import MOST_SEED, NSGA2, POPULATION, SEARCHES
from pimsim.explore.point import OK, VIOLATES, Point, Row, Value
from pimsim.explore.space import Space

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial

REPEATS = 8
"""So often as a generation has points a sampler may propose known ones; then points are drawn at random."""

_Values = tuple[tuple[str, Value], ...]


class Search:
    """Points that a sampler asks for, generation by generation.

    method      one of `pimsim.explore.methods.SEARCHES`
    seed        of all that is drawn
    budget      points in all; a larger one continues a smaller one
    population  points of a generation; the next one is asked for when all rows of one are told

    Which points come depends on space, method, seed and population alone, not on the order in which rows are told.
    No point comes twice.  Raises ExplorationError, MissingPackageError.
    """

    def __init__(self, space: Space, method: str, *, seed: int, budget: int, population: int = POPULATION) -> None:
        check_optuna()
        _check(method, seed, budget, population)
        self.space, self.budget, self.population = space, budget, population
        self.asked = 0
        self._knobs = [Knob.of(axis) for axis in space.axes]
        self._study, self._next_study = _study(space, self._knobs, method, seed, population)
        # a gene of an axis that a point lacks is handed on, so that NSGA-II breeds conditional axes too
        self._all_genes = method == NSGA2
        self._seed = seed
        self._drawn = 0
        self._known: set[_Values] = set()
        self._open: dict[int, tuple[Point, Trial]] = {}
        self._told: dict[int, Row] = {}
        self._propose(next(iter(space.around())).values)

    def ask(self) -> tuple[Point, ...]:
        """Points of this generation whose rows are not told, or of the next one; none when the search is over."""
        if not self._open:
            self._next_generation()
        return tuple(point for number, (point, _) in self._open.items() if number not in self._told)

    def tell(self, rows: Iterable[Row]) -> None:
        """Rows of points that were asked for, in any order and parts."""
        for row in rows:
            number = row["point"]
            if not isinstance(number, int) or number not in self._open or number in self._told:
                raise ExplorationError(f"point {number} was not asked for")
            self._check_same(self._open[number][0], row)
            self._told[number] = row
        if len(self._told) == len(self._open):
            self._close_generation()

    def replay(self, stored: Mapping[int, Row]) -> None:
        """Ask anew for everything that is stored and tell it, as a search that was interrupted had done.

        Raises ExplorationError where another search has stored it.
        """
        left = len(stored)
        while left and (points := self.ask()):
            rows = [stored[point.number] for point in points if point.number in stored]
            self.tell(rows)
            left -= len(rows)
            if len(rows) < len(points):
                break
        if left:
            raise ExplorationError(f"{left} stored points are none that this search asks for")

    def _next_generation(self) -> None:
        tries, wanted = 0, min(self.population, self.budget - self.asked)
        if self.space.size is not None:
            wanted = min(wanted, self.space.size - self.asked)
        while len(self._open) < wanted:
            tries += 1
            if tries > REPEATS * self.population and not self._propose_at_random():
                return
            trial = self._study.ask()
            values = self._suggested(trial)
            if values in self._known:
                self._drop(trial)
                continue
            self._known.add(values)
            self._open[self.asked] = Point(self.asked, values), trial
            self.asked += 1

    def _close_generation(self) -> None:
        """Tell in the order of numbers, on which alone the sampler's state then depends."""
        for number, (point, trial) in self._open.items():
            row = self._told[number]
            values = _objectives(self.space, row)
            trial.set_constraint("excess", 0.0 if values else self.missed(point, row))
            self._study.tell(trial, values or [0.0] * len(self.space.objectives))
        self._open, self._told = {}, {}
        self._study = self._next_study(self._study)

    def missed(self, point: Point, row: Row) -> float:
        """How far a point that does not count is from one that does; machines that cannot be built are furthest."""
        constraints = self.space.constraints
        if row["status"] != VIOLATES:
            return 1.0 + len(constraints)
        stated = self._stated(point)
        return sum((excess(constraint, stated | row) for constraint in constraints), 0.0) or 1.0

    def _stated(self, point: Point) -> Row:
        """What a machine's file and axes say of the names that constraints read; defaults aside."""
        chosen, values = self.space.chosen(point), dict(point.values)
        names = {name for constraint in self.space.constraints for name in constraint.parameters}
        found: Row = {}
        for name in names:
            value = values.get(name, said(name, chosen.overrides, self.space.machines[chosen.hardware]))
            if isinstance(value, bool | int | float | str):
                found[name] = value
        return found

    def _suggested(self, trial: Trial) -> _Values:
        values: dict[str, Value] = {}
        for knob in self._knobs:
            there = applies(knob.axis, values)
            if there or self._all_genes:
                value = knob.suggested(trial)
                if there:
                    values[knob.axis.name] = value
        return tuple(values.items())

    def _drop(self, trial: Trial) -> None:
        """A repeated point costs nothing and, told twice, would crowd others out."""
        import optuna

        self._study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _propose(self, values: _Values) -> None:
        """Let the next trial be a certain point."""
        knobs = {knob.axis.name: knob for knob in self._knobs}
        self._study.enqueue_trial({name: knobs[name].gene(value) for name, value in values})

    def _propose_at_random(self) -> bool:
        """A point that is not known; False where there is none, or none is found."""
        size = self.space.size
        last = self._drawn + REPEATS * self.population if size is None else size
        for point in self.space.sample(last - self._drawn, seed=self._seed, start=self._drawn):
            self._drawn += 1
            if point.values not in self._known:
                self._propose(point.values)
                return True
        return False

    def _check_same(self, point: Point, row: Row) -> None:
        for name, value in self.space.cells(point).items():
            if row[name] != value:
                raise ExplorationError(
                    f"point {point.number} has {name}={row[name]} in the results, {value} in this search"
                )


def _check(method: str, seed: int, budget: int, population: int) -> None:
    if method not in SEARCHES:
        raise ExplorationError(f'search "{method}": must be one of {", ".join(SEARCHES)}')
    if not 0 <= seed <= MOST_SEED:
        raise ExplorationError(f"seed={seed}: must be in 0 … {MOST_SEED}")
    if budget < 1:
        raise ExplorationError(f"{budget} points: a search needs at least 1")
    if population < 2:
        raise ExplorationError(f"population={population}: a generation has at least 2 points")


def _study(
    space: Space, knobs: Sequence[Knob], method: str, seed: int, population: int
) -> tuple[Study, Callable[[Study], Study]]:
    """A study, and what becomes of it behind each generation."""
    import optuna

    small, large = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
    directions = [small if item.sign > 0 else large for item in space.objectives]
    if method == NSGA2:
        from pimsim.explore.breeding import Breeder  # it needs Optuna

        genes = {knob.axis.name: knob.distribution() for knob in knobs}
        breeder = Breeder(genes, seed=seed, population=population)
        return optuna.create_study(directions=directions, sampler=breeder), breeder.next_study
    with warnings.catch_warnings():
        # joint densities of the axes that occur together: experimental since 2021
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=population
        )
    return optuna.create_study(directions=directions, sampler=sampler), lambda study: study


def _objectives(space: Space, row: Row) -> list[float] | None:
    """Of a row that counts; None where it does not, or where one of them is not known."""
    found = [row[item.column] for item in space.objectives]
    numbers = [float(value) for value in found if isinstance(value, int | float) and isfinite(value)]
    return numbers if row["status"] == OK and len(numbers) == len(found) else None

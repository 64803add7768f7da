"""How points are chosen and where they are evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.errors import ExplorationError
from pimsim.explore.knobs import check_optuna
from pimsim.explore.methods import GRID, METHODS, POPULATION, SEARCHES
from pimsim.explore.space import Space
from pimsim.explore.walk import Walk, walk


@dataclass(frozen=True)
class Way:
    """How points are chosen.

    method      one of `pimsim.explore.methods.METHODS`
    points      how many at most; None: all of a grid
    seed        of what is drawn at random
    population  points of one generation of a search
    """

    method: str = GRID
    points: int | None = None
    seed: int = 0
    population: int = POPULATION

    @property
    def searches(self) -> bool:
        """Whether points are found on the way, and not known before."""
        return self.method in SEARCHES

    def walk(self, space: Space) -> Walk:
        """The points of a way that does not search."""
        return walk(space, self.method, count=self.points, seed=self.seed)

    def check(self, space: Space) -> None:
        """Refuse a way that cannot be gone in a space, or not here.  Raises ExplorationError, MissingPackageError."""
        if self.method not in METHODS:
            raise ExplorationError(f'method "{self.method}": must be one of {", ".join(METHODS)}')
        if self.points is not None and self.points < 1:
            raise ExplorationError(f"points={self.points}: must be at least 1")
        if not self.searches:
            self.walk(space)
        elif self.points is None:
            raise ExplorationError(f'method "{self.method}" needs the number of points to evaluate')
        else:
            check_optuna()


@dataclass(frozen=True)
class Place:
    """Where points are evaluated: ``workers`` processes of this machine (None: one per core), or a Dask scheduler's."""

    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.scheduler is not None and self.workers is not None:
            raise ExplorationError(f"workers={self.workers}: a cluster has workers of its own, as many as it has")
        if self.workers is not None and self.workers < 1:
            raise ExplorationError(f"workers={self.workers}: must be at least 1")


WHOLE_GRID = Way()
HERE = Place()

"""In which order points are visited: those of a grid, drawn at random, or one knob at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from pimsim.errors import ExplorationError
from pimsim.explore.methods import GRID, TORNADO
from pimsim.explore.pace import MOST, Pace
from pimsim.explore.point import Chunk, Point
from pimsim.explore.space import Space


@dataclass(frozen=True)
class Walk:
    """Points known before any is evaluated; ``points`` gives those from one number to the one before another."""

    total: int
    points: Callable[[int, int], Iterator[Point]]

    def chunks(self, missing: Iterable[tuple[int, int]], pace: Pace, most: int = MOST) -> Iterator[Chunk]:
        """All points of the runs ``missing``, in pieces as large as the pace says when each is pulled, or ``most``."""
        for start, stop in missing:
            ahead = self.points(start, stop)
            while points := tuple(islice(ahead, min(pace.size, most))):
                yield Chunk(points[0].number, points)


def walk(space: Space, method: str, *, count: int | None, seed: int) -> Walk:
    """The walk that ``method`` names; ``count`` says how many are drawn, and cuts the others short.

    Raises ExplorationError for a grid of axes without steps, and where nothing says how many to draw.
    """
    if method == TORNADO:
        around = tuple(islice(space.around(), count))
        return Walk(len(around), lambda start, stop: iter(around[start:stop]))
    if method == GRID:
        space.check_grid()
        size = space.grid.size
        return Walk(size if count is None else min(count, size), space.points)
    if count is None:
        raise ExplorationError(f'{space.name}: method "{method}" needs the number of points to draw')
    total = count if space.size is None else min(count, space.size)
    return Walk(total, lambda start, stop: islice(space.sample(total, seed=seed, start=start), stop - start))

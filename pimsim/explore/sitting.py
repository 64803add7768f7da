"""Points on their way from a space through workers into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from pimsim.explore.evaluator import evaluate_chunk
from pimsim.explore.job import Job
from pimsim.explore.pace import Pace
from pimsim.explore.point import Chunk, Point, Row
from pimsim.explore.search import Search
from pimsim.explore.store import Store
from pimsim.explore.supply import Done
from pimsim.explore.walk import Walk
from pimsim.explore.way import Way
from pimsim.explore.work import Work
from pimsim.explore.workers import Workers

PARTS = 8
"""Chunks of a generation at least: all workers have to have some before the next one can be asked for."""
Progress = Callable[[int, int], None]
"""Called with (points stored, points in all)."""


class Sitting:
    """One go at an exploration, from what is stored to its end or to an interrupt.

    work  what its points took so far, summed over workers
    """

    def __init__(self, job: Job, store: Store, workers: Workers, progress: Progress | None) -> None:
        self.work = Work()
        self._job, self._store, self._workers = job, store, workers
        self._progress = progress
        self._pace = Pace()
        self._cold = workers.compile_alike

    def go(self, way: Way) -> int:
        """All points of ``way`` that are not stored yet; gives how many it has, stored ones too."""
        return self._search(way) if way.searches else self._walk(way.walk(self._job.space))

    def _walk(self, steps: Walk) -> int:
        missing = list(self._store.done.gaps(0, steps.total))
        for _ in self._run(steps.chunks(missing, self._pace), steps.total):
            """Stored; nobody has to be told."""
        return steps.total

    def _search(self, way: Way) -> int:
        """Generation after generation, up to the points asked for, fewer where no new ones are found."""
        assert way.points is not None
        search = Search(self._job.space, way.method, seed=way.seed, budget=way.points, population=way.population)
        search.replay(self._stored(way.points))
        while points := search.ask():
            numbers = {point.number: point for point in points}
            missing = list(self._store.done.gaps(min(numbers), max(numbers) + 1))
            generation = Walk(way.points, partial(_between, numbers))
            chunks = generation.chunks(missing, self._pace, most=-(-way.population // PARTS))
            for rows in self._run(chunks, way.points):
                search.tell(rows)
        return search.asked

    def _run(self, chunks: Iterator[Chunk], total: int) -> Iterator[tuple[Row, ...]]:
        """Evaluate chunks and store them, each before its rows are handed on."""
        self._tell(total)
        for chunk, evaluated in self._evaluated(chunks):
            self._store.add(chunk.start, evaluated.rows)
            self._pace.seen(len(chunk.points), evaluated.work)
            self.work += evaluated.work
            self._tell(total)
            yield evaluated.rows

    def _evaluated(self, chunks: Iterator[Chunk]) -> Iterator[Done]:
        """The first one here, so that compiling on a machine's first run is told, and done once for all processes."""
        if self._cold and (first := next(chunks, None)):
            self._cold = False
            yield first, evaluate_chunk(self._job, first)
        yield from self._workers.run(self._job, chunks)

    def _stored(self, points: int) -> dict[int, Row]:
        """Rows of earlier sittings by number, below the number of points that this one asks for."""
        found: dict[int, Row] = {}
        for start, stop in self._store.done.runs():
            if start < points:
                found |= dict(enumerate(self._store.rows(start, min(stop, points)), start))
        return found

    def _tell(self, total: int) -> None:
        if self._progress is not None:
            self._progress(len(self._store.done), total)


def _between(points: Mapping[int, Point], start: int, stop: int) -> Iterator[Point]:
    return (points[number] for number in range(start, stop))

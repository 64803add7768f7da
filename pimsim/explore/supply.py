"""Chunks on their way to workers: pulled one at a time, repeated where a worker died, taken apart where they kill."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from pimsim.explore.point import Chunk, Point, Row
from pimsim.explore.work import Evaluated, Work

Done = tuple[Chunk, Evaluated]
"""A chunk as it was pulled, with what is known of it."""


class Supply:
    """What is still to be handed out, and the parts of chunks that were taken apart.

    ``failed`` gives the row of a point that no worker survives, and its reason.
    """

    def __init__(self, chunks: Iterable[Chunk], failed: Callable[[Point, str], Row]) -> None:
        self._chunks = iter(chunks)
        self._failed = failed
        self._again: deque[Chunk] = deque()
        self._apart: dict[int, tuple[Chunk, dict[int, Evaluated]]] = {}

    def next(self) -> Chunk | None:
        """One to hand out, those that come back first; None where there is no other."""
        return self._again.popleft() if self._again else next(self._chunks, None)

    def put_back(self, chunk: Chunk) -> None:
        """Hand it out again, soon: its worker is gone."""
        self._again.append(chunk)

    def take_apart(self, chunk: Chunk) -> None:
        """Hand its points out one by one, so that the one that kills takes no other with it.

        Not by halves: every death costs a worker's start, and all that it held in memory.
        """
        found: dict[int, Evaluated] = {}
        for point in chunk.points:
            self._apart[point.number] = (chunk, found)
            self._again.append(Chunk(point.number, (point,)))

    def give_up(self, chunk: Chunk, reason: str) -> Done | None:
        """As `finish`, with failed rows."""
        rows = tuple(self._failed(point, reason) for point in chunk.points)
        return self.finish(chunk, Evaluated(rows, Work()))

    def finish(self, chunk: Chunk, evaluated: Evaluated) -> Done | None:
        """What is then ready for the caller: ``chunk``, or the one that it was part of, or nothing yet."""
        if chunk.start not in self._apart:
            return chunk, evaluated
        whole, found = self._apart.pop(chunk.start)
        found[chunk.start] = evaluated
        if len(found) < len(whole.points):
            return None
        parts = [found[point.number] for point in whole.points]
        rows = tuple(row for part in parts for row in part.rows)
        return whole, Evaluated(rows, sum((part.work for part in parts), Work()))

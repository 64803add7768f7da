"""A set of whole numbers as the runs that it has: a million points in a row are one run."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Intervals:
    """Whole numbers, kept as disjoint runs ``[start, stop)`` in order, none of which touch."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._count = 0

    def add(self, start: int, stop: int) -> None:
        """Take in ``start`` … ``stop`` − 1, of which any may be there already."""
        if start >= stop:
            return
        first = bisect_left(self._stops, start)
        behind = bisect_right(self._starts, stop)
        for run in range(first, behind):
            self._count -= self._stops[run] - self._starts[run]
        if first < behind:
            start, stop = min(start, self._starts[first]), max(stop, self._stops[behind - 1])
        self._starts[first:behind], self._stops[first:behind] = [start], [stop]
        self._count += stop - start

    def gaps(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Runs ``[start, stop)`` of what is missing between both, in order."""
        run = bisect_right(self._stops, start)
        while start < stop:
            begins = self._starts[run] if run < len(self._starts) else stop
            if start < begins:
                yield start, min(begins, stop)
            start = self._stops[run] if run < len(self._stops) else stop
            run += 1

    def runs(self) -> Iterator[tuple[int, int]]:
        """Runs ``[start, stop)`` in order."""
        return zip(self._starts, self._stops, strict=True)

    def __contains__(self, number: int) -> bool:
        run = bisect_right(self._starts, number) - 1
        return run >= 0 and number < self._stops[run]

    def __len__(self) -> int:
        return self._count

"""Which of many rows no other row beats: the front of any number of columns, smaller being better in each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]
"""(rows, objectives); what is to be large stands with its sign turned."""
Mask = NDArray[np.bool_]

LEAF = 48
"""Up to so many rows are compared each with each: splitting them further would take longer."""
PAIRS = 4096
"""The same for two groups of rows, of their product."""
WAITING = 65536
"""Rows that a `Front` gathers at least before it compares them."""


def non_dominated(costs: Costs) -> Mask:
    """Rows that are on the front.

    A row is beaten by another that is nowhere larger and somewhere smaller; so equal rows are on the front together.
    A row with NaN is not on it and beats none.  Time grows as n·log(n)^(objectives − 1), even where all are on the
    front.

    >>> non_dominated(np.array([[1.0, 4.0], [2.0, 2.0], [2.0, 3.0], [2.0, 2.0]])).tolist()
    [True, True, False, True]
    """
    known = np.flatnonzero(~np.isnan(costs).any(axis=1))
    chosen = np.zeros(len(costs), dtype=bool)
    if known.size == 0:
        return chosen
    rows = costs[known]
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    chosen[known[order]] = _of_ascending(rows[new])[np.cumsum(new) - 1]
    return chosen


class Front:
    """The front of rows that come in batches; keeps the front so far and at most as many rows more, or `WAITING`."""

    def __init__(self, objectives: int) -> None:
        self._numbers = np.empty(0, dtype=np.int64)
        self._costs = np.empty((0, objectives))
        self._waiting: list[tuple[NDArray[np.int64], Costs]] = []
        self._rows_waiting = 0

    def add(self, numbers: NDArray[np.int64], costs: Costs) -> None:
        """Rows and their numbers, in any order; ``costs`` as for `non_dominated`."""
        self._waiting.append((numbers, costs))
        self._rows_waiting += len(numbers)
        # so seldom that a large front is not walked again for each small batch
        if self._rows_waiting >= max(WAITING, len(self._numbers)):
            self._settle()

    def numbers(self) -> NDArray[np.int64]:
        """Of the rows on the front, ascending."""
        self._settle()
        return np.sort(self._numbers)

    def _settle(self) -> None:
        numbers = np.concatenate([self._numbers, *(numbers for numbers, _ in self._waiting)])
        costs = np.concatenate([self._costs, *(costs for _, costs in self._waiting)])
        chosen = non_dominated(costs)
        self._numbers, self._costs = numbers[chosen], costs[chosen]
        self._waiting, self._rows_waiting = [], 0


def _of_ascending(rows: Costs) -> Mask:
    """Those on the front, of distinct rows in lexicographic order: then a row can only be beaten by one before it."""
    count, columns = rows.shape
    if columns == 1:
        return np.asarray(np.arange(count) == 0)
    if columns == 2:
        least = np.minimum.accumulate(rows[:, 1])
        return np.concatenate([[True], rows[1:, 1] < least[:-1]])
    if count <= LEAF:
        not_larger = _nowhere_larger(rows, rows)
        np.fill_diagonal(not_larger, False)
        return np.asarray(~not_larger.any(axis=0))
    half = count // 2
    first, second = _of_ascending(rows[:half]), _of_ascending(rows[half:])
    # what comes before is not larger in the first column
    second[second] = ~_covered(rows[half:][second, 1:], rows[:half][first, 1:])
    return np.concatenate([first, second])


def _covered(rows: Costs, by: Costs) -> Mask:
    """Rows beside which one of ``by`` is larger in no column, of two or more."""
    columns = rows.shape[1]
    if len(rows) == 0 or len(by) == 0:
        return np.zeros(len(rows), dtype=bool)
    if columns == 2:
        return _covered_in_two(rows, by)
    if len(rows) * len(by) <= PAIRS:
        return np.asarray(_nowhere_larger(by, rows).any(axis=0))
    return _covered_by_halves(rows, by)


def _nowhere_larger(these: Costs, than: Costs) -> Mask:
    """(these, than): each with each."""
    return np.asarray((these[:, None, :] <= than[None, :, :]).all(axis=2))


def _covered_in_two(rows: Costs, by: Costs) -> Mask:
    order = np.argsort(by[:, 0], kind="stable")
    # behind the end and before the start: nothing that covers
    least = np.concatenate([[np.inf], np.minimum.accumulate(by[order, 1])])
    before = np.searchsorted(by[order, 0], rows[:, 0], side="right")
    return np.asarray((before > 0) & (least[before] <= rows[:, 1]))


def _covered_by_halves(rows: Costs, by: Costs) -> Mask:
    """Both are parted at the first column's median; across the parts that column is decided."""
    values = np.concatenate([rows[:, 0], by[:, 0]])
    middle, least = np.partition(values, len(values) // 2)[len(values) // 2], values.min()
    if least == values.max():
        return _covered(rows[:, 1:], by[:, 1:])
    if middle == least:
        middle = values[values > least].min()
    low_rows, low_by = rows[:, 0] < middle, by[:, 0] < middle
    covered = np.zeros(len(rows), dtype=bool)
    covered[low_rows] = _covered(rows[low_rows], by[low_by])
    covered[~low_rows] = _covered(rows[~low_rows, 1:], by[low_by, 1:])
    left = ~low_rows & ~covered
    covered[left] = _covered(rows[left], by[~low_by])
    return covered

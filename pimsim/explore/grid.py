"""The combinations of a grid whose axes may depend on earlier ones, by number and in order.

Axes are positions and values are indices in a `Grid`: what they mean is the space's.  The last axis varies fastest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from pimsim.errors import ExplorationError
from pimsim.explore.axis import Axis

ABSENT = -1
"""Digit of an axis that a combination does not have."""
MAX_CASES = 200_000
"""Cases of an axis that conditions tell apart; more would mean many seconds and gigabytes."""

Condition = tuple[int, frozenset[int]]
"""An earlier axis, and those of its values under which a later one is there."""


@dataclass(frozen=True)
class _Node:
    """Combinations of the axes from one on, given which of them may still be there.

    count     of combinations
    values    of this axis; none where it is absent
    children  by value of this axis; only one where all are the same
    starts    combinations before each value; None where every value has ``each``
    """

    count: int
    values: range
    children: tuple[_Node, ...]
    each: int
    starts: tuple[int, ...] | None = None

    def locate(self, number: int) -> tuple[int, int]:
        """Value and rest of the combination with a number."""
        if not self.values:
            return ABSENT, number
        if self.starts is None:
            return divmod(number, self.each)
        value = bisect_right(self.starts, number) - 1
        return value, number - self.starts[value]

    def before(self, value: int) -> int:
        """Combinations with smaller values."""
        if value == ABSENT:
            return 0
        return value * self.each if self.starts is None else self.starts[value]

    def child(self, value: int) -> _Node:
        return self.children[value] if len(self.children) > 1 else self.children[0]


_LEAF = _Node(count=1, values=range(0), children=(), each=1)


@dataclass
class _Tree:
    """Builds nodes; those with the same axes left are one.

    rulings           per axis and value a bit for every axis that may be there then; one for all values that agree
    ruled_by_absence  the same where the axis is absent
    """

    radices: Sequence[int]
    rulings: Sequence[Sequence[int]]
    ruled_by_absence: Sequence[int]
    known: dict[tuple[int, int], _Node] = field(default_factory=dict)
    cases: int = 0

    def node(self, axis: int, alive: int) -> _Node:
        """``alive`` has a bit for every axis that no earlier value has ruled out."""
        if axis == len(self.radices):
            return _LEAF
        found = self.known.get((axis, alive))
        if found is None:
            self.cases += len(self.rulings[axis])
            if self.cases > MAX_CASES:
                raise ExplorationError(f"conditions divide the grid into more than {MAX_CASES} cases")
            found = self.known[axis, alive] = self._made(axis, alive)
        return found

    def _made(self, axis: int, alive: int) -> _Node:
        later = alive & ~((2 << axis) - 1)
        if not alive >> axis & 1:
            child = self.node(axis + 1, later & self.ruled_by_absence[axis])
            return _Node(child.count, range(0), (child,), child.count)
        values = range(self.radices[axis])
        children = tuple(self.node(axis + 1, later & ruling) for ruling in self.rulings[axis])
        each = children[0].count
        if all(child.count == each for child in children):
            return _Node(each * len(values), values, children, each)
        starts = tuple(accumulate((child.count for child in children), initial=0))
        return _Node(starts[-1], values, children, 0, starts[:-1])


class Grid:
    """Every combination of values, where an axis is there only if all its conditions hold.

    ``radices`` is the number of values of each axis; a condition on an axis that is itself absent does not hold.
    """

    def __init__(self, radices: Sequence[int], conditions: Sequence[Sequence[Condition]]) -> None:
        everyone = (1 << len(radices)) - 1
        rulings = [[everyone] for _ in radices]
        absence = [everyone] * len(radices)
        for later, needed in enumerate(conditions):
            for earlier, values in needed:
                absence[earlier] &= ~(1 << later)
                if len(rulings[earlier]) < radices[earlier]:
                    rulings[earlier] = [everyone] * radices[earlier]
                for value in set(range(radices[earlier])) - values:
                    rulings[earlier][value] &= ~(1 << later)
        self.radices = tuple(radices)
        self._root = _Tree(radices, rulings, absence).node(0, everyone)

    @property
    def size(self) -> int:
        """Number of combinations."""
        return self._root.count

    def digits(self, number: int) -> list[int]:
        """Value of every axis, or `ABSENT`, in the combination with a number in 0 … size − 1."""
        node, found = self._root, []
        for _ in self.radices:
            value, number = node.locate(number)
            found.append(value)
            node = node.child(value)
        return found

    def number(self, choose: Callable[[int], int]) -> int:
        """The inverse; ``choose`` gives the value of an axis, and is asked for those that are there only."""
        node, number = self._root, 0
        for axis in range(len(self.radices)):
            value = choose(axis) if node.values else ABSENT
            number += node.before(value)
            node = node.child(value)
        return number

    def walk(self, start: int = 0) -> Iterator[list[int]]:
        """Digits of every combination from ``start`` on, in one list that is changed from step to step."""
        if start < self.size:
            yield from self._walk(self._root, 0, start, [ABSENT] * len(self.radices))

    def _walk(self, node: _Node, axis: int, skip: int, digits: list[int]) -> Iterator[list[int]]:
        """Sets the digits from ``axis`` on."""
        if axis == len(digits):
            yield digits
            return
        last = axis == len(digits) - 1
        first, skip = node.locate(skip)
        for value in node.values[first:] if node.values else (ABSENT,):
            digits[axis] = value
            if last:
                yield digits
            else:
                yield from self._walk(node.child(value), axis + 1, skip, digits)
                skip = 0


def grid_over(axes: Sequence[Axis]) -> Grid:
    """The grid of axes of which each stands behind those that it depends on; one without steps counts as one value."""
    levels = {axis.name: level for level, axis in enumerate(axes)}
    places = [{value: place for place, value in enumerate(axis.values)} for axis in axes]
    conditions = [
        [(levels[name], frozenset(places[levels[name]][value] for value in values)) for name, values in axis.when]
        for axis in axes
    ]
    return Grid([len(axis.values) or 1 for axis in axes], conditions)

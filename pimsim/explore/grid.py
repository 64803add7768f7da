"""The combinations of a grid whose axes may depend on earlier ones, by number and in order.

Axes are positions and values are indices here: what they mean is the space's.  The last axis varies fastest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from pimsim.errors import ExplorationError

ABSENT = -1
"""Digit of an axis that a combination does not have."""
MAX_CASES = 2_000_000
"""Values of axes, each in every case that conditions tell apart; more would mean minutes and gigabytes."""

Condition = tuple[int, frozenset[int]]
"""An earlier axis, and those of its values under which a later one is there."""


@dataclass(frozen=True)
class _Node:
    """Combinations of the axes from one on, given which of them may still be there.

    count     of combinations
    children  by value of this axis; the only one where the axis is absent
    starts    combinations before each value; None where every value has ``each``
    """

    count: int
    absent: bool
    children: tuple[_Node, ...]
    each: int
    starts: tuple[int, ...] | None

    def locate(self, number: int) -> tuple[int, int]:
        """Value and rest of the combination with a number."""
        if self.starts is None:
            return divmod(number, self.each)
        value = bisect_right(self.starts, number) - 1
        return value, number - self.starts[value]

    def before(self, value: int) -> int:
        """Combinations with smaller values."""
        return value * self.each if self.starts is None else self.starts[value]


_LEAF = _Node(count=1, absent=False, children=(), each=1, starts=None)


@dataclass
class _Tree:
    """Builds nodes; those with the same axes left are one."""

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
            self.cases += self.radices[axis]
            if self.cases > MAX_CASES:
                raise ExplorationError(f"conditions divide the grid into more than {MAX_CASES} cases of an axis")
            found = self.known[axis, alive] = self._made(axis, alive)
        return found

    def _made(self, axis: int, alive: int) -> _Node:
        later = alive & ~((2 << axis) - 1)
        if not alive >> axis & 1:
            child = self.node(axis + 1, later & self.ruled_by_absence[axis])
            return _Node(child.count, True, (child,), child.count, None)
        children = tuple(self.node(axis + 1, later & ruling) for ruling in self.rulings[axis])
        each = children[0].count
        if all(child.count == each for child in children):
            return _Node(each * len(children), False, children, each, None)
        starts = tuple(accumulate((child.count for child in children), initial=0))
        return _Node(starts[-1], False, children, 0, starts[:-1])


class Grid:
    """Every combination of values, where an axis is there only if all its conditions hold.

    ``radices`` is the number of values of each axis; a condition on an axis that is itself absent does not hold.
    """

    def __init__(self, radices: Sequence[int], conditions: Sequence[Sequence[Condition]]) -> None:
        everyone = (1 << len(radices)) - 1
        rulings = [[everyone] * radix for radix in radices]
        absence = [everyone] * len(radices)
        for later, needed in enumerate(conditions):
            for earlier, values in needed:
                absence[earlier] &= ~(1 << later)
                for value in set(range(radices[earlier])) - values:
                    rulings[earlier][value] &= ~(1 << later)
        self.radices = tuple(radices)
        self._root = _Tree(radices, rulings, absence).node(0, everyone)

    @property
    def size(self) -> int:
        return self._root.count

    def digits(self, number: int) -> list[int]:
        """Value of every axis, or `ABSENT`, in the combination with a number in 0 … size − 1."""
        node, found = self._root, []
        for _ in self.radices:
            if node.absent:
                found.append(ABSENT)
                node = node.children[0]
            else:
                value, number = node.locate(number)
                found.append(value)
                node = node.children[value]
        return found

    def number(self, digits: Sequence[int]) -> int:
        """The inverse; which axes are absent has to agree with the conditions."""
        node, number = self._root, 0
        for value in digits:
            if not node.absent:
                number += node.before(value)
            node = node.children[0 if node.absent else value]
        return number

    def present(self, digits: Sequence[int]) -> bool:
        """Whether the axis behind the given digits is there."""
        node = self._root
        for value in digits:
            node = node.children[0 if node.absent else value]
        return not node.absent

    def walk(self, start: int = 0) -> Iterator[list[int]]:
        """Digits of every combination from ``start`` on, in one list that is changed from step to step."""
        digits = [ABSENT] * len(self.radices)
        if start < self.size:
            yield from self._walk(self._root, 0, start, digits)

    def _walk(self, node: _Node, axis: int, skip: int, digits: list[int]) -> Iterator[list[int]]:
        if axis == len(digits):
            yield digits
            return
        last = axis == len(digits) - 1
        value, skip = (ABSENT, skip) if node.absent else node.locate(skip)
        for child in node.children[max(value, 0) :]:
            digits[axis] = value
            if last:
                yield digits
            else:
                yield from self._walk(child, axis + 1, skip, digits)
                skip = 0
            value += 1

"""A number with the spread of its sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Range(NamedTuple):
    """low ≤ nominal ≤ high, all in the same unit.

    Ends add end to end: sources err together, so a sum's range is never narrower than its parts say.

    >>> Range(1.0, 2.0, 4.0).plus(Range(0.5, 0.5, 0.5)).times(2.0)
    Range(low=3.0, nominal=5.0, high=9.0)
    """

    low: float
    nominal: float
    high: float

    def plus(self, other: Range) -> Range:
        return Range(self.low + other.low, self.nominal + other.nominal, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Every end times a factor that is not negative."""
        return Range(self.low * factor, self.nominal * factor, self.high * factor)

    def by(self, other: Range) -> Range:
        """End by end product with another range of numbers that are not negative."""
        return Range(self.low * other.low, self.nominal * other.nominal, self.high * other.high)


ZERO = Range(0.0, 0.0, 0.0)
ONE = Range(1.0, 1.0, 1.0)


def total(ranges: Iterable[Range]) -> Range:
    """Sum, in the order given."""
    result = ZERO
    for item in ranges:
        result = result.plus(item)
    return result

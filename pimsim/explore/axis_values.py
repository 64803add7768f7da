"""Values of an axis from its ends.  Ends and steps are meant as decimals: 0.1, 0.2, 0.3 and not 0.30000000000000004."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log

from pimsim.errors import ExplorationError
from pimsim.explore.axis import Span
from pimsim.explore.permutation import drawn

MAX_VALUES = 100_000
"""Of one axis; beyond it ``steps: none`` is meant."""
_DRAWS = 2**128

Number = int | float


def arithmetic(low: Number, high: Number, step: Number) -> tuple[Number, ...]:
    """``low``, ``low + step`` … up to ``high``, ``step`` above 0: whole numbers where ``low`` and ``step`` are."""
    start, stop, by = map(_exact, (low, high, step))
    _check_count((stop - start) // by + 1)
    found = [start + by * turn for turn in range(int((stop - start) // by) + 1)]
    return _numbers(found, whole=isinstance(low, int) and isinstance(step, int))


def geometric(low: Number, high: Number, base: Number) -> tuple[Number, ...]:
    """``low``, ``low · base`` … up to ``high``, ``base`` above 1; rounded where both ends are whole."""
    steps = log(high / low) / log(base)
    _check_count(int(steps) + 1)
    found = [_short(low * base**turn) for turn in range(int(steps * (1 + 1e-12)) + 1)]
    return _rounded(found) if _whole(low, high) else tuple(map(float, found))


def even(low: Number, high: Number, count: int) -> tuple[Number, ...]:
    """``count`` values, both ends among them; whole numbers where all of them are and the ends are written so."""
    _check_count(count)
    start, stop = _exact(low), _exact(high)
    found = [start + (stop - start) * turn / (count - 1) for turn in range(count)]
    return _numbers(found, whole=_whole(low, high) and all(value.denominator == 1 for value in found))


def even_in_logarithm(low: Number, high: Number, count: int) -> tuple[Number, ...]:
    """The same in the logarithm; rounded, and equal ones dropped, where both ends are whole."""
    _check_count(count)
    inner = [_short(low * (high / low) ** (turn / (count - 1))) for turn in range(1, count - 1)]
    return _rounded([low, *inner, high]) if _whole(low, high) else (float(low), *inner, float(high))


def at(span: Span, key: str) -> Number:
    """A draw from a span that depends on ``key`` alone; a whole number where both ends are."""
    share = drawn(key) / _DRAWS
    low, high = span.low, span.high
    whole = _whole(low, high)
    above = high + 1 if whole else high  # every whole number has the room up to the next one
    value = exp(log(low) + share * (log(above) - log(low))) if span.log else low + share * (above - low)
    return min(max(int(value) if whole else value, low), high)


def _whole(*ends: Number) -> bool:
    return all(isinstance(end, int) for end in ends)


def _exact(value: Number) -> Fraction:
    return Fraction(repr(value))


def _check_count(count: Fraction | int) -> None:
    if count > MAX_VALUES:
        many = f"{int(count)}" if count < 10**15 else "more than 10^15"
        raise ExplorationError(f"{many} values, an axis has at most {MAX_VALUES}; steps: none needs no list")


def _numbers(values: list[Fraction], *, whole: bool) -> tuple[Number, ...]:
    return tuple(map(int, values)) if whole else tuple(map(float, values))


def _short(value: float) -> float:
    """Without the last digit, in which rounding errors of a power are."""
    return float(f"{value:.15g}")


def _rounded(values: list[Number]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(map(round, values)))

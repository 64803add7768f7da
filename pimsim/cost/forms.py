"""Entry × widths → value: the arithmetic of every form that a cost table may use."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import exp, log, sqrt

from pimsim.cost import schema
from pimsim.cost.ranges import ZERO, Range, total
from pimsim.units import BITS_PER_KIB

Lookup = Callable[[str, int, int, int], Range]
"""Value of another entry by name and bits, second_bits, capacity_bits."""


def value(entry: schema.Entry, bits: int, second_bits: int, capacity_bits: int, lookup: Lookup) -> Range:
    """Value of an entry in its own unit."""
    match entry:
        case schema.Constant():
            return entry.value
        case schema.PerBit():
            return entry.value.times(bits)
        case schema.Multiplier():
            return entry.square.times(bits * second_bits).plus(entry.linear.times((bits + second_bits) / 2))
        case schema.Polynomial():
            return _polynomial(entry, bits, second_bits)
        case schema.Power():
            return entry.value.times((sqrt(bits * (second_bits or bits)) / entry.at_bits) ** entry.exponent)
        case schema.Points():
            return _points(
                entry, {"bits": bits, "second_bits": second_bits, "kib": capacity_bits / BITS_PER_KIB}[entry.by]
            )
        case schema.Sram():
            return _sram(entry, bits, capacity_bits)
        case schema.Scaled():
            return _scaled(entry, bits, second_bits, capacity_bits, lookup)
        case schema.Included():
            return ZERO


def _polynomial(entry: schema.Polynomial, bits: int, second_bits: int) -> Range:
    powers = (entry.linear.times(bits), entry.square.times(bits**2), entry.power_of_four.times(4.0**bits))
    return total((entry.constant, *powers, entry.product.times(bits * second_bits)))


def _scaled(entry: schema.Scaled, bits: int, second_bits: int, capacity_bits: int, lookup: Lookup) -> Range:
    parts = (lookup(term.entry, term.bits or bits, term.second_bits or second_bits, capacity_bits) for term in entry.of)
    result = total(parts).by(entry.ratio)
    if entry.shape is None:
        return result
    at = lookup(entry.shape.entry, entry.shape.bits, second_bits, capacity_bits)
    here = lookup(entry.shape.entry, bits, second_bits, capacity_bits)
    return result.times(here.nominal / at.nominal)


def _points(entry: schema.Points, at: float) -> Range:
    points = entry.sorted_points
    if entry.between == "power":
        return power_law([(float(x), value) for x, value in points], at)
    return _straight(points, at)


def _straight(points: Sequence[tuple[int, Range]], width: float) -> Range:
    """Straight lines; towards 0 at width 0 below the first point, the last slope beyond the last one."""
    first, last = points[0], points[-1]
    if width <= first[0] or len(points) == 1:
        return first[1].times(width / first[0])
    upper = min(bisect_right([at for at, _ in points], width), len(points) - 1)
    (left, low), (right, high) = points[upper - 1], points[upper]
    share = (width - left) / (right - left)
    if width > last[0] and high.nominal < low.nominal:
        return high
    return Range(*(a + share * (b - a) for a, b in zip(low, high, strict=True)))


def power_law(points: Sequence[tuple[float, Range]], at: float) -> Range:
    """Power laws between neighbours; the end slopes beyond the ends."""
    upper = min(max(bisect_right([x for x, _ in points], at), 1), len(points) - 1)
    (left, low), (right, high) = points[upper - 1], points[upper]
    share = (log(at) - log(left)) / (log(right) - log(left))
    ends = (exp(log(a) + share * (log(b) - log(a))) for a, b in zip(low, high, strict=True))
    return _ordered(*ends)


def _ordered(low: float, nominal: float, high: float) -> Range:
    """Ends extrapolated with slopes of their own may cross; the nominal value is the one to keep."""
    return Range(min(low, nominal), nominal, max(high, nominal))


def _sram(entry: schema.Sram, bits: int, capacity_bits: int) -> Range:
    """The points' widths scale with capacity alike; beyond them a word's energy is proportional to its width.

    Wider words are macros side by side.  Narrower ones share a wider access; where they do not, they pay for
    the narrowest word, which is the high end.  Below the smallest capacity the periphery is what is left.
    """
    kib = max(capacity_bits / BITS_PER_KIB, entry.smallest_kib)
    widths = sorted({point.bits for point in entry.points})
    narrow, wide = widths[0], widths[-1]
    inside = min(max(bits, narrow), wide)
    energy = power_law(_at_width(entry, inside), kib)
    if bits > wide:
        return energy.times(bits / wide)
    if bits < narrow:
        return Range(*energy.times(bits / narrow)[:2], energy.high)
    return energy


def _at_width(entry: schema.Sram, bits: int) -> list[tuple[float, Range]]:
    """Every capacity's energy for a word of ``bits`` between the narrowest and the widest point."""
    capacities = sorted({point.kib for point in entry.points})
    return [(kib, _width_at_capacity(entry, kib, bits)) for kib in capacities]


def _width_at_capacity(entry: schema.Sram, kib: float, bits: int) -> Range:
    known = sorted((point.bits, point.value) for point in entry.points if point.kib == kib)
    if len(known) > 1:
        return _straight(known, bits)
    width, value_there = known[0]
    ratio = _width_ratio(entry, bits).nominal / _width_ratio(entry, width).nominal
    return value_there.times(ratio)


def _width_ratio(entry: schema.Sram, bits: int) -> Range:
    """Relative energy of a word of ``bits``, from the capacity that has points at several widths."""
    by_capacity: dict[float, list[tuple[int, Range]]] = {}
    for point in entry.points:
        by_capacity.setdefault(point.kib, []).append((point.bits, point.value))
    richest = max(by_capacity.values(), key=len)
    return _straight(sorted(richest), bits)

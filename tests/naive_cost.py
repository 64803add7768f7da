"""Slow obvious twin of pricing: exact fractions, one dictionary, no cache."""

from __future__ import annotations

from fractions import Fraction

from pimsim.activity.activity import Activity


def energy_aj(
    activity: Activity, unit_pj: dict[tuple[str, str], float], categories: dict[tuple[str, str], str]
) -> dict[str, int]:
    """Nominal attojoules per inference by category; every row rounded, halves to even, then summed."""
    totals: dict[str, int] = {}
    for layer in activity.layers:
        for item in layer.actions:
            key = item.component, item.action
            exact = Fraction(unit_pj[key] * item.count / activity.samples * 1_000_000)
            totals[categories[key]] = totals.get(categories[key], 0) + round(exact)
    return totals

"""Numbers as a reader wants them: three digits, one unit for all figures of a table."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, log10

from pimsim.cost import Range
from pimsim.units import AJ_PER_PJ, pj_from_aj

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(value: float) -> str:
    """At most six digits, then thousands or millions."""
    for factor, prefix in _PREFIXES:
        if value >= 100 * factor:
            return f"{value / factor:,.0f} {prefix}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def energy_unit(energy_aj: int) -> tuple[str, float]:
    """One unit for all energies of a table, and its attojoules."""
    for unit, pj in (("uJ", 1e6), ("nJ", 1e3)):
        if pj_from_aj(energy_aj) >= pj:
            return unit, pj * AJ_PER_PJ
    return "pJ", float(AJ_PER_PJ)


def product_unit(edp_uj_us: float) -> tuple[str, float]:
    """Unit of the energy-delay products of a table, in uJ·us."""
    for unit, size in (("mJ·us", 1e3), ("uJ·us", 1.0), ("nJ·us", 1e-3)):
        if edp_uj_us >= size:
            return unit, size
    return "pJ·us", 1e-6


def energy(pj: float) -> str:
    """Three digits with a unit from pJ to uJ."""
    for factor, unit in ((1e6, "uJ"), (1e3, "nJ")):
        if pj >= factor:
            return f"{digits(pj / factor)} {unit}"
    return f"{digits(pj)} pJ"


def ranged(value: Range, form: Callable[[float], str] | None = None) -> str:
    """Nominal (low–high), by default with three digits."""
    shown = form or digits
    return f"{shown(value.nominal)} ({shown(value.low)}–{shown(value.high)})"


def factor(value: float) -> str:
    """A ratio: two digits below 1, three above."""
    return digits(value) if value >= 1 else f"{value:.{max(2, 1 - floor(log10(value)))}f}" if value > 0 else "0"


def digits(value: float) -> str:
    """Three significant digits; no exponent between a hundred-thousandth and the largest numbers."""
    if value >= 99.95:
        return f"{value:,.0f}"
    if value < 1e-5:
        return f"{value:.2g}"
    return f"{value:.{2 - floor(log10(value))}f}"


def time(ns: float) -> str:
    for factor, unit in ((1e6, "ms"), (1e3, "us")):
        if ns >= factor:
            return f"{digits(ns / factor)} {unit}"
    return f"{digits(ns)} ns"

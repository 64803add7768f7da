"""Conversions between the units that names and tables carry.

Inside pimsim: energy pJ (totals as integer aJ), power uW, time ns, area um2, clock MHz.
"""

from __future__ import annotations

POWER_UW = {"pW": 1e-6, "nW": 1e-3, "uW": 1.0, "mW": 1e3, "W": 1e6}
AJ_PER_PJ = 1_000_000
BITS_PER_KIB = 8192


def pj_from_aj(energy_aj: int) -> float:
    """The double nearest to an integer number of attojoules, in pJ."""
    return energy_aj / AJ_PER_PJ


def aj_from_pj(energy_pj: float) -> int:
    """Nearest integer number of attojoules (1 aJ = 1e-6 pJ), halves to even."""
    return round(energy_pj * AJ_PER_PJ)


def ns_from_cycles(cycles: float, clock_mhz: float) -> float:
    """Duration of ``cycles`` at ``clock_mhz``."""
    return cycles * 1e3 / clock_mhz


def pj_from_uw_ns(power_uw: float, time_ns: float) -> float:
    """Energy of a power drawn for a time: 1 uW x 1 ns = 1 fJ."""
    return power_uw * time_ns * 1e-3


def mw_from_pj_ns(energy_pj: float, time_ns: float) -> float:
    """Mean power: 1 pJ in 1 ns is 1 mW."""
    return energy_pj / time_ns


def per_second(interval_ns: float) -> float:
    """Rate of something that happens every ``interval_ns``."""
    return 1e9 / interval_ns

"""The price of a run: one line per counted action, everything else computed from the lines.

Energies are integers of attojoules per inference, so that parts add to totals exactly, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pimsim.cost.prices import CATEGORIES, COMPUTE_ENERGY, MEMORY_ENERGY
from pimsim.cost.ranges import Range
from pimsim.units import mw_from_pj_ns, per_second, pj_from_aj

MACHINE = "(machine)"
"""Layer name of lines that belong to the whole machine: leakage and clock."""
COMPUTE_ONLY, WITH_MEMORY, FULL = "compute_only", "with_memory", "full"
ACCOUNTINGS = {COMPUTE_ONLY: CATEGORIES[:1], WITH_MEMORY: CATEGORIES[:2], FULL: CATEGORIES}
"""Accounting → categories that it counts."""


class EnergyAj(NamedTuple):
    """Attojoules per inference, low – nominal – high."""

    low: int
    nominal: int
    high: int

    @property
    def pj(self) -> Range:
        return Range(pj_from_aj(self.low), pj_from_aj(self.nominal), pj_from_aj(self.high))


@dataclass(frozen=True)
class CostLine:
    """``count`` actions per run at ``unit_pj`` each; ``energy`` per inference.

    Of leakage and clock lines the count is cycles and the unit price is per cycle.
    """

    layer: str
    engine: str
    component: str
    action: str
    bits: int
    second_bits: int
    capacity_bits: int
    count: int
    unit_pj: Range
    energy: EnergyAj
    category: str
    kind: str
    source: str


@dataclass(frozen=True)
class Cost:
    """Energy by line; delay from the activity's cycles; area as built."""

    samples: int
    lines: tuple[CostLine, ...]
    delay_ns: float
    interval_ns: float
    run_ns: float
    area_um2: Range
    choices: tuple[tuple[str, str], ...]

    def energy(self, accounting: str) -> EnergyAj:
        """Energy of one inference under one of `ACCOUNTINGS`."""
        wanted = ACCOUNTINGS[accounting]
        return add(line.energy for line in self.lines if line.category in wanted)

    def category(self, category: str) -> EnergyAj:
        """Energy of one inference in one of `CATEGORIES`."""
        return add(line.energy for line in self.lines if line.category == category)

    def layer(self, name: str, category: str | None = None) -> EnergyAj:
        """Energy of one layer, or of `MACHINE`; all categories by default."""
        return add(line.energy for line in self.lines if line.layer == name and category in (None, line.category))

    def edp_uj_us(self, accounting: str) -> Range:
        """Energy × delay of one inference; 1 uJ·us = 1e9 pJ·ns."""
        return self.energy(accounting).pj.times(self.delay_ns * 1e-9)

    def power_mw(self, accounting: str) -> Range:
        """Mean power in steady state: energy of an inference over the distance between two results."""
        low, nominal, high = (mw_from_pj_ns(e, self.interval_ns) for e in self.energy(accounting).pj)
        return Range(low, nominal, high)

    @property
    def inferences_per_second(self) -> float:
        return per_second(self.interval_ns)


def add(energies: Iterable[EnergyAj]) -> EnergyAj:
    """Exact sum."""
    low = nominal = high = 0
    for item in energies:
        low, nominal, high = low + item.low, nominal + item.nominal, high + item.high
    return EnergyAj(low, nominal, high)


__all__ = [
    "ACCOUNTINGS",
    "COMPUTE_ENERGY",
    "COMPUTE_ONLY",
    "FULL",
    "MACHINE",
    "MEMORY_ENERGY",
    "WITH_MEMORY",
    "Cost",
    "CostLine",
    "EnergyAj",
    "add",
]

"""The price of a run: one line per counted action, everything else computed from the lines.

Energies are integers of attojoules per inference, so that parts add to totals exactly, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pimsim.cost.prices import CATEGORIES, CLOCK, COMPUTE_ENERGY, LEAK, MEMORY_ENERGY
from pimsim.cost.ranges import Range
from pimsim.cost.timing import Timing
from pimsim.units import mw_from_pj_ns, per_second, pj_from_aj

OPERATIONS_PER_MAC = 2
"""A multiplication and an addition, as everyone counts them; of binary spikes the addition stands for both."""
MACHINE = "(machine)"
"""Layer name of lines that belong to the whole machine: leakage and clock."""
COMPUTE_ONLY, WITH_MEMORY, FULL = "compute_only", "with_memory", "full"
ACCOUNTINGS = {COMPUTE_ONLY: CATEGORIES[:1], WITH_MEMORY: CATEGORIES[:2], FULL: CATEGORIES}
"""Accounting → categories that it counts."""

PARTS = COMPUTE, ADC, MEMORY, LEAKAGE, CLOCKING = "compute", "adc", "memory", "leakage", "clock"
"""All but ``adc``, which is a part of ``compute``, add up to `FULL`."""


class EnergyAj(NamedTuple):
    """Attojoules per inference, low – nominal – high."""

    low: int
    nominal: int
    high: int

    @property
    def pj(self) -> Range:
        return Range(pj_from_aj(self.low), pj_from_aj(self.nominal), pj_from_aj(self.high))


def edp_uj_us(energy: Range, delay_ns: float) -> Range:
    """Energy in pJ × delay; 1 uJ·us = 1e9 pJ·ns."""
    return energy.times(delay_ns * 1e-9)


def power_mw(energy: Range, interval_ns: float) -> Range:
    """Mean power where an energy in pJ is spent every so many ns."""
    low, nominal, high = energy
    return Range(mw_from_pj_ns(low, interval_ns), mw_from_pj_ns(nominal, interval_ns), mw_from_pj_ns(high, interval_ns))


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
    ports: int
    count: int
    unit_pj: Range
    energy: EnergyAj
    category: str
    kind: str
    source: str


@dataclass(frozen=True)
class Cost:
    """Energy by line; delay from the activity's cycles; area as built.

    ``dense_macs`` and ``accumulates`` are those of one inference, the operations that efficiencies are stated in.
    """

    samples: int
    dense_macs: float
    accumulates: float
    lines: tuple[CostLine, ...]
    delay_ns: float
    interval_ns: float
    run_ns: float
    area_um2: Range
    choices: tuple[tuple[str, str], ...]
    timings: tuple[Timing, ...]

    def energy(self, accounting: str) -> EnergyAj:
        """Energy of one inference under one of `ACCOUNTINGS`."""
        wanted = ACCOUNTINGS[accounting]
        return add(line.energy for line in self.lines if line.category in wanted)

    def category(self, category: str) -> EnergyAj:
        """Energy of one inference in one of `CATEGORIES`."""
        return add(line.energy for line in self.lines if line.category == category)

    def action(self, component: str, action: str) -> EnergyAj:
        """Energy of one kind of action in one inference, over all layers."""
        return add(line.energy for line in self.lines if (line.component, line.action) == (component, action))

    def static(self, action: str) -> EnergyAj:
        """Energy of the machine's ``leak`` or ``clock`` in one inference."""
        return add(line.energy for line in self.lines if line.layer == MACHINE and line.action == action)

    def part(self, name: str) -> EnergyAj:
        """Energy of one inference in one of `PARTS`."""
        if name in (COMPUTE, MEMORY):
            return self.category({COMPUTE: COMPUTE_ENERGY, MEMORY: MEMORY_ENERGY}[name])
        return self.action("adc", "convert") if name == ADC else self.static({LEAKAGE: LEAK, CLOCKING: CLOCK}[name])

    def layer(self, name: str, category: str | None = None) -> EnergyAj:
        """Energy of one layer, or of `MACHINE`; all categories by default."""
        return add(line.energy for line in self.lines if line.layer == name and category in (None, line.category))

    def edp_uj_us(self, accounting: str) -> Range:
        """Energy × delay of one inference."""
        return edp_uj_us(self.energy(accounting).pj, self.delay_ns)

    def power_mw(self, accounting: str) -> Range:
        """Mean power in steady state: energy of an inference over the distance between two results."""
        return power_mw(self.energy(accounting).pj, self.interval_ns)

    @property
    def inferences_per_second(self) -> float:
        return per_second(self.interval_ns)

    def inferences_per_joule(self, accounting: str) -> Range | None:
        """1 over the energy of an inference; None where the accounting has none."""
        return self._per_energy(1e12, accounting)

    def dense_tops_per_watt(self, accounting: str) -> Range | None:
        """2 operations per multiply-accumulate of one dense pass: the same work for every machine and encoding."""
        return self._per_energy(OPERATIONS_PER_MAC * self.dense_macs, accounting)

    def done_tops_per_watt(self, accounting: str) -> Range | None:
        """2 operations per weight really added, in all time steps: what the hardware does for its energy."""
        return self._per_energy(OPERATIONS_PER_MAC * self.accumulates, accounting)

    @property
    def dense_tops(self) -> float:
        """Operations of dense passes per second in steady state, 1e12 of them."""
        return OPERATIONS_PER_MAC * self.dense_macs / self.interval_ns * 1e-3

    @property
    def dense_tops_per_mm2(self) -> Range | None:
        """`dense_tops` over the area as built; None without area."""
        if min(self.area_um2) <= 0:
            return None
        low, nominal, high = (self.dense_tops * 1e6 / area for area in self.area_um2)
        return Range(high, nominal, low)

    def _per_energy(self, operations: float, accounting: str) -> Range | None:
        """``operations`` per pJ, which are tera-operations per joule; the most energy gives the low end."""
        energy = self.energy(accounting).pj
        if min(energy) <= 0:
            return None
        return Range(operations / energy.high, operations / energy.nominal, operations / energy.low)


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
    "PARTS",
    "WITH_MEMORY",
    "Cost",
    "CostLine",
    "EnergyAj",
    "add",
    "edp_uj_us",
    "power_mw",
]

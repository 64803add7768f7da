"""What built hardware costs whether it is used or not: leakage, clock, area."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.activity.activity import Storage
from pimsim.cost import forms
from pimsim.cost.ranges import Range
from pimsim.cost.table import PORT, SRAM, CostTable, ResolvedFlavour
from pimsim.errors import CostError
from pimsim.hardware import CostSettings
from pimsim.units import BITS_PER_KIB, POWER_UW

REFERENCE_K, HOT_K = 300.0, 360.0


@dataclass(frozen=True)
class Standing:
    """One `Storage` entry, all instances: leakage in uW, clock in pJ per cycle (None if not clocked), area in um2."""

    leakage_uw: Range
    leakage_kind: str
    leakage_source: str
    clock_pj: Range | None
    clock_kind: str
    clock_source: str
    area_um2: Range


def flavour(table: CostTable, device: str) -> ResolvedFlavour:
    """A device flavour of the table; CostError lists the known ones."""
    if device not in table.flavours:
        raise CostError(
            f'cost table "{table.name}" has no device="{device}", it has {", ".join(sorted(table.flavours))}'
        )
    return table.flavours[device]


def standing(table: CostTable, settings: CostSettings, item: Storage) -> Standing:
    """Leakage, clock and area of one component as built."""
    if item.component not in table.storage:
        raise CostError(f'cost table "{table.name}" does not know the component {item.component}')
    kind = table.storage[item.component]
    bits, count = item.capacity_bits or item.width_bits, item.instances
    chosen = flavour(table, settings.device)
    leakage = leakage_uw(table, chosen, item)
    second = f"; {table.entries[f'{PORT}.leak'].source}" if item.ports > 1 else ""
    clock = table.entries.get(f"clock.{kind}")
    return Standing(
        leakage_uw=leakage.by(temperature_factor(chosen, settings.temperature_k)).times(count),
        leakage_kind=chosen.flavour.kind if kind == SRAM else table.entries[f"leak.{kind}"].entry.kind,
        leakage_source=f"{_leakage_source(table, chosen, kind)}{second}; at {settings.temperature_k:g} K",
        clock_pj=table.value(f"clock.{kind}", bits).times(count) if clock else None,
        clock_kind=clock.entry.kind if clock else "",
        clock_source=clock.source if clock else "",
        area_um2=table.value(f"area.{kind}", bits, bits).by(table.port_factor("area", item.ports)).times(count),
    )


def leakage_uw(table: CostTable, chosen: ResolvedFlavour, item: Storage) -> Range:
    """Leakage of one instance of a component at 300 K."""
    kind, bits = table.storage[item.component], item.capacity_bits or item.width_bits
    if kind == SRAM:
        points = sorted((float(kib), power) for kib, power in chosen.flavour.sram_uw.items())
        return forms.power_law(points, bits / BITS_PER_KIB).by(chosen.factor).by(table.port_factor("leak", item.ports))
    cells = table.value(f"leak.{kind}", bits, bits)
    per_cell_uw = chosen.flavour.cell_pw.times(POWER_UW["pW"])
    return cells.by(per_cell_uw).by(chosen.factor)


def _leakage_source(table: CostTable, chosen: ResolvedFlavour, kind: str) -> str:
    return chosen.source if kind == SRAM else f"{table.entries[f'leak.{kind}'].source}; {chosen.source}"


def temperature_factor(chosen: ResolvedFlavour, temperature_k: float) -> Range:
    """Leakage relative to 300 K: exponential through the stated factor at 360 K."""
    exponent = (temperature_k - REFERENCE_K) / (HOT_K - REFERENCE_K)
    low, nominal, high = (factor**exponent for factor in chosen.flavour.factor_at_360_k)
    return Range(min(low, high), nominal, max(low, high))

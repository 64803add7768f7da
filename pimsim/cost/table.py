"""A loaded cost table: every entry resolved, every action of the catalogue priced, every number with its source."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.cost import forms, schema
from pimsim.cost.ranges import ONE, Range, total
from pimsim.errors import CostError

ADC_ACTION = "adc.convert"
SRAM = "sram"


@dataclass(frozen=True)
class ResolvedEntry:
    """An entry as this table uses it: inherited ones with the factor they were scaled by."""

    entry: schema.Entry
    factor: Range = ONE
    factor_source: str = ""

    @property
    def source(self) -> str:
        return f"{self.entry.source} [{self.factor_source}]" if self.factor_source else self.entry.source


@dataclass(frozen=True)
class ResolvedFlavour:
    """Leakage of one device flavour; powers at 300 K times ``factor``."""

    flavour: schema.Flavour
    factor: Range
    source: str


@dataclass(frozen=True)
class CostTable:
    """Prices by entry, the entries of every action, and what built hardware leaks, clocks and occupies."""

    name: str
    title: str
    node_nm: int
    entries: dict[str, ResolvedEntry]
    actions: dict[str, tuple[str, ...]]
    adc_models: dict[str, str]
    adc_spread: tuple[str, ...]
    flavours: dict[str, ResolvedFlavour]
    storage: dict[str, str]

    def value(self, name: str, bits: int = 0, second_bits: int = 0, capacity_bits: int = 0) -> Range:
        """Value of an entry at given widths, in the entry's unit (pJ, cells or um2)."""
        resolved = self.entries[name]
        here = forms.value(resolved.entry, bits, second_bits, capacity_bits, self.value)
        return here.by(resolved.factor)

    def action_entries(self, component: str, action: str, adc_model: str) -> tuple[str, ...]:
        """Names of the entries that add up to the price of an action; CostError where there is none."""
        key = f"{component}.{action}"
        if key == ADC_ACTION:
            return (self.adc_entry(adc_model),)
        if key not in self.actions:
            raise CostError(f'cost table "{self.name}" has no price for the action {key}')
        return self.actions[key]

    def adc_entry(self, adc_model: str) -> str:
        """Entry of a converter model; CostError lists the known names."""
        if adc_model not in self.adc_models:
            known = ", ".join(sorted(self.adc_models))
            raise CostError(f'cost table "{self.name}" has no adc_model="{adc_model}", it has {known}')
        return self.adc_models[adc_model]

    def price(
        self, component: str, action: str, bits: int, second_bits: int, capacity_bits: int, adc_model: str
    ) -> Range:
        """Energy of one action, pJ.  A conversion's range spans the models of the table's spread."""
        names = self.action_entries(component, action, adc_model)
        energy = total(self.value(name, bits, second_bits, capacity_bits) for name in names)
        if f"{component}.{action}" != ADC_ACTION:
            return energy
        models = [self.value(self.adc_models[name], bits, second_bits, capacity_bits) for name in self.adc_spread]
        low, high = min(m.low for m in (energy, *models)), max(m.high for m in (energy, *models))
        return Range(low, energy.nominal, high)

    def source(self, component: str, action: str, adc_model: str) -> str:
        """Sources of an action's price, one after the other."""
        names = self.action_entries(component, action, adc_model)
        return "; ".join(dict.fromkeys(self.entries[name].source for name in names))

    def kind(self, component: str, action: str, adc_model: str) -> str:
        """measured, model, paper or assumed: the weakest of the entries' kinds."""
        kinds = {self.entries[name].entry.kind for name in self.action_entries(component, action, adc_model)}
        return max(kinds, key=("measured", "model", "paper", "assumed").index)

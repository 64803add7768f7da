"""A loaded cost table: every entry resolved, every action of the catalogue priced, every number with its source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pimsim.cost import forms, schema
from pimsim.cost.ranges import ONE, Range, total
from pimsim.errors import CostError
from pimsim.hardware import CostSettings
from pimsim.hardware.hardware import OWN_RULE

ADC_ACTION = "adc.convert"
SRAM = "sram"
PORT = "port"
"""Entries ``port.energy``, ``port.leak`` and ``port.area``: a memory's second port, as a factor."""


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
    """Prices by entry, the entries of every action, and what built hardware leaks, clocks and occupies.

    ``rules`` are the choices that `under` makes, ``nodes`` the same table by other node scalings; the table
    itself is as its own rules have it.
    """

    name: str
    title: str
    node_nm: int
    entries: dict[str, ResolvedEntry]
    actions: dict[str, tuple[str, ...]]
    adc_models: dict[str, str]
    adc_times: dict[str, str]
    adc_spread: tuple[str, ...]
    flavours: dict[str, ResolvedFlavour]
    storage: dict[str, str]
    times: dict[str, str]
    rules: dict[str, schema.Rules]
    node_scaling: str
    nodes: dict[str, CostTable] = field(repr=False)

    def under(self, settings: CostSettings) -> CostTable:
        """The table as a hardware file's choices have it; CostError lists the known names."""
        if all(name == OWN_RULE for name in settings.rules):
            return self
        table = self._scaled(settings.node_scaling)
        for kind in table.rules:
            table = table.ruled(kind, getattr(settings, kind))
        return table

    def _scaled(self, name: str) -> CostTable:
        if name in (OWN_RULE, self.node_scaling):
            return self
        if name not in self.nodes:
            known = ", ".join(sorted(self.nodes)) or "none, since it inherits nothing from another node"
            raise CostError(f'cost table "{self.name}" has no node_scaling="{name}", it has {known}')
        return self.nodes[name]

    def ruled(self, kind: str, name: str) -> CostTable:
        """The table with the rule ``name`` of a kind in force."""
        if name == OWN_RULE:
            return self
        rules = self.rules[kind]
        if name not in rules.named:
            known = ", ".join(sorted(rules.named))
            raise CostError(f'cost table "{self.name}" has no {kind}="{name}", it has {known}')
        rule = rules.named[name]
        for alias, other in rule.entries.items():
            if other not in self.entries:
                raise CostError(f'rules.{kind}.named.{name}.entries.{alias}: there is no entry "{other}"')
        return replace(
            self,
            entries=self.entries | {alias: self.entries[other] for alias, other in rule.entries.items()},
            actions=self.actions | {key: tuple(names) for key, names in rule.actions.items()},
        )

    def rule_text(self, kind: str, name: str) -> str:
        """A rule's name, and whether it is the table's own, with the entries it chooses."""
        rules = self.rules[kind]
        chosen = rules.own if name == OWN_RULE else name
        assert chosen is not None  # a loaded table was checked for it
        rule = rules.named[chosen]
        entries = dict.fromkeys((*rule.entries.values(), *(item for names in rule.actions.values() for item in names)))
        own = " (the table's own)" if chosen == rules.own else ""
        return f"{chosen}{own}: {', '.join(entries)}"

    def value(self, name: str, bits: int = 0, second_bits: int = 0, capacity_bits: int = 0) -> Range:
        """Value of an entry at given widths, in the entry's unit (pJ, ns, cells, um2 or a factor)."""
        resolved = self.entries[name]
        here = forms.value(resolved.entry, bits, second_bits, capacity_bits, self.value)
        return here.by(resolved.factor)

    def port_factor(self, quantity: str, ports: int) -> Range:
        """What a memory's ports multiply its ``energy``, ``leak`` or ``area`` by: once per port beyond the first."""
        factor = ONE
        for _ in range(ports - 1):
            factor = factor.by(self.value(f"{PORT}.{quantity}"))
        return factor

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
        self,
        component: str,
        action: str,
        bits: int,
        second_bits: int,
        capacity_bits: int,
        adc_model: str,
        ports: int = 1,
    ) -> Range:
        """Energy of one action, pJ.  A conversion's range spans the models of the table's spread."""
        names = self.action_entries(component, action, adc_model)
        energy = total(self.value(name, bits, second_bits, capacity_bits) for name in names)
        if f"{component}.{action}" != ADC_ACTION:
            return energy.by(self.port_factor("energy", ports))
        models = [self.value(self.adc_models[name], bits, second_bits, capacity_bits) for name in self.adc_spread]
        low, high = min(m.low for m in (energy, *models)), max(m.high for m in (energy, *models))
        return Range(low, energy.nominal, high)

    def time_entry(self, component: str, action: str, adc_model: str) -> str | None:
        """Entry of the time that an operation takes; None where no source states one."""
        key = f"{component}.{action}"
        return self.adc_times.get(adc_model) if key == ADC_ACTION else self.times.get(key)

    def source(self, component: str, action: str, adc_model: str, ports: int = 1) -> str:
        """Sources of an action's price, one after the other."""
        names = self._priced_by(component, action, adc_model, ports)
        return "; ".join(dict.fromkeys(self.entries[name].source for name in names))

    def kind(self, component: str, action: str, adc_model: str, ports: int = 1) -> str:
        """measured, model, paper or assumed: the weakest of the entries' kinds."""
        kinds = {self.entries[name].entry.kind for name in self._priced_by(component, action, adc_model, ports)}
        return max(kinds, key=("measured", "model", "paper", "assumed").index)

    def _priced_by(self, component: str, action: str, adc_model: str, ports: int) -> tuple[str, ...]:
        second = (f"{PORT}.energy",) if ports > 1 else ()
        return (*self.action_entries(component, action, adc_model), *second)

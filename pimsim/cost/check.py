"""A merged cost table is complete: nothing is free by oversight, nothing refers to what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pimsim.activity.actions import CATALOGUE, STORAGE_COMPONENTS
from pimsim.cost import schema
from pimsim.cost.table import ADC_ACTION, PORT, SRAM, CostTable
from pimsim.errors import CostError

_UNITS = {"leak": ("cells", "cells/bit"), "area": ("um2", "um2/bit")}
_ENERGY_UNITS = ("pJ", "pJ/bit")
_TIME_UNITS = ("ns", "ns/bit")
_FACTOR_UNITS = ("1", "1/bit")


def check(table: CostTable) -> None:
    """Every action, converter and component has entries that exist, in the right unit, without circles."""
    _check_rules(table)
    for component, action in CATALOGUE:
        key = f"{component}.{action}"
        if key != ADC_ACTION and key not in table.actions:
            raise CostError(f"actions.{key}: required but missing")
    known = {f"{component}.{action}" for component, action in CATALOGUE} - {ADC_ACTION}
    if unknown := sorted(set(table.actions) - known):
        raise CostError(f"actions.{unknown[0]}: no such action")
    _check_actions(table, table.actions, "actions")
    _check_adc(table)
    _check_storage(table)
    _check_times(table)
    for quantity in ("energy", "leak", "area"):
        _check_unit(table, f"{PORT}.{quantity}", "a second port", _FACTOR_UNITS)
    for name in table.entries:
        _check_references(table, name, ())


def _check_actions(table: CostTable, actions: Mapping[str, Sequence[str]], where: str) -> None:
    for key, names in actions.items():
        if not names:
            raise CostError(f"{where}.{key}: an action without an energy is an error, not zero")
        for name in names:
            _check_unit(table, name, f"{where}.{key}", _ENERGY_UNITS)


def _check_rules(table: CostTable) -> None:
    """Every rule of a kind decides on the same things, so that one replaces another without a trace."""
    for kind, rules in table.rules.items():
        if not rules.named:
            raise CostError(f"rules.{kind}: required but missing")
        if rules.own not in rules.named:
            raise CostError(f"rules.{kind}.own={rules.own!r}: must be one of the rules named there")
        decided = {name: (set(rule.entries), set(rule.actions)) for name, rule in rules.named.items()}
        for name, rule in rules.named.items():
            where = f"rules.{kind}.named.{name}"
            if decided[name] != decided[rules.own]:
                raise CostError(f'{where}: must decide on the same entries and actions as "{rules.own}"')
            table.ruled(kind, name)
            _check_actions(table, rule.actions, f"{where}.actions")


def _check_times(table: CostTable) -> None:
    for key, name in table.times.items():
        _check_unit(table, name, f"times.{key}", _TIME_UNITS)
    for model, name in table.adc_times.items():
        if model not in table.adc_models:
            raise CostError(f'adc.times: "{model}" is not one of adc.models')
        _check_unit(table, name, f"adc.times.{model}", _TIME_UNITS)


def _check_adc(table: CostTable) -> None:
    if not table.adc_models:
        raise CostError("adc: required but missing")
    for model, name in table.adc_models.items():
        _check_unit(table, name, f"adc.models.{model}", _ENERGY_UNITS)
    for model in table.adc_spread:
        if model not in table.adc_models:
            raise CostError(f'adc.spread: "{model}" is not one of adc.models')


def _check_storage(table: CostTable) -> None:
    if not table.flavours:
        raise CostError("leakage: required but missing")
    if unknown := sorted(set(table.storage) - set(STORAGE_COMPONENTS)):
        raise CostError(f"storage.{unknown[0]}: no such component")
    for component in STORAGE_COMPONENTS:
        if component not in table.storage:
            raise CostError(f"storage.{component}: required but missing")
        kind = table.storage[component]
        for group, units in _UNITS.items():
            if (group, kind) != ("leak", SRAM):  # SRAM macros leak by flavour and capacity
                _check_unit(table, f"{group}.{kind}", f"storage.{component}", units)
        if f"clock.{kind}" in table.entries:
            _check_unit(table, f"clock.{kind}", f"storage.{component}", _ENERGY_UNITS)


def _check_unit(table: CostTable, name: str, where: str, units: tuple[str, ...]) -> None:
    if name not in table.entries:
        raise CostError(f'{where}: there is no entry "{name}"')
    entry = table.entries[name].entry
    expected = units[1] if isinstance(entry, schema.PerBit) else units[0]
    if entry.unit != expected:
        raise CostError(f'entries.{name}.unit="{entry.unit}": must be "{expected}" for {where} (form {entry.form})')


def _check_references(table: CostTable, name: str, path: tuple[str, ...]) -> None:
    if name in path:
        raise CostError(f"entries.{name}: refers to itself through {' -> '.join((*path, name))}")
    entry = table.entries[name].entry
    inner: list[str] = []
    if isinstance(entry, schema.Scaled):
        inner = [term.entry for term in entry.of] + ([entry.shape.entry] if entry.shape else [])
    if isinstance(entry, schema.Included):
        inner = [entry.within]
    for other in inner:
        if other not in table.entries:
            raise CostError(f'entries.{name}: there is no entry "{other}"')
        _check_references(table, other, (*path, name))

"""What a cost table states, on top of what it inherits from another node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

from pimsim.cost import schema
from pimsim.cost.ranges import ONE
from pimsim.cost.table import CostTable, ResolvedEntry, ResolvedFlavour
from pimsim.errors import CostError
from pimsim.hardware.hardware import OWN_RULE

UNSCALED = "none"
"""Name of the node scaling of a table that inherits nothing, or inherits without a factor."""
_FACTOR_OF_UNIT = {"pJ": "energy", "um2": "area", "ns": "delay"}
"""Which factor scales an entry, by its unit; leakage in cells follows the flavours, ratios stay."""


def inherited(stated: schema.Table, parent: CostTable | None) -> CostTable:
    """The table by its own node scaling, with the others in ``nodes``; every kind's own rule is in force."""
    if parent is None or stated.inherit is None:
        return _with_own_rules(_without_parent(stated), stated)
    if stated.inherit.own is None:  # it follows whatever its parent offers
        others = {name: _merged(stated, node, schema.Factors(), name) for name, node in parent.nodes.items()}
        return replace(_merged(stated, parent, schema.Factors(), parent.node_scaling), nodes=others)
    rules = stated.inherit.rules
    nodes = {name: _merged(stated, parent, factors, name) for name, factors in rules.items()}
    return replace(nodes[stated.inherit.own], nodes=nodes)


def _without_parent(stated: schema.Table) -> CostTable:
    adc, leakage = stated.adc, stated.leakage
    flavours = leakage.flavours if leakage else {}
    return CostTable(
        name=stated.name,
        title=stated.title,
        node_nm=stated.node_nm,
        entries={name: ResolvedEntry(entry) for name, entry in stated.entries.items()},
        actions={name: tuple(entries) for name, entries in stated.actions.items()},
        adc_models=dict(adc.models) if adc else {},
        adc_times=dict(adc.times) if adc else {},
        adc_spread=tuple(adc.spread) if adc else (),
        flavours={str(name): ResolvedFlavour(item, ONE, item.source) for name, item in flavours.items()},
        storage=dict(stated.storage),
        times=dict(stated.times),
        rules={str(kind): stated.rules.get(kind, schema.Rules()) for kind in get_args(schema.RuleKind)},
        node_scaling=UNSCALED,
        nodes={},
    )


def _merged(stated: schema.Table, parent: CostTable, factors: schema.Factors, name: str) -> CostTable:
    """What is stated, in front of what is inherited by one set of factors."""
    own = _without_parent(stated)
    merged = replace(
        own,
        entries=_scaled_entries(parent, factors) | own.entries,
        actions=parent.actions | own.actions,
        adc_models=own.adc_models or parent.adc_models,
        adc_times=own.adc_times if stated.adc else parent.adc_times,
        adc_spread=own.adc_spread if stated.adc else parent.adc_spread,
        flavours=_scaled_flavours(parent, factors.leakage) | own.flavours,
        storage=parent.storage | own.storage,
        times=parent.times | own.times,
        rules={kind: _joined(parent.rules[kind], rules) for kind, rules in own.rules.items()},
        node_scaling=name,
    )
    return _with_own_rules(merged, stated)


def _joined(parent: schema.Rules, own: schema.Rules) -> schema.Rules:
    return schema.Rules(own=own.own or parent.own, named=parent.named | own.named)


def _with_own_rules(table: CostTable, stated: schema.Table) -> CostTable:
    """Each kind's own rule applied; what rules decide may not be stated beside them, where it would be lost."""
    for kind, rules in table.rules.items():
        for rule in rules.named.values():
            _refuse_stated("entries", stated.entries, rule.entries, kind)
            _refuse_stated("actions", stated.actions, rule.actions, kind)
        if rules.own == OWN_RULE or OWN_RULE in rules.named:
            raise CostError(f'rules.{kind}: "{OWN_RULE}" is what a hardware file says for the own rule')
        if rules.own is not None:
            table = table.ruled(kind, rules.own)
    return table


def _refuse_stated(section: str, stated: Iterable[str], decided: Iterable[str], kind: str) -> None:
    if both := sorted(set(stated) & set(decided)):
        raise CostError(f"{section}.{both[0]}: decided by rules.{kind}; state a rule there, and make it the own one")


def _scaled_entries(parent: CostTable, factors: schema.Factors) -> dict[str, ResolvedEntry]:
    """The parent's entries, scaled; entries made of others follow those by themselves."""
    result = {}
    for name, resolved in parent.entries.items():
        quantity = _FACTOR_OF_UNIT.get(resolved.entry.unit.removesuffix("/bit"), "")
        factor: schema.Factor | None = getattr(factors, quantity) if quantity else None
        derived = isinstance(resolved.entry, schema.Scaled | schema.Included)
        if factor is None or derived or not resolved.entry.follows_node:
            result[name] = resolved
            continue
        source = f"x{factor.value.nominal:g}: {factor.source}"
        joined = f"{resolved.factor_source}, {source}" if resolved.factor_source else source
        result[name] = ResolvedEntry(resolved.entry, resolved.factor.by(factor.value), joined)
    return result


def _scaled_flavours(parent: CostTable, factor: schema.Factor | None) -> dict[str, ResolvedFlavour]:
    if factor is None:
        return dict(parent.flavours)
    note = f"x{factor.value.nominal:g}: {factor.source}"
    return {
        name: ResolvedFlavour(parent_one.flavour, parent_one.factor.by(factor.value), f"{parent_one.source} [{note}]")
        for name, parent_one in parent.flavours.items()
    }

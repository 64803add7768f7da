"""The content of ``compare.json``; nothing in it depends on the time, the folder, the machine or the threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from pimsim.cost import CostTable
from pimsim.mapping import layer_numerics
from pimsim.model.network import IntegerNetwork
from pimsim.report.analysis import Analysis
from pimsim.report.chips import random_seed
from pimsim.report.comparison import Compared
from pimsim.report.document import input_section, model_section, table_hash, totals, versions
from pimsim.report.inputs import Source
from pimsim.traces import Trace

FORMAT, VERSION = "pimsim-compare", 1


@dataclass(frozen=True, eq=False)
class Given:
    """What a comparison was given."""

    model: str
    network: IntegerNetwork
    model_hash: str
    source: Source
    trace: Trace
    overrides: Mapping[str, object]
    tables: Mapping[str, CostTable]


def content(given: Given, systems: Sequence[Compared], analysis: Analysis) -> dict[str, object]:
    """The document; sections as docs/report-format.md describes them."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "versions": versions(),
        "model": model_section(given.model, given.network, given.model_hash),
        "input": input_section(given.source, given.trace),
        "overrides": dict(given.overrides),
        "seed": _seeds(given.network, systems),
        "systems": [_system(system, given.tables) for system in systems],
        "papers": [asdict(figure) for figure in analysis.figures],
    }


def _seeds(network: IntegerNetwork, systems: Sequence[Compared]) -> dict[str, int] | None:
    """By hardware file, of what is drawn at random on it; None where nothing is on any."""
    machines = {system.hardware.name: system.hardware for system in systems}
    drawn = {name: random_seed(one, layer_numerics(network, one), None, None) for name, one in machines.items()}
    return {name: seed for name, seed in drawn.items() if seed is not None} or None


def _system(system: Compared, tables: Mapping[str, CostTable]) -> dict[str, object]:
    machine, activity = system.hardware, system.activity
    return {
        "name": system.name,
        "hardware": {"name": machine.name, "sha256": machine.content_hash, "configuration": machine.to_dict()},
        "widened": dict(system.widened),
        "engines": {layer.layer: layer.engine for layer in activity.layers},
        "execution": {"executed": system.executed, "reason": system.execution},
        "costs": {"sha256": table_hash(tables[machine.cost.table]), **dict(system.cost.choices)},
        "latency_cycles": activity.latency_cycles,
        "interval_cycles": activity.interval_cycles,
        "bottleneck": activity.bottleneck,
        "accuracy": asdict(system.accuracy) if system.accuracy else None,
        "accuracy_source": system.accuracy_source,
        "totals": totals(system.cost),
        "paper": asdict(system.paper) if system.paper else None,
    }

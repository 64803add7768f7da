"""The content of ``run.json``: what was run, with what, and what came out.

Nothing in it depends on the time, the folder, the machine or the number of threads.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from pimsim import __version__
from pimsim.activity.activity import Activity
from pimsim.cost import ACCOUNTINGS, Cost, CostTable
from pimsim.cost.timing import Timing
from pimsim.hardware import Hardware
from pimsim.model.accuracy import Accuracy
from pimsim.model.encoding import described
from pimsim.model.network import IntegerNetwork
from pimsim.report.analysis import Analysis
from pimsim.report.chips import Chips
from pimsim.report.firing import LayerFiring
from pimsim.report.inputs import Recorded, Source
from pimsim.report.result import Baseline
from pimsim.traces import Trace, trace_hash

FORMAT, VERSION = "pimsim-run", 1
PACKAGES = ("numpy", "numba", "pandas", "pydantic", "PyYAML")


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a run was given, and what was recorded of it; ``seed`` is None where nothing is drawn at random."""

    model: str
    network: IntegerNetwork
    model_hash: str
    hardware: Hardware
    overrides: Mapping[str, object]
    source: Source
    recorded: Recorded
    seed: int | None


@dataclass(frozen=True, eq=False)
class Document:
    """What a run was given and what it found; `content` is plain JSON."""

    inputs: Inputs
    table: CostTable
    activity: Activity
    cost: Cost
    baselines: tuple[Baseline, ...]
    accuracy: Accuracy | None
    analysis: Analysis
    chips: Chips | None = None
    firing: tuple[LayerFiring, ...] = ()

    def content(self) -> dict[str, object]:
        """The document; sections as docs/report-format.md describes them."""
        given, trace = self.inputs, self.inputs.recorded.trace
        return {
            "format": FORMAT,
            "version": VERSION,
            "versions": versions(),
            "model": model_section(given.model, given.network, given.model_hash),
            "hardware": {
                "name": given.hardware.name,
                "sha256": given.hardware.content_hash,
                "overrides": dict(given.overrides),
                "configuration": given.hardware.to_dict(),
            },
            "input": input_section(given.source, trace),
            "execution": {
                "executed": given.recorded.executed,
                "reason": given.recorded.why,
                "word_widths": [dict(item) for item in trace.numerics],
                "saturations": [int(count) for count in trace.saturations],
            },
            "seed": given.seed,
            "costs": {"sha256": table_hash(self.table), **dict(self.cost.choices)},
            "timing": [timing_row(item) for item in self.cost.timings],
            "activity": self._activity(),
            "accuracy": asdict(self.accuracy) if self.accuracy else None,
            "chips": self.chips.section() if self.chips else None,
            "baselines": {item.name: baseline_section(item) for item in self.baselines},
            "totals": {
                name: totals(cost)
                for name, cost in (("run", self.cost), *((item.name, item.cost) for item in self.baselines))
            },
            "papers": [asdict(figure) for figure in self.analysis.figures],
            **({"firing": [line.row() for line in self.firing]} if self.firing else {}),
        }

    def _activity(self) -> dict[str, object]:
        return {
            "samples": self.activity.samples,
            "latency_cycles": self.activity.latency_cycles,
            "total_cycles": self.activity.total_cycles,
            "interval_cycles": self.activity.interval_cycles,
            "bottleneck": self.activity.bottleneck,
            "units": {
                layer.layer: {name: {**asdict(unit), "total": unit.total} for name, unit in layer.units}
                for layer in self.activity.layers
            },
        }


def model_section(name: str, network: IntegerNetwork, model_hash: str) -> dict[str, object]:
    """Which network it was; what fires how, where that is not direct encoding and neurons that fire freely."""
    return {
        "name": name,
        "sha256": model_hash,
        "architecture": network.name,
        "time_steps": network.time_steps,
        "encoding": network.encoding,
        "weight_bits": [layer.weight_bits for layer in network.layers],
        "provenance": dict(network.provenance),
        **_firing_section(network),
    }


def _firing_section(network: IntegerNetwork) -> dict[str, object]:
    if not described(network):
        return {}
    spikes = network.input_spikes
    return {
        "neurons": [layer.neuron.kind for layer in network.layers],
        "input_spikes": asdict(spikes) if spikes else None,
    }


def baseline_section(item: Baseline) -> dict[str, object]:
    """What is known of a CNN beside its cost."""
    return {
        "executed": item.executed,
        "execution": item.execution,
        "accuracy": asdict(item.accuracy) if item.accuracy else None,
        "accuracy_source": item.accuracy_source,
    }


def input_section(source: Source, trace: Trace) -> dict[str, object]:
    """Which samples it saw."""
    return {
        "kind": source.kind,
        "name": source.name,
        "samples": trace.samples,
        "selection": source.selection,
        "trace_sha256": trace_hash(trace),
        "attribution": source.attribution,
    }


def table_hash(table: CostTable) -> str:
    """SHA-256 of a resolved cost table: every entry with what it inherited."""
    parts = [f"{name}={table.entries[name]!r}" for name in sorted(table.entries)]
    parts += [f"{name}={table.flavours[name]!r}" for name in sorted(table.flavours)]
    mappings = (table.actions, table.adc_models, table.adc_times, table.storage, table.times, table.rules)
    parts += [f"{key}={mapping[key]!r}" for mapping in mappings for key in sorted(mapping)]
    parts += [table.name, str(table.node_nm), ",".join(table.adc_spread), table.node_scaling]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def timing_row(item: Timing) -> dict[str, object]:
    """One operation, the time it takes and the time it has."""
    return {
        **asdict(item.deadline),
        "available_ns": item.available_ns,
        "needed_ns": item.needed_ns.nominal if item.needed_ns else None,
        "needed_low_ns": item.needed_ns.low if item.needed_ns else None,
        "needed_high_ns": item.needed_ns.high if item.needed_ns else None,
        "verdict": item.verdict,
        "source": item.source,
    }


def totals(cost: Cost) -> dict[str, object]:
    """Energy in every accounting."""
    return {accounting: dict(zip(_ENDS, cost.energy(accounting).pj, strict=True)) for accounting in ACCOUNTINGS}


_ENDS = ("energy_low_pj", "energy_pj", "energy_high_pj")


def versions() -> dict[str, str]:
    """pimsim, Python and the packages that compute."""
    found = {"pimsim": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a source tree without an install
            continue
    return found

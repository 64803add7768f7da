"""What `pimsim.report.run` says of a point of a design space, as the row that an exploration has of it."""

from __future__ import annotations

import pytest

from pimsim import report
from pimsim.cost import ACCOUNTINGS, PARTS
from pimsim.errors import PimsimError
from pimsim.explore.point import Cell, Point, Row
from pimsim.explore.space import Space
from pimsim.model import network_hash
from pimsim.model.network import IntegerNetwork
from pimsim.report import RunResult, pipeline

SAME = {
    "energy": ("energy_pj", "energy_low_pj", "energy_high_pj"),
    "edp": ("edp_uj_us", "edp_low_uj_us", "edp_high_uj_us"),
    "power": ("power_mw", "power_low_mw", "power_high_mw"),
}
"""Columns of ``summary.csv`` that an exploration has once per accounting."""


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs of one test look for the CNN beside a network once: all shipped models are read for it."""
    find, found = pipeline.find_cnn, dict[str, object]()

    def again(network: IntegerNetwork, given: None) -> object:
        key = network_hash(network)
        if key not in found:
            found[key] = find(network, given)
        return found[key]

    monkeypatch.setattr(pipeline, "find_cnn", again)


def expected(space: Space, point: Point) -> Row:
    """Status, reason, metrics, bottleneck and executed of a point without constraints."""
    chosen = space.chosen(point)
    try:
        result = report.run(
            space.locate(chosen.model),
            space.locate(chosen.hardware),
            None if chosen.input is None else space.locate(chosen.input),
            samples=space.samples,
            overrides=chosen.overrides,
        )
    except PimsimError as error:
        return {"status": "refused", "reason": str(error)}
    return {"status": "ok", "reason": "", **_metrics(result)}


def _metrics(result: RunResult) -> dict[str, Cell]:
    frame = result.summary
    rows = {row["accounting"]: row for row in frame[frame["system"] == "run"].astype(object).to_dict("records")}
    found = {
        f"{accounting}_{column}": rows[accounting][column]
        for accounting in ACCOUNTINGS
        for columns in SAME.values()
        for column in columns
    }
    full = rows["full"]
    found |= {
        name: full[name] for name in ("delay_ns", "inferences_per_s", "area_um2", "area_low_um2", "area_high_um2")
    }
    for name in ("overall_accuracy", "average_accuracy", "kappa"):
        found[name] = full[name] if full[name] == full[name] else None
    for part in PARTS:
        energy = result.cost.part(part).pj
        found |= {f"{part}_pj": energy.nominal, f"{part}_low_pj": energy.low, f"{part}_high_pj": energy.high}
        assert full[f"{part}_pj"] == energy.nominal
    found |= {"interval_ns": result.cost.interval_ns, "latency_cycles": result.activity.latency_cycles}
    return {**found, "bottleneck": result.activity.bottleneck, "executed": result.executed}

"""The machines of least energy of docs/study.md, with and without a crossbar, run by themselves."""

from __future__ import annotations

from collections.abc import Mapping

from study_data import DIGITAL, FITTED, STUDY, UJ, Study, as_table, best_row

from pimsim import report
from pimsim.explore.space_load import load_space
from pimsim.report import RunResult
from pimsim.report.paper_tables import TextTable

TUNED: Mapping[str, Mapping[str, object]] = {
    DIGITAL: {
        "engines.mac.pipeline_depth": 2,
        "engines.mac.input_port_codes": 27,
        "engines.mac.accumulator_bits": 16,
        "engines.mac.sweep_depth": 3,
    },
    FITTED: {"engines.pim.rows": 32, "engines.pim.accumulator_bits": 16, "engines.pim.sweep_depth": 3},
}
"""As far down as the layer's 27 inputs, its sums and the times of the operations let them go."""


def anatomy(study: Study) -> TextTable:
    """First layer, and clock and leakage of the whole, in nJ per inference."""
    shares = [_shares(again(_point(study, kind))) for kind in TUNED]
    names = list(dict.fromkeys(name for share in shares for name in share))
    lines = [(name, *(f"{share[name]:,.1f}" if name in share else "–" for share in shares)) for name in names]
    totals = [f"{sum(share.values()):,.0f}" for share in shares]
    titles = (f"{kind}, point {_point(study, kind)}" for kind in TUNED)
    return as_table(("nJ per inference", *titles), [*lines, ("sum", *totals)])


def tuned(study: Study) -> TextTable:
    """Whole machines as they are in the space, and with the first layer's further knobs turned as far as they go."""
    lines = []
    for title, changes in (("as in the space", {}), ("tuned further", TUNED)):
        energies = [_full_uj(again(_point(study, kind), changes.get(kind, {}))) for kind in TUNED]
        lines.append((title, *(f"{energy:.3f}" for energy in energies), f"{energies[0] / energies[1]:.3f}"))
    return as_table(("µJ per inference, full", *TUNED, f"{DIGITAL} over crossbar"), lines)


def again(point: int, changes: Mapping[str, object] | None = None) -> RunResult:
    """What `pimsim run` says of a point's machine, with some keys changed."""
    space = load_space(STUDY)
    chosen = space.chosen(space.point(point))
    return report.run(chosen.model, chosen.hardware, overrides={**chosen.overrides, **(changes or {})})


def _point(study: Study, kind: str) -> int:
    return int(best_row(study.exact[study.exact["kind"] == kind], "full_energy_pj")["point"])


def _full_uj(result: RunResult) -> float:
    own = result.summary[(result.summary["system"] == "run") & (result.summary["accounting"] == "full")]
    return float(own["energy_pj"].iloc[0]) * UJ


def _shares(result: RunResult) -> dict[str, float]:
    parts = result.components
    own = parts[parts["layer"] == parts["layer"].iloc[0]].groupby("component", sort=False)["energy_pj"].sum() / 1e3
    machine = parts[parts["layer"] == "(machine)"].groupby("component", sort=False)["energy_pj"].sum() / 1e3
    clocked = {f"clock and leakage: {name}": value for name, value in machine.items() if value >= 1}
    return {**{f"layer 1: {name}": value for name, value in own.items()}, **clocked}

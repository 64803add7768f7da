"""Draws docs/energy.svg, the picture in the README, from a run of the shipped model on its shipped trace.

    python benchmarks/figure_energy.py [OUTPUT]

Same inputs, same bytes: no date and no random ids go into the file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from pimsim import report

MODEL = "cnn3d_6b"
MACHINES = ("pim45nm", "digital45nm", "allpim45nm", "lean45nm")
PARTS = {
    "compute_pj": ("arithmetic", "#2a6f97"),
    "memory_pj": ("memory", "#f4a259"),
    "static_pj": ("leakage, clock", "#b0b0b0"),
}
UJ_PER_PJ = 1e-6


def draw(output: Path) -> None:
    """One panel per layer on the first machine, one over the machines and the CNN without spikes."""
    results = {name: report.run(MODEL, name) for name in MACHINES}
    mpl.rcParams.update(
        {"svg.hashsalt": "pimsim", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    first = results[MACHINES[0]]
    _bars(left, first.layers.set_index("layer"), f"{MODEL} on {MACHINES[0]}, by layer")
    _bars(right, _systems(results), f"{MODEL} on other machines, and as a CNN")
    left.legend(frameon=False)
    figure.savefig(output, metadata={"Date": None})


def _systems(results: dict[str, report.RunResult]) -> pd.DataFrame:
    """Full accounting of each machine, then of the baselines, which no machine changes."""
    frames = []
    for name, result in results.items():
        full = result.summary[result.summary["accounting"] == "full"].set_index("system")
        frames.append(full.loc[["run"]].rename(index={"run": name}))
        baselines = full.drop(index="run")
    return pd.concat([*frames, baselines])


def _bars(axes: Axes, frame: pd.DataFrame, title: str) -> None:
    """Stacked bars, first row on top."""
    start = pd.Series(0.0, index=frame.index)
    for column, (label, colour) in PARTS.items():
        width = frame[column] * UJ_PER_PJ
        axes.barh(frame.index, width, left=start, label=label, color=colour)
        start = start + width
    for position, total in enumerate(start):
        axes.annotate(f"{total:.3g}", (total, position), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("energy, µJ per inference")
    axes.set_title(title, loc="left", fontsize=9)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs" / "energy.svg")

"""A comparison as a picture: where the energy goes, and what is left of each advantage when more is counted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pimsim.cost import ACCOUNTINGS, CATEGORIES, COMPUTE_ONLY, FULL, WITH_MEMORY
from pimsim.errors import OutputError
from pimsim.report.compare_rows import paper_ratios
from pimsim.report.comparison import Compared, Comparison
from pimsim.report.picture import check_format, check_matplotlib, drawn
from pimsim.report.rows import energy_ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"compute": ("arithmetic", "#2a6f97"), "memory": ("memory", "#f4a259"), "static": ("leakage, clock", "#b0b0b0")}
MARKS = {
    COMPUTE_ONLY: ("compute only", "#2a6f97", "o"),
    WITH_MEMORY: ("with memory", "#f4a259", "s"),
    FULL: ("full", "#404040", "D"),
}
UJ_PER_AJ = 1e-12


def check(plot: str, out: str | os.PathLike[str] | None) -> None:
    """Raise where `draw` could not work, for before the long work: MissingPackageError, OutputError."""
    check_format(plot)
    if out is None:
        raise OutputError(f'plot="{plot}" needs a folder to write to (out)')
    check_matplotlib()


def draw(result: Comparison, plot: str) -> bytes:
    """The picture as ``svg`` or ``png``: same comparison, same bytes under one version of matplotlib."""

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _energies(left, result)
        _ratios(right, result)

    return drawn(fill, (9, 0.8 + 0.42 * len(result.systems)), plot)


def _energies(axes: Axes, result: Comparison) -> None:
    """Stacked bars of the nominal parts, first system on top, with the full range as a whisker."""
    for row, system in enumerate(result.systems):
        start = 0.0
        for category in CATEGORIES:
            label, colour = PARTS[category]
            width = system.cost.category(category).nominal * UJ_PER_AJ
            axes.barh(row, width, left=start, color=colour, label=label if row == 0 else None)
            start += width
        low, _, high = (end * UJ_PER_AJ for end in system.cost.energy(FULL))
        axes.plot([low, high], [row, row], color="black", linewidth=0.8, marker="|", markersize=5)
    _rows(axes, result)
    axes.set_xlabel("energy of one inference, µJ (whisker: low – high)")
    axes.set_title(f"{result.model}: where the energy goes", loc="left")
    axes.legend(frameon=False)


def _ratios(axes: Axes, result: Comparison) -> None:
    """The 6-bit CNN's energy over each system's, in every accounting and by the papers' formula."""
    named: set[str] = set()
    for row, system in enumerate(result.systems):
        for (low, nominal, high), (label, colour, marker), offset in _points(system):
            at = row + offset
            axes.plot([low, high], [at, at], color=colour, linewidth=0.8)
            axes.plot([nominal], [at], marker, color=colour, markersize=4, label=None if label in named else label)
            named.add(label)
    axes.axvline(1.0, color="black", linewidth=0.6)
    axes.set_xscale("log")
    _rows(axes, result)
    axes.set_xlabel("energy of the 6-bit CNN / this system's")
    axes.set_title("what is left of the advantage (right of 1: better)", loc="left")
    axes.legend(frameon=False)


def _points(system: Compared) -> list[tuple[tuple[float, float, float], tuple[str, str, str], float]]:
    reference = system.cnns[0].cost
    points = []
    for step, accounting in enumerate(ACCOUNTINGS):
        ratio = energy_ratio(reference, system.cost, accounting)
        if ratio is not None:
            points.append(((ratio.low, ratio.nominal, ratio.high), MARKS[accounting], 0.2 * (step - 1)))
    paper = paper_ratios(system, None)["cnn_6b"]
    if paper is not None:
        points.append(((paper, paper, paper), ("paper's formula", "#c1121f", "*"), -0.35))
    return points


def _rows(axes: Axes, result: Comparison) -> None:
    axes.set_yticks(range(len(result.systems)), [system.name for system in result.systems])
    axes.set_ylim(len(result.systems) - 0.4, -0.6)

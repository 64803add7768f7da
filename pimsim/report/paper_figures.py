"""Figures 4 to 6 of HYPER-SNN as pictures: quantization, energy, spikes.  Same figures, same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pimsim.cost import FULL
from pimsim.report import numerals
from pimsim.report.accuracy_table import QSTDB, Summary
from pimsim.report.network_energies import CNN_6, CNN_32, DIGITAL, LEAN, NetworkEnergy
from pimsim.report.paper_tables import RANDOM, Series, figure_4a, figure_4b
from pimsim.report.picture import drawn
from pimsim.report.published import BITS, TITLES, printed, scene_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, GREEN, RED, BLACK = COLOURS = ("#2a6f97", "#f4a259", "#b0b0b0", "#5b8e7d", "#c1121f", "#404040")
_BAR = 0.8
"""Share of the space between two groups that the bars of one group fill."""


def quantization(summaries: Sequence[Summary], network: str, scene: str, plot: str, split: str = RANDOM) -> bytes:
    """Fig. 4 of one network and scene: affine against scale, and training against rounding afterwards."""
    name = f"{TITLES.get(network, network)}, {scene_title(scene)}"
    *trained, wide = figure_4b(summaries, network, scene, split)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        lowest = _bars(left, figure_4a(summaries, network, scene, split), (BLUE, ORANGE, GREEN))
        lowest = min(lowest, _bars(right, trained, (GREY, BLUE)), _marks(right, wide, network, scene))
        left.set_ylim(_floor(lowest), 100)
        left.set_ylabel("overall accuracy, %")
        for axes, title in ((left, "scheme of quantization (Fig. 4a)"), (right, "when quantized (Fig. 4b)")):
            axes.set_title(f"{name}: {title}", loc="left")
            _legend(axes)

    return drawn(draw, (9, 4), plot)


def _bars(axes: Axes, series: Sequence[Series], colours: Sequence[str]) -> float:
    """A group of bars at every number of bits, ± σ where there are several seeds; returns the lowest height."""
    width = _BAR / len(series)
    lowest = 100.0
    for number, (one, colour) in enumerate(zip(series, colours, strict=True)):
        offset = (number - (len(series) - 1) / 2) * width
        known = [(at + offset, point.overall) for at, point in enumerate(one.points) if point is not None]
        heights = [value.mean for _, value in known]
        errors = [value.deviation or 0.0 for _, value in known]
        if known:
            axes.bar([at for at, _ in known], heights, width, yerr=errors, label=one.title, color=colour)
        lowest = min([lowest, *heights])
    axes.set_xticks(range(len(BITS)), [f"{bits} bits" for bits in BITS])
    axes.set_xlim(-0.6, len(BITS) - 0.4)
    return lowest


def _marks(axes: Axes, wide: Series, network: str, scene: str) -> float:
    """The 32-bit SNN as a line over all groups, the paper's Q-STDB as stars; returns the lowest."""
    point = wide.points[0]
    if point is not None:
        axes.axhline(point.overall.mean, color="black", linewidth=0.8, linestyle="--", label=wide.title)
    known = [(at, printed(network, scene, QSTDB, bits)) for at, bits in enumerate(BITS)]
    stars = [(at, value.overall) for at, value in known if value is not None]
    if stars:
        axes.plot(*zip(*stars, strict=True), "k*", markersize=7, linestyle="", label="Q-STDB in the paper (Table II)")
    return min((height for _, height in stars), default=100.0)


def _floor(lowest: float) -> float:
    """Where the axis begins: bars are cut off, so a whole multiple of 5 below them."""
    return max(0.0, 5 * ((lowest - 1) // 5))


def _legend(axes: Axes) -> None:
    """Below the axes, so that it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False)


def energy(energies: Sequence[NetworkEnergy], plot: str) -> bytes:
    """Fig. 5: energy of one inference, as the paper counts and in full; logarithmic, for it spans three decades."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        paper = [(name, [one.paper_uj(name) for one in energies]) for name in (CNN_32, CNN_6, DIGITAL)]
        full = [(name, [one.energy_uj(name, FULL) for one in energies]) for name in (CNN_32, CNN_6, DIGITAL, LEAN)]
        for axes, values, title in (
            (left, paper, "HYPER-SNN's formula: arithmetic alone"),
            (right, full, "counted: with memory, leakage, clock"),
        ):
            _rows(axes, values, [one.title for one in energies])
            axes.set_title(title, loc="left")
        figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)

    return drawn(draw, (9, 1.6 + 0.8 * max(len(energies), 1)), plot)


def _rows(axes: Axes, values: Sequence[tuple[str, Sequence[float]]], titles: Sequence[str]) -> None:
    """A group of horizontal bars per network, with their values; first network on top."""
    width = _BAR / len(values)
    for number, ((name, heights), colour) in enumerate(zip(values, (GREY, BLACK, BLUE, GREEN), strict=False)):
        places = [row + (number - (len(values) - 1) / 2) * width for row in range(len(heights))]
        axes.barh(places, heights, width, color=colour, label=_SYSTEM_TITLES[name])
        for place, height in zip(places, heights, strict=True):
            axes.annotate(numerals.digits(height), (height, place), (3, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(max(len(titles), 1) - 0.5, -0.5)
    if titles:  # an empty axis has no logarithm
        axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_xlabel("energy of one inference, µJ")


_SYSTEM_TITLES = {CNN_32: "CNN, 32 bits", CNN_6: "CNN, 6 bits", DIGITAL: f"SNN, {DIGITAL}", LEAN: f"SNN, {LEAN}"}


def spikes(energies: Sequence[NetworkEnergy], plot: str) -> bytes:
    """Fig. 6: spikes of a neuron over all time steps, layer by layer; a panel per network, a line per scene."""
    networks = list(dict.fromkeys(one.network for one in energies))
    most = max((rate for one in energies for rate in one.spikes_per_neuron), default=0.0)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, max(len(networks), 1), squeeze=False, sharey=True)[0]
        for axes, network in zip(panels, networks, strict=False):
            shown = [one for one in energies if one.network == network]
            for one, colour in zip(shown, COLOURS, strict=False):
                axes.plot(one.layers, one.spikes_per_neuron, "o-", color=colour, label=one.scene)
            axes.set_title(TITLES.get(network, network), loc="left")
            _legend(axes)
        panels[0].set_ylabel("spikes per neuron over all steps")
        panels[0].set_ylim(0, 1.05 * most or 1.0)

    return drawn(draw, (9, 3.6), plot)

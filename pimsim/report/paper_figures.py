"""Figures 4 to 6 of HYPER-SNN as pictures: quantization, energy, spikes.  Same figures, same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pimsim.errors import MissingPackageError, OutputError
from pimsim.report.accuracy_table import Summary
from pimsim.report.compare_plot import FORMATS, STYLE
from pimsim.report.paper_tables import RANDOM, Series, figure_4a, figure_4b
from pimsim.report.published import BITS, TITLES, printed, scene_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2a6f97", "#f4a259", "#8a8a8a", "#5b8e7d", "#bc4b51", "#404040")
_BAR = 0.8
"""Share of the space between two groups that the bars of one group fill."""


def check(plot: str) -> None:
    """Raise where no picture could be drawn, for before the long work: OutputError, MissingPackageError."""
    if plot not in FORMATS:
        raise OutputError(f'plot="{plot}": must be one of {", ".join(FORMATS)}')
    if find_spec("matplotlib") is None:
        raise MissingPackageError('a plot needs matplotlib, not installed here: pip install "pimsim[plot]"')


def quantization(summaries: Sequence[Summary], network: str, scene: str, plot: str, split: str = RANDOM) -> bytes:
    """Fig. 4 of one network and scene: affine against scale, and training against rounding afterwards."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        name = f"{TITLES[network]}, {scene_title(scene)}"
        _bars(left, figure_4a(summaries, network, scene, split), f"{name}: scheme of quantization (Fig. 4a)")
        *bars, wide = figure_4b(summaries, network, scene, split)
        _bars(right, bars, f"{name}: when quantized (Fig. 4b)")
        _level(right, wide)
        _paper(right, network, scene)
        for axes in (left, right):
            _legend(axes)
        left.set_ylabel("overall accuracy, %")

    return drawn(draw, plot, (9, 3.4))


def drawn(draw: Callable[[Figure], None], plot: str, size: tuple[float, float]) -> bytes:
    """What ``draw`` puts on an empty figure of ``size`` inches, as ``svg`` or ``png``."""
    check(plot)
    import matplotlib.style
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        unstamped = {"Date": None, "Creator": None} if plot == "svg" else {"Software": None}
        figure.savefig(stream, format=plot, metadata=unstamped, dpi=150)
    return stream.getvalue()


def _bars(axes: Axes, series: Sequence[Series], title: str) -> None:
    """A group of bars at every number of bits; ± σ over seeds where there are several."""
    width = _BAR / len(series)
    lowest = 100.0
    for number, one in enumerate(series):
        offset = (number - (len(series) - 1) / 2) * width
        known = [(at + offset, point) for at, point in enumerate(one.points) if point is not None]
        heights = [point.overall.mean for _, point in known]
        errors = [point.overall.deviation or 0.0 for _, point in known]
        axes.bar([at for at, _ in known], heights, width, yerr=errors, label=one.title, color=COLOURS[number])
        lowest = min([lowest, *heights])
    axes.set_xticks(range(len(BITS)), [f"{bits} bits" for bits in BITS])
    axes.set_ylim(_floor(lowest), 100)
    axes.set_title(title, loc="left")


def _floor(lowest: float) -> float:
    """Where the axis begins: bars are cut off, so a whole multiple of 5 below them."""
    return max(0.0, 5 * ((lowest - 1) // 5))


def _level(axes: Axes, wide: Series) -> None:
    """The 32-bit SNN as a line over all groups."""
    point = wide.points[0]
    if point is not None:
        axes.axhline(point.overall.mean, color="black", linewidth=0.8, linestyle="--", label=wide.title)


def _paper(axes: Axes, network: str, scene: str) -> None:
    """What the paper's Table II has for Q-STDB at these bits."""
    known = [printed(network, scene, "qstdb", bits) for bits in BITS]
    points = [(at, value.overall) for at, value in enumerate(known) if value is not None]
    if points:
        axes.plot(*zip(*points, strict=True), "k*", markersize=6, linestyle="", label="Q-STDB in the paper (Table II)")


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", framealpha=0.9)

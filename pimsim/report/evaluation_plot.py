"""Pictures of an evaluation: the confusion matrix, spikes per neuron, the classified scene beside its labels."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pimsim.report.evaluation import Evaluation, SceneMap
from pimsim.report.picture import DPI, FRAMED, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNLABELLED, RIGHT, WRONG = "#ffffff", "#d9d9d9", "#c1121f"
LEGEND_COLUMNS = 4
#: width that a title needs
TITLE_INCHES = 7.0
#: of a map's longer side
PANEL_INCHES = 4.0
#: of a name beside the matrix
LETTER_INCHES = 0.08
#: steps that a legend has room for
LEGEND_STEPS = 10
#: classes that have colours of one palette that are told apart
DISTINCT = 20


def draw_confusion(found: Evaluation, plot: str) -> bytes:
    """Counts, each row coloured by its share of the class's samples; ``plot`` is ``svg`` or ``png``."""
    names = [f"{item.class_id} {item.name}" for item in found.classes]
    size = 2.5 + 0.36 * len(names)
    samples = np.maximum(found.confusion.sum(1, keepdims=True), 1)
    shares = found.confusion / samples

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        for row, column in zip(*np.nonzero(found.confusion), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"
            count = str(found.confusion[row, column])
            axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=6)
        axes.set_xticks(range(len(names)), [str(item.class_id) for item in found.classes])
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("taken for class")
        axes.set_title(_title(found), loc="left")

    beside = LETTER_INCHES * max(len(name) for name in names)
    return drawn(fill, (size + beside, size), plot, style=FRAMED)


def draw_spikes(found: Evaluation, plot: str) -> bytes:
    """Spikes of a neuron per layer, stacked by step (HYPER-SNN, Fig. 6); of a CNN the share of active neurons."""
    network, rates = found.subject.network, found.spikes_per_neuron
    names = [layer.name for layer in network.layers[:-1]]

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        _stack(axes, names, rates, of_cnn=network.is_cnn)
        axes.set_title(_title(found), loc="left")

    return drawn(fill, (max(1.5 + 0.8 * len(names), TITLE_INCHES), 3.5), plot)


def draw_map(found: Evaluation, scene: SceneMap) -> bytes:
    """PNG: what the network says of every pixel, the labels, and where the two differ among evaluated pixels."""
    ids = np.array(found.subject.class_ids)
    predicted, labels = (
        np.where(part > 0, np.searchsorted(ids, part) + 1, 0) for part in (scene.predicted, scene.labels)
    )
    verdict = np.where(scene.evaluated, np.where(scene.predicted == scene.labels, 1, 2), 0)
    height, width = scene.labels.shape
    inch = PANEL_INCHES / max(height, width)

    def fill(figure: Figure) -> None:
        panels = figure.subplots(1, 3)
        colours = [UNLABELLED, *class_colours(len(ids))]
        titles = ("classified", "labels", f"{found.subject.pixels} pixels: red where wrong")
        maps = ((predicted, colours), (labels, colours), (verdict, [UNLABELLED, RIGHT, WRONG]))
        for axes, title, (values, palette) in zip(panels, titles, maps, strict=True):
            _panel(axes, values, palette)
            axes.set_title(title, loc="left")
        figure.suptitle(_title(found), x=0.01, ha="left")
        _legend(figure, found, colours)

    lines = ceil(len(ids) / LEGEND_COLUMNS)
    size = (max(3 * width * inch + 0.6, TITLE_INCHES), max(height * inch, 1.0) + 0.8 + 0.2 * lines)
    return drawn(fill, size, "png", style=FRAMED, dpi=max(DPI, ceil(1 / inch)))


def class_colours(count: int) -> list[str]:
    """As many colours as classes, told apart by eye up to `DISTINCT`."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    if count <= DISTINCT:
        return [to_hex(colormaps["tab20"](index)) for index in range(count)]
    return [to_hex(colormaps["hsv"](index / count)) for index in range(count)]


def _stack(axes: Axes, names: list[str], rates: npt.NDArray[np.float64], *, of_cnn: bool) -> None:
    from matplotlib import colormaps

    below = np.zeros(len(names))
    for step, part in enumerate(rates.T, start=1):
        colour = colormaps["viridis"]((step - 0.5) / rates.shape[1])
        axes.bar(names, part, bottom=below, color=colour, label=f"step {step}")
        below += part
    for place, total in enumerate(below):
        axes.text(place, total, f"{total:.3f}", ha="center", va="bottom")
    axes.set_ylabel("share of activations that are not 0" if of_cnn else "spikes per neuron and inference")
    if not of_cnn and rates.shape[1] <= LEGEND_STEPS:
        axes.legend(frameon=False, ncols=2)


def _panel(axes: Axes, values: npt.NDArray[Any], colours: list[str]) -> None:
    from matplotlib.colors import ListedColormap

    axes.imshow(values, cmap=ListedColormap(colours), vmin=0, vmax=len(colours) - 1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def _legend(figure: Figure, found: Evaluation, colours: list[str]) -> None:
    from matplotlib.patches import Patch

    names = [f"{item.class_id} {item.name}" for item in found.classes]
    parts = [Patch(facecolor=colour, label=name) for colour, name in zip(colours[1:], names, strict=True)]
    figure.legend(handles=parts, loc="outside lower left", ncols=LEGEND_COLUMNS, frameon=False)


def _title(found: Evaluation) -> str:
    percent = found.accuracy.percent()
    return (
        f"{found.subject.model} on {found.subject.source}, {found.subject.pixels or 'recorded'} samples: "
        f"OA {percent['overall_percent']:.2f} %, AA {percent['average_percent']:.2f} %, "
        f"kappa {percent['kappa_percent']:.2f} %"
    )

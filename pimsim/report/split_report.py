"""A split as text, as files that other tools read, and as a picture."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pimsim.report.evaluation_plot import PANEL_INCHES
from pimsim.report.files import json_text, write_together
from pimsim.report.picture import DPI, FRAMED, check_matplotlib, drawn
from pimsim.report.render import aligned_table, plain_text
from pimsim.scenes import Division

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRAIN_NPY, TEST_NPY, SPLIT_JSON, PICTURE = "train.npy", "test.npy", "split.json", "split.png"
FILES = (TRAIN_NPY, TEST_NPY, SPLIT_JSON, PICTURE)
#: unlabelled, training, test, used by neither
COLOURS = ("#ffffff", "#3a6ea5", "#f4a259", "#c9c9c9")
SIDES = ("", "training", "test", "used by neither")


def split_text(division: Division, width: int | None = None) -> str:
    """What `pimsim split` prints, ``width`` columns wide (by default the terminal's, 100 to 120)."""
    return plain_text(_parts(division), width)


def write_split(division: Division, out: str | os.PathLike[str], *, picture: bool = False) -> tuple[Path, ...]:
    """Write the maps of both sides (class ids, 0 elsewhere), ``split.json``, and ``split.png`` on request.

    The maps serve as the files of a split of kind ``file``.  All files or none; those of an earlier split are
    replaced.  Raises OutputError, or MissingPackageError where a picture is wanted and matplotlib is not installed.
    """
    if picture:
        check_matplotlib()
    labels = division.scene.labels
    contents = {
        TRAIN_NPY: _npy(np.where(division.train_map, labels, 0)),
        TEST_NPY: _npy(np.where(division.test_map, labels, 0)),
        SPLIT_JSON: json_text(_document(division)).encode(),
    }
    if picture:
        contents[PICTURE] = _picture(division)
    return write_together(out, contents, ours=FILES)


def _document(division: Division) -> dict[str, object]:
    return {"scene": division.scene.name, "split": division.describe(), "classes": division.classes()}


def _parts(division: Division) -> Iterable[RenderableType]:
    scene, shares = division.scene, division.overlap
    yield Text(f"{scene.name}: {division.split.text}; patches of {division.patch} × {division.patch} pixels")
    yield _classes(division)
    yield Text(
        f"of {len(division.test)} test patches {100 * shares.on_training_pixel:.2f} % hold a training pixel, "
        f"{100 * shares.on_training_patch:.2f} % share a pixel with a training patch;\n"
        f"{100 * shares.area:.2f} % of their area was seen in training"
    )
    if division.unlabelled:
        yield Text(f"{division.unlabelled} pixels of the split files have no label in the scene and are left out")
    if division.one_sided:
        yield Text(f"not on both sides: {', '.join(division.one_sided)}")


def _classes(division: Division) -> Table:
    table = aligned_table("class", right=("pixels", "training", "%", "test", "%", "neither", "%"))
    rows = [*zip(division.scene.class_names, division.counts, strict=True), ("all", division.counts.sum(axis=0))]
    for name, counts in rows:
        total = int(counts.sum())
        cells = (cell for count in counts for cell in (f"{count}", f"{100 * count / total:.1f}"))
        table.add_row(name, f"{total}", *cells)
    return table


def _npy(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _picture(division: Division) -> bytes:
    """PNG: every labelled pixel in the colour of its side."""
    height, width = division.scene.labels.shape
    inch = PANEL_INCHES / max(height, width)
    size = (max(width * inch, 3.0) + 0.2, height * inch + 0.6)
    fill = partial(_fill, division=division)
    return drawn(fill, size, "png", style=FRAMED, dpi=max(DPI, int(2 / inch)))


def _fill(figure: Figure, division: Division) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    sides = np.where(division.scene.labels > 0, 3, 0)
    sides[division.train_map], sides[division.test_map] = 1, 2
    axes = figure.subplots()
    axes.imshow(sides, cmap=ListedColormap(COLOURS), vmin=0, vmax=len(COLOURS) - 1, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(f"{division.scene.name}: {division.label}", loc="left")
    named = list(zip(COLOURS, SIDES, strict=True))[1:]
    figure.legend(
        handles=[Patch(facecolor=colour, label=name) for colour, name in named],
        loc="outside lower left",
        ncols=len(named),
        frameon=False,
    )

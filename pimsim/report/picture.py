"""Pictures as bytes: the same content gives the same bytes under one version of matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pimsim.errors import MissingPackageError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")
DPI = 150
FRAMED: Mapping[str, Any] = {"svg.hashsalt": "pimsim", "font.size": 8.0}
"""The salt makes ids in an SVG the same every time; matplotlib draws them at random otherwise."""
OPEN: Mapping[str, Any] = {**FRAMED, "axes.spines.top": False, "axes.spines.right": False}
"""For diagrams: axes at the left and below alone."""


def check_format(plot: str) -> None:
    """Raise OutputError for a name that is none of `FORMATS`."""
    if plot not in FORMATS:
        raise OutputError(f'plot="{plot}": must be one of {", ".join(FORMATS)}')


def check_matplotlib() -> None:
    """Raise MissingPackageError where nothing can be drawn; for before the long work."""
    if find_spec("matplotlib") is None:
        raise MissingPackageError('a picture needs matplotlib, not installed here: pip install "pimsim[plot]"')


def drawn(
    fill: Callable[[Figure], None],
    size: tuple[float, float],
    plot: str,
    *,
    style: Mapping[str, Any] = OPEN,
    dpi: int = DPI,
) -> bytes:
    """What ``fill`` puts on an empty figure of ``size`` (width, height) in inches, in one of `FORMATS`."""
    import matplotlib.style
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    with matplotlib.style.context(["default", dict(style)]):
        figure = Figure(figsize=size, layout="constrained")
        fill(figure)
        unstamped = {"Date": None, "Creator": None} if plot == "svg" else {"Software": None}
        figure.savefig(stream, format=plot, metadata=unstamped, dpi=dpi)
    return stream.getvalue()

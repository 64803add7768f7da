"""Figures that answer to the mouse as one HTML file that needs nothing else, no network either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

from pimsim.errors import MissingPackageError, OutputError

SUFFIX = ".html"
Figure = Mapping[str, Any]
"""``data`` and ``layout`` as plotly has them; texts in it are `marked`."""


def check_page(name: str) -> None:
    """Raise, before the long work, where `page` could not be written: MissingPackageError, OutputError."""
    if not name.endswith(SUFFIX):
        raise OutputError(f'"{name}": an interactive plot is a {SUFFIX} file')
    if find_spec("plotly") is None:
        raise MissingPackageError("an interactive plot needs plotly, not installed here: pip install 'pimsim[explore]'")


def page(title: str, figures: Sequence[Figure]) -> bytes:
    """A page of figures below each other: the same figures, the same bytes under one version of plotly."""
    from plotly.io import to_html

    parts = [
        to_html(
            figure,
            config={"displaylogo": False, "responsive": True},
            include_plotlyjs=place == 0,
            full_html=False,
            div_id=f"figure-{place + 1}",
        )
        for place, figure in enumerate(figures)
    ]
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>'
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'.encode()


def marked(text: object) -> str:
    """A text for a figure, in which plotly would take ``<b>`` for bold."""
    return escape(str(text), quote=False)

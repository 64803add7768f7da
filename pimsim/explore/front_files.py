"""A front on disk: its rows as CSV, to be read like any results, and the interactive plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pimsim.explore.constraints import Constraint
from pimsim.explore.front import ParetoFront
from pimsim.explore.front_plot import front_page
from pimsim.explore.front_rows import points_behind
from pimsim.explore.html_page import check_page
from pimsim.explore.results import Results
from pimsim.report.files import check_writable, csv_text, write_together
from pimsim.report.rows import Table


def check_file(path: Path) -> None:
    """Raise OutputError where a file could not be written; for before the long work."""
    check_writable(path.parent, [path.name])


def check_folder(path: Path) -> None:
    """Raise OutputError where files could not be written to a folder; for before the long work."""
    check_writable(path, [])


def check_plot(path: Path) -> None:
    """The same for a plot; MissingPackageError too."""
    check_page(path.name)
    check_file(path)


def write_csv(front: ParetoFront, path: Path) -> None:
    """All columns of the front's rows, in its order.  Raises OutputError."""
    rows = tuple(tuple(row.values()) for row in front.rows)
    _write(path, csv_text(Table(tuple(front.rows[0]), rows)).encode())


def write_plot(
    results: Results, front: ParetoFront, path: Path, *, name: str, where: Sequence[Constraint] = ()
) -> None:
    """The interactive plot, with the points behind the front.  Raises OutputError."""
    _write(path, front_page(front, points_behind(results, front, where), name=name))


def _write(path: Path, content: bytes) -> None:
    write_together(path.parent, {path.name: content})

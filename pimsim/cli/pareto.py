"""``pimsim pareto``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pimsim.cli import options

if TYPE_CHECKING:
    from pimsim.explore.point import Row
    from pimsim.explore.space import Space


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="TEXT",
    help="energy, delay, area:high, edp:compute_only, max power … or a column of results; may be repeated. "
    "[default: those of the space]",
)
@click.option(
    "--where",
    multiple=True,
    metavar="CONSTRAINT",
    help="Among these points only, e.g. 'area <= 3e6 and clock_mhz == 200'; may be repeated.",
)
@click.option("--robust", is_flag=True, help="Also take every range of cost data at its low and at its high end.")
@click.option("--top", type=click.IntRange(min=1), default=30, show_default=True, help="Points to show.")
@click.option("--csv", type=options.FILE, metavar="FILE", help="Also write all columns of the front to FILE.")
@click.option(
    "--plot", type=options.FILE, metavar="FILE.html", help="Also write an interactive plot (pimsim[explore])."
)
@click.option("--export", type=click.Path(path_type=Path), metavar="FOLDER", help="Also write its hardware files.")
@click.option(
    "--point",
    "points",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="Instead of the front print the hardware file of point N, or write it with --export; may be repeated.",
)
def pareto(
    results: Path,
    objectives: tuple[str, ...],
    where: tuple[str, ...],
    robust: bool,
    top: int,
    csv: Path | None,
    plot: Path | None,
    export: Path | None,
    points: tuple[int, ...],
) -> None:
    """The best machines of an exploration: those that no other beats in every objective.

    RESULTS is the folder of an exploration, which may still be running, or a .csv or .parquet file of one.
    """
    if points:
        if objectives or where or robust or csv or plot:
            raise click.UsageError("--point is not about the front; beside it stands --export alone")
        _machines(results, points, export)
        return
    from pimsim.explore import front_files, question
    from pimsim.explore.corners import corners
    from pimsim.explore.front import pareto_front
    from pimsim.explore.front_table import front_text
    from pimsim.explore.results import Results

    if csv is not None:
        front_files.check_file(csv)
    if plot is not None:
        front_files.check_plot(plot)
    if export is not None:
        front_files.check_folder(export)
    opened = Results.open(results)
    space = question.space_of(opened) if export is not None else None
    asked, held = question.objectives_of(opened, objectives), question.constraints_on(opened, where)
    name = question.name_of(opened)
    front = pareto_front(opened, asked, held)
    at_corners = corners(opened, asked, held) if robust else None
    click.echo(front_text(front, name=name, top=top, corners=at_corners))
    if csv is not None:
        front_files.write_csv(front, csv)
        click.echo(f"written to {csv}")
    if plot is not None:
        front_files.write_plot(opened, front, plot, name=name, where=held)
        click.echo(f"written to {plot}")
    if space is not None and export is not None:
        _export(space, front.rows, export)


def _machines(results: Path, points: tuple[int, ...], folder: Path | None) -> None:
    """Hardware files of single points, printed one behind the other or written."""
    from pimsim.explore.machine_files import machine_text
    from pimsim.explore.question import space_of
    from pimsim.explore.results import Results

    opened = Results.open(results)
    space, rows = space_of(opened), [opened.row(point) for point in dict.fromkeys(points)]
    if folder is not None:
        _export(space, rows, folder)
    else:
        click.echo("---\n".join(machine_text(space, row) for row in rows), nl=False)


def _export(space: Space, rows: Sequence[Row], folder: Path) -> None:
    from pimsim.explore.machine_files import export, others

    written = export(space, rows, folder)
    left = others(space, folder, written)
    beside = f", beside {left} of other points" if left else ""
    files = "hardware file" if len(written) == 1 else "hardware files"
    click.echo(f"{len(written)} {files} written to {folder}{beside}")

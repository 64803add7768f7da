"""``pimsim pareto``."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)


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
@click.option("--csv", type=FILE, metavar="FILE", help="Also write all columns of the front to FILE.")
@click.option("--plot", type=FILE, metavar="FILE.html", help="Also write an interactive plot (pimsim[explore]).")
def pareto(
    results: Path,
    objectives: tuple[str, ...],
    where: tuple[str, ...],
    robust: bool,
    top: int,
    csv: Path | None,
    plot: Path | None,
) -> None:
    """The best machines of an exploration: those that no other beats in every objective.

    RESULTS is the folder of an exploration, which may still be running, or a .csv or .parquet file of one.
    """
    from pimsim.explore import front_files, question
    from pimsim.explore.corners import corners
    from pimsim.explore.front import pareto_front
    from pimsim.explore.front_table import front_text
    from pimsim.explore.results import Results

    if csv is not None:
        front_files.check_file(csv)
    if plot is not None:
        front_files.check_plot(plot)
    opened = Results.open(results)
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

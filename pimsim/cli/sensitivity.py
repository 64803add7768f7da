"""``pimsim sensitivity``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.cli import options


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="TEXT",
    help="energy, delay, area:high, edp:compute_only … or a column of results; may be repeated. "
    "[default: those of the space]",
)
@click.option(
    "--where",
    multiple=True,
    metavar="CONSTRAINT",
    help="From these points only, e.g. 'area <= 3e6 and clock_mhz == 200'; may be repeated.",
)
@click.option(
    "--at",
    type=click.IntRange(min=0),
    metavar="POINT",
    help="Turn knobs around this point. [default: the space's own machine]",
)
@click.option("--csv", type=options.FILE, metavar="FILE", help="Also write all numbers to FILE.")
@click.option("--plot", type=options.FILE, metavar="FILE.html|svg", help="Also draw a picture.")
def sensitivity(
    results: Path,
    objectives: tuple[str, ...],
    where: tuple[str, ...],
    at: int | None,
    csv: Path | None,
    plot: Path | None,
) -> None:
    """Which knob matters: importance, share of the spread, and what each does when it is turned alone.

    RESULTS is the folder of an exploration, which may still be running, or a .csv or .parquet file of one.
    """
    from pimsim.explore import question
    from pimsim.explore.front_files import check_file
    from pimsim.explore.knobs import check_optuna
    from pimsim.explore.results import Results
    from pimsim.explore.sensitivity import sensitivities
    from pimsim.explore.sensitivity_plot import check_plot, sensitivity_picture
    from pimsim.explore.sensitivity_table import sensitivity_rows, sensitivity_text
    from pimsim.report.files import csv_text, write_together

    check_optuna()
    if plot is not None:
        check_plot(plot.name)
    for file in filter(None, (csv, plot)):
        check_file(file)
    opened = Results.open(results)
    asked, held = question.objectives_of(opened, objectives), question.constraints_on(opened, where)
    name = question.name_of(opened)
    found = sensitivities(opened, asked, held, at=at)
    click.echo(sensitivity_text(found, name=name))
    if csv is not None:
        write_together(csv.parent, {csv.name: csv_text(sensitivity_rows(found)).encode()})
        click.echo(f"written to {csv}")
    if plot is not None:
        write_together(plot.parent, {plot.name: sensitivity_picture(found, plot.name, name=name)})
        click.echo(f"written to {plot}")

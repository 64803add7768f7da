"""``pimsim explore``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.cli import options
from pimsim.explore.methods import GRID, METHODS, MOST_SEED, POPULATION


@click.command()
@click.argument("space")
@click.option("--method", type=click.Choice(METHODS), default=GRID, show_default=True, help="How points are chosen.")
@click.option("--points", type=click.IntRange(min=1), metavar="N", help="Evaluate at most N. [default: a whole grid]")
@click.option("--seed", type=click.IntRange(0, MOST_SEED), default=0, show_default=True, help="Of what is drawn.")
@click.option(
    "--population",
    type=click.IntRange(min=2),
    default=POPULATION,
    show_default=True,
    help="Points of a search's generation.",
)
@options.out("Folder for results. [default: runs/explore-SPACE]")
@click.option("--resume", is_flag=True, help="Go on in a folder that has part of the results.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be computed, and stop.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes here. [default: one per core]")
@click.option("--scheduler", metavar="ADDRESS", help="Evaluate on a Dask cluster instead, e.g. tcp://head:8786.")
def explore(
    space: str,
    method: str,
    points: int | None,
    seed: int,
    population: int,
    out: Path | None,
    resume: bool,
    only_plan: bool,
    workers: int | None,
    scheduler: str | None,
) -> None:
    """Evaluate the machines of a design SPACE (.yaml, by path or shipped name): one recorded run, thousands of them."""
    from pimsim.cli.progress import compilation_told, point_bar
    from pimsim.explore.exploration import exploration
    from pimsim.explore.exploration_text import explored_text
    from pimsim.explore.way import Place, Way

    asked = exploration(space, Way(method, points, seed, population))
    click.echo(asked.plan().text())
    if only_plan:
        return
    folder = out or Path("runs") / f"explore-{Path(space).stem}"
    try:
        with compilation_told(), point_bar() as progress:
            result = asked.run(folder, place=Place(workers, scheduler), resume=resume, progress=progress)
    except KeyboardInterrupt:
        click.echo(f"what is done is in {folder}; the same command with --resume goes on", err=True)
        raise
    click.echo(explored_text(result))
    click.echo(f"written to {folder}")

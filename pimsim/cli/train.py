"""``pimsim train``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pimsim.errors import TrainingError


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Run folder. [default: runs/RECIPE]")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change a setting, e.g. qstdb.epochs=100.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads to compute with. [default: all cores]")
def train(recipe: str, out: Path | None, settings: tuple[str, ...], threads: int | None) -> None:
    """Take RECIPE (a shipped name or a YAML file) from its scene to an exported network.

    The same command continues a run that was stopped.
    """
    from pimsim.hardware import parse_override
    from pimsim.training.recipe import load_recipe

    chosen = load_recipe(recipe, dict(parse_override(text) for text in settings))
    try:
        from pimsim.training.pipeline import train as run_pipeline
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pimsim"):
            raise
        raise TrainingError(f'training needs {error.name}, not installed here: pip install "pimsim[train]"') from error

    command = shlex.join(["pimsim", "train", recipe, *(part for text in settings for part in ("--set", text))])
    folder = out or Path("runs") / chosen.name
    run_pipeline(chosen, folder, command=command, report=_progress, threads=threads)
    click.echo(f"{folder / chosen.name}.npz")


def _progress(stage: str, done: int, total: int, message: str) -> None:
    click.echo(f"{stage} {done}/{total}  {message}", err=True)

"""``pimsim train``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pimsim.cli import options
from pimsim.errors import TrainingError

if TYPE_CHECKING:
    from rich.progress import TaskID


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Run folder. [default: runs/RECIPE]")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change a setting, e.g. qstdb.epochs=100.")
@options.THREADS
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
    with _Board() as board:
        run_pipeline(chosen, folder, command=command, report=board.show, threads=threads)
    click.echo(f"{folder / chosen.name}.npz")


class _Board:
    """A bar for the stage at work, a line for whatever is done; lines alone where no terminal listens."""

    def __init__(self) -> None:
        from pimsim.cli.progress import make_progress

        self.progress = make_progress()
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Board:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, stage: str, done: int, total: int, message: str) -> None:
        text = f"{stage} {done}/{total}  {message}" if total > 1 else f"{stage}  {message}"
        self.progress.console.print(text, markup=False)
        if total == 1:
            return
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(stage, total=total)
        self.progress.update(self.tasks[stage], completed=done, visible=done < total)

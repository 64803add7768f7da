"""``pimsim train``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pimsim.errors import TrainingError

if TYPE_CHECKING:
    from rich.progress import TaskID


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
    with _Board() as board:
        run_pipeline(chosen, folder, command=command, report=board.show, threads=threads)
    click.echo(f"{folder / chosen.name}.npz")


class _Board:
    """A bar for the stage at work, a line for whatever is done; lines alone where no terminal listens."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=self.console, transient=True)
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Board:
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, stage: str, done: int, total: int, message: str) -> None:
        self.console.print(f"{stage} {done}/{total}  {message}" if total > 1 else f"{stage}  {message}", markup=False)
        if total == 1:
            return
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(stage, total=total)
        self.progress.update(self.tasks[stage], completed=done, visible=done < total)

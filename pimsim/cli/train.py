"""``pimsim train``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pimsim.cli import options
from pimsim.errors import TrainingError

if TYPE_CHECKING:
    from rich.progress import TaskID


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Run folder. [default: runs/NAME]")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change a setting, e.g. qstdb.epochs=100.")
@click.option("--until", metavar="STAGE", help="Stop after that stage: ann, conversion, snn, qstdb, ptq or qat.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Take finished stages of the same settings from another run's folder.",
)
@click.option(
    "--results",
    type=options.FILE,
    metavar="CSV",
    help="Add the accuracies to a table of results.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@options.THREADS
def train(
    recipe: str,
    out: Path | None,
    settings: tuple[str, ...],
    until: str | None,
    source: Path | None,
    results: Path | None,
    device: str,
    threads: int | None,
) -> None:
    """Take RECIPE (a shipped name or a YAML file) from its scene to its last network.

    The same command continues a run that was stopped.
    """
    from pimsim.cli.progress import compilation_told
    from pimsim.hardware import parse_override
    from pimsim.report.accuracy_table import append
    from pimsim.report.run_rows import rows_of
    from pimsim.training.recipe import load_recipe

    chosen = load_recipe(recipe, dict(parse_override(text) for text in settings))
    run_pipeline = _pipeline()
    if results is not None:
        append(results, ())  # one of other columns, or that cannot be written, is refused before hours of training
    parts = [*(part for text in settings for part in ("--set", text)), *(("--until", until) if until else ())]
    command = shlex.join(["pimsim", "train", recipe, *parts])
    folder = out or Path("runs") / chosen.name
    with compilation_told(), _Board() as board:
        result = run_pipeline(
            chosen,
            folder,
            command=command,
            report=board.show,
            until=until,
            source=source,
            threads=threads,
            device=device,
        )
    if results is not None:
        append(results, rows_of(result))
    exported = folder / f"{chosen.name}.npz"
    click.echo(exported if result["last_stage"] == "export" else exported.with_suffix(".json"))


def _pipeline() -> Callable[..., dict[str, object]]:
    """What trains; raises TrainingError where a package that it needs is not installed."""
    try:
        from pimsim.training.pipeline import train
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pimsim"):
            raise
        raise TrainingError(f'training needs {error.name}, not installed here: pip install "pimsim[train]"') from error
    return train


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

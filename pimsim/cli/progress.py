"""Bars for work that takes long enough to wonder about; none where no terminal listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

STYLE = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


class RateColumn(ProgressColumn):
    """Points per second, over the last seconds."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f} points/s")


def make_progress(*columns: ProgressColumn) -> Progress:
    """A bar on the error stream that disappears when it is done."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    return Progress(*(columns or STYLE), console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def sample_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback (samples done, samples in all) that draws a bar from its first call on."""
    with make_progress() as progress:
        task = progress.add_task(what, total=None, visible=False)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=done < total)

        yield show


@contextmanager
def point_bar() -> Iterator[Callable[[int, int], None]]:
    """A callback (points stored, points in all) that draws a bar with the rate and the time left.

    Points that were stored before its first call do not count for the rate.
    """
    columns = (*STYLE[:-1], RateColumn(), TimeElapsedColumn(), TextColumn("elapsed,"), STYLE[-1], TextColumn("left"))
    with make_progress(*columns) as progress:
        task = progress.add_task("exploring", total=None, visible=False)

        def show(done: int, total: int) -> None:
            if not progress.tasks[0].visible:
                progress.reset(task, completed=done, total=total, visible=True)
            # rows of a million points take minutes to be put together once all are there
            progress.update(task, completed=done, total=total, description="exploring" if done < total else "writing")

        yield show


@contextmanager
def compilation_told() -> Iterator[None]:
    """A word about compiling where that comes first: it takes up to minutes."""
    from pimsim.simulation.compiling import on_compilation

    with on_compilation(_say_first_run):
        yield


@contextmanager
def executing() -> Iterator[Callable[[int, int], None]]:
    """`sample_bar` of a network's execution, below `compilation_told`."""
    with compilation_told(), sample_bar("executing") as progress:
        yield progress


def _say_first_run() -> None:
    click.echo("compiling kernels, on the first run only ...", err=True)

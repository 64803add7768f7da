"""``pimsim reproduce``."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pimsim.cli import options
from pimsim.errors import MissingFileError, PimsimError, TrainingError

if TYPE_CHECKING:
    from pimsim.report.reproduction import Job, Wish

TARGETS = ("table2", "table3", "fig4a", "fig4b", "fig5", "fig6")


def _seeds(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        seeds = (-1,)
    if min(seeds) < 0:
        raise click.BadParameter(f'"{text}" is no list of seeds such as 0,1,2')
    return seeds


@click.command()
@click.argument("target", type=click.Choice(TARGETS))
@click.option(
    "--network",
    "networks",
    multiple=True,
    type=click.Choice(["cnn3d", "cnn32h"]),
    help="May be repeated. [default: both]",
)
@click.option(
    "--scene",
    "scenes",
    multiple=True,
    metavar="SCENE",
    help="By name or file; may be repeated. [default: the paper's three and Salinas-A; fig4a, fig4b: indian_pines]",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(["random", "blocks", "file"]),
    help="May be repeated; file needs --set split.train=FILE. "
    "[default: random and blocks for tables, random for figures]",
)
@click.option("--bits", multiple=True, type=click.IntRange(2, 8), help="May be repeated. [default: 4, 5 and 6]")
@click.option("--seeds", default="0", show_default=True, callback=_seeds, metavar="LIST", help="As 0,1,2.")
@click.option(
    "--start",
    type=click.Choice(["conversion", "snn"]),
    default="conversion",
    show_default=True,
    help="What quantized networks are trained from; the paper starts at the conversion.",
)
@click.option(
    "--results",
    type=options.FILE,
    default=Path("runs/accuracy.csv"),
    show_default=True,
    help="Table of results that says what is done, and takes what is measured.",
)
@click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of the run folders.",
)
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change a setting of every training.")
@click.option("--dry-run", is_flag=True, help="Print the commands, and the table as it stands.")
@click.option(
    "--plot", type=click.Choice(["svg", "png"]), help="Draw a figure into the runs' folder (needs matplotlib)."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Of every training. [default: auto]")
@options.THREADS
def reproduce(
    target: str,
    networks: tuple[str, ...],
    scenes: tuple[str, ...],
    splits: tuple[str, ...],
    bits: tuple[int, ...],
    seeds: tuple[int, ...],
    start: str,
    results: Path,
    runs: Path,
    settings: tuple[str, ...],
    dry_run: bool,
    plot: str | None,
    device: str | None,
    threads: int | None,
) -> None:
    """Train what is missing of a table or figure of HYPER-SNN, and print it beside the paper's.

    Every command continues what was stopped, and so does this one.  Scenes that are not at hand are left out,
    unless --scene names them.
    """
    from pimsim.report import accuracy_table, picture, reproduced, reproduction
    from pimsim.report.published import NETWORKS

    figure = target.startswith("fig")
    common = [*(("--threads", str(threads)) if threads else ()), *(("--device", device) if device else ())]
    wish = reproduction.Wish(
        networks=networks or (("cnn3d",) if target in ("fig4a", "fig4b") else NETWORKS),
        scenes=scenes or (("indian_pines",) if target in ("fig4a", "fig4b") else reproduction.SCENES),
        splits=splits or (("random",) if figure else ("random", "blocks")),
        bits=tuple(sorted(set(bits))) or (4, 5, 6),
        seeds=seeds,
        start=start,
        settings=settings,
        runs=runs,
        results=results,
        options=tuple(common),
    )
    if plot is not None:
        picture.check_matplotlib()
    plan = _plan(target, wish, scenes)
    for number, job in enumerate(plan, start=1):
        _run(job, f"{number}/{len(plan)}", dry_run=dry_run)
    summaries = accuracy_table.summarise(accuracy_table.read(results))
    found = reproduced.energies(wish, threads=threads) if target in reproduced.MEASURED else []
    click.echo(reproduced.text(target, wish, summaries, found))
    if plot is not None:
        _draw(reproduced.pictures(target, wish, summaries, found, plot), runs)


def _plan(target: str, wish: Wish, named: tuple[str, ...]) -> list[Job]:
    """Commands of the scenes at hand; a line for each that is not, an error for one that was ``named``."""
    from pimsim.report import accuracy_table, reproduced, reproduction
    from pimsim.report.network_energies import identity, shipped_snns
    from pimsim.report.published import scene_title

    _check_settings(wish, reproduction.jobs(target, replace(wish, seeds=wish.seeds[:1]), ()))
    rows = accuracy_table.read(wish.results)
    shipped = {identity(name) for name in shipped_snns()} if target in reproduced.MEASURED else set()
    have = [(network, scene) for scene in wish.scenes for network, title in shipped if title == scene_title(scene)]

    def lacking(*scenes: str) -> list[Job]:
        return reproduction.jobs(target, replace(wish, scenes=scenes), rows, have=have)

    return lacking(*(scene for scene in wish.scenes if lacking(scene) and _at_hand(scene, named)))


def _check_settings(wish: Wish, trainings: list[Job]) -> None:
    """Refuse what a recipe refuses, and what no training takes, before the first one runs."""
    from pimsim.hardware import parse_override
    from pimsim.training.recipe import load_recipe

    given = dict.fromkeys(wish.settings, False)
    for job in trainings:
        if job.arguments[0] == "train":
            settings = [value for key, value in pairwise(job.arguments) if key == "--set"]
            load_recipe(job.arguments[1], dict(parse_override(setting) for setting in settings))
            given |= dict.fromkeys(given.keys() & settings, True)
    for setting, taken in given.items():
        if trainings and not taken:
            raise TrainingError(f"--set {setting}: no training here has {setting.split('=')[0]}")


def _at_hand(scene: str, named: tuple[str, ...]) -> bool:
    """Whether a scene can be loaded; raises PimsimError where not, and it was asked for by name."""
    from pimsim.scenes import load_scene
    from pimsim.scenes.catalogue import published
    from pimsim.scenes.load import FOLDER_VARIABLE

    try:
        load_scene(scene)
    except PimsimError as error:
        if scene in named:
            raise
        known = published(scene)
        short = isinstance(error, MissingFileError) and known is not None
        where = f"{known.file} and {known.label_file} in this folder or ${FOLDER_VARIABLE}" if known else ""
        click.echo(f"left out: {known.title} needs {where}" if short and known else f"left out: {error}", err=True)
        return False
    return True


def _run(job: Job, which: str, *, dry_run: bool) -> None:
    command = shlex.join(["pimsim", *job.arguments])
    click.echo(command if dry_run else f"{which}  {command}")
    if dry_run:
        return
    code = subprocess.run([sys.executable, "-m", "pimsim", *job.arguments], check=False).returncode
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise TrainingError(f"exit code {code} of: {command}")


def _draw(pictures: dict[str, bytes], folder: Path) -> None:
    from pimsim.report.files import write_together

    for path in write_together(folder, pictures) if pictures else ():
        click.echo(f"drawn: {path}")

"""``pimsim split``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.cli import options


@click.command()
@click.argument("scene")
@click.option("--labels", type=click.Path(path_type=Path), metavar="FILE", help="Labels, if not beside the scene.")
@click.option(
    "--kind",
    type=click.Choice(["random", "blocks", "file"]),
    default="blocks",
    show_default=True,
    help="Pixels at random, disjoint blocks, or published maps.",
)
@click.option("--patch", type=click.IntRange(1, 63), default=5, show_default=True, help="Side of a patch in pixels.")
@click.option("--train-fraction", type=float, default=0.4, show_default=True, help="Share of each class to train.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draw.")
@click.option("--block", type=click.IntRange(1, 10_000), help="Side of a block in pixels. [default: 24]")
@click.option(
    "--guard",
    type=click.IntRange(min=0),
    help="Rows and columns between the sides. [default: blocks: as many as keep patches apart; file: 0]",
)
@click.option("--train", metavar="FILE", help="Map of the training pixels (--kind file).")
@click.option("--test", metavar="FILE", help="Map of the test pixels (--kind file). [default: all other labelled ones]")
@options.out("Folder for the maps of both sides and split.json. [default: nothing is written]")
@click.option("--plot", is_flag=True, help="Draw the split too, split.png in --out (needs matplotlib).")
def split(
    scene: str,
    labels: Path | None,
    kind: str,
    patch: int,
    train_fraction: float,
    seed: int,
    block: int | None,
    guard: int | None,
    train: str | None,
    test: str | None,
    out: Path | None,
    plot: bool,
) -> None:
    """How SCENE would be parted into training and test, class by class, and what their patches share.

    A recipe takes the same settings under `split` (docs/scenes.md).
    """
    from pimsim.report import split_text, write_split
    from pimsim.scenes import chosen_split, divide, load_scene

    if plot and out is None:
        raise click.UsageError("--plot draws into the folder of --out, which is not given")
    settings = chosen_split(
        kind, train_fraction=train_fraction, seed=seed, block=block, guard=guard, train=train, test=test
    )
    division = divide(load_scene(scene, labels=labels), settings, patch)
    if out is not None:
        write_split(division, out, picture=plot)
    click.echo(split_text(division))
    if out is not None:
        click.echo(f"written to {out}")

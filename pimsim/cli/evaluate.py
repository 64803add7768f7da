"""``pimsim evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.cli import options


@click.command()
@options.MODEL
@click.option(
    "--scene",
    "--input",
    "source",
    metavar="FILE",
    help="Scene with labels (indian_pines, .mat, .npy), images (cifar10, folder, .tar.gz), or a trace. [default: what "
    "MODEL was trained on]",
)
@click.option("--labels", type=click.Path(path_type=Path), metavar="FILE", help="Labels, if not beside the scene.")
@click.option(
    "--pixels",
    type=click.Choice(["test", "train", "labelled"]),
    help="Which pixels. [default: MODEL's own test pixels; all labelled ones on another scene]",
)
@options.SAMPLES
@click.option(
    "--membrane-bits",
    type=int,
    multiple=True,
    metavar="N",
    help="Also with membranes of N bits, 4 to 32; may be repeated.",
)
@click.option("--map", "whole_scene", is_flag=True, help="Classify every pixel of the scene too (needs matplotlib).")
@click.option("--plot", type=click.Choice(["svg", "png"]), help="Draw confusion and spikes too (needs matplotlib).")
@options.out("Folder for the files. [default: runs/MODEL-evaluate]")
@click.option(
    "--results",
    type=options.FILE,
    metavar="CSV",
    help="Add the accuracies to a table of results.",
)
@options.THREADS
def evaluate(
    model: str,
    source: str | None,
    labels: Path | None,
    pixels: str | None,
    samples: int | None,
    membrane_bits: tuple[int, ...],
    whole_scene: bool,
    plot: str | None,
    out: Path | None,
    results: Path | None,
    threads: int | None,
) -> None:
    """How right a network is on its test pixels, class by class, run in integers; and how much it spikes."""
    from pimsim import report
    from pimsim.cli.progress import executing

    folder = out or Path("runs") / f"{Path(model).stem}-evaluate"
    with executing() as progress:
        found = report.evaluate(
            model,
            source,
            labels=labels,
            pixels=pixels,
            samples=samples,
            membrane_bits=membrane_bits,
            whole_scene=whole_scene,
            plot=plot,
            out=folder,
            results=results,
            threads=threads,
            progress=progress,
        )
    click.echo(report.evaluation_text(found))
    click.echo(f"written to {folder}")
    if results is not None:
        click.echo(f"added to {results}")

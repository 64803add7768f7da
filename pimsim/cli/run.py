"""``pimsim run``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.cli import options


@click.command()
@options.MODEL
@click.option("--hw", required=True, metavar="FILE", help="Hardware file (.yaml), by path or shipped name.")
@options.INPUT
@options.SAMPLES
@options.settings("the hardware file", "engines.event.lanes=84")
@click.option("--chips", type=click.IntRange(min=1), metavar="N", help="Accuracy of N chips that differ at random.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of what is drawn at random. [default: the file's]")
@options.out("Folder for CSV and JSON files. [default: runs/MODEL-HW]")
@options.CNN
@options.THREADS
def run(
    model: str,
    hw: str,
    source: str | None,
    samples: int | None,
    overrides: dict[str, object],
    chips: int | None,
    seed: int | None,
    out: Path | None,
    cnn: str | None,
    threads: int | None,
) -> None:
    """Cost of a network on a machine, layer by layer: a table, and CSV files to keep."""
    from pimsim import report
    from pimsim.cli.progress import executing

    folder = out or Path("runs") / f"{Path(model).stem}-{Path(hw).stem}"
    with executing() as progress:
        result = report.run(
            model,
            hw,
            input=source,
            samples=samples,
            overrides=overrides,
            cnn=cnn,
            out=folder,
            threads=threads,
            chips=chips,
            seed=seed,
            progress=progress,
        )
    click.echo(report.text(result))
    click.echo(f"written to {folder}")

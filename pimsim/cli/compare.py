"""``pimsim compare``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.cli import options


@click.command()
@options.MODEL
@click.option(
    "--hw",
    multiple=True,
    metavar="FILE",
    help="Hardware file (.yaml), by path or shipped name; may be repeated. "
    "[default: those of the papers' systems that take the model]",
)
@options.INPUT
@options.SAMPLES
@options.settings("every hardware file", "cost.device=lop")
@options.out("Folder for the files. [default: runs/MODEL-compare]")
@click.option("--plot", type=click.Choice(["svg", "png"]), help="Also draw a picture (needs matplotlib).")
@options.CNN
@options.THREADS
def compare(
    model: str,
    hw: tuple[str, ...],
    source: str | None,
    samples: int | None,
    overrides: dict[str, object],
    out: Path | None,
    plot: str | None,
    cnn: str | None,
    threads: int | None,
) -> None:
    """One network on several machines, side by side with the CNN and the papers' formulas."""
    from pimsim import report
    from pimsim.cli.progress import executing

    folder = out or Path("runs") / f"{Path(model).stem}-compare"
    with executing() as progress:
        result = report.comparison(
            model,
            hw or None,
            source,
            samples=samples,
            overrides=overrides,
            cnn=cnn,
            out=folder,
            plot=plot,
            threads=threads,
            progress=progress,
        )
    click.echo(report.compare_text(result))
    click.echo(f"written to {folder}")

"""``pimsim compare``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--model", required=True, metavar="FILE", help="Model (.npz), by path or shipped name.")
@click.option(
    "--hw",
    multiple=True,
    metavar="FILE",
    help="Hardware file (.yaml), by path or shipped name; may be repeated. [default: those of the papers' systems]",
)
@click.option(
    "--input",
    "source",
    metavar="FILE",
    help="Trace (.npz), or scene with labels (indian_pines, .mat, .npy). [default: the model's shipped trace]",
)
@click.option("--samples", type=click.IntRange(min=1), help="Take that many samples of the input. [default: all]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a value of every hardware file, e.g. cost.device=lop; may be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the files. [default: runs/MODEL-compare]")
@click.option("--plot", type=click.Choice(["svg", "png"]), help="Also draw a picture (needs matplotlib).")
@click.option(
    "--cnn",
    metavar="FILE",
    help="6-bit CNN (.npz) to hold it against, by path or shipped name. [default: a shipped one of the same layers]",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads to compute with. [default: all cores]")
def compare(
    model: str,
    hw: tuple[str, ...],
    source: str | None,
    samples: int | None,
    settings: tuple[str, ...],
    out: Path | None,
    plot: str | None,
    cnn: str | None,
    threads: int | None,
) -> None:
    """One network on several machines, side by side with the CNN and the papers' formulas."""
    from pimsim import report
    from pimsim.cli.progress import sample_bar
    from pimsim.hardware import parse_override
    from pimsim.simulation.compiling import on_compilation

    folder = out or Path("runs") / f"{Path(model).stem}-compare"
    overrides = dict(parse_override(text) for text in settings)
    with on_compilation(_say_first_run), sample_bar("executing") as progress:
        result = report.comparison(
            model,
            hw or report.SYSTEMS,
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


def _say_first_run() -> None:
    click.echo("compiling kernels, on the first run only ...", err=True)

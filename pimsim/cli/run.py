"""``pimsim run``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--model", required=True, metavar="FILE", help="Model (.npz), by path or shipped name.")
@click.option("--hw", required=True, metavar="FILE", help="Hardware file (.yaml), by path or shipped name.")
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
    help="Change a value of the hardware file, e.g. engines.event.lanes=84; may be repeated.",
)
@click.option("--chips", type=click.IntRange(min=1), metavar="N", help="Accuracy of N chips that differ at random.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of what is drawn at random. [default: the file's]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for CSV and JSON files. [default: runs/MODEL-HW]")
@click.option(
    "--cnn",
    metavar="FILE",
    help="6-bit CNN (.npz) to hold it against, by path or shipped name. [default: a shipped one of the same layers]",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads to compute with. [default: all cores]")
def run(
    model: str,
    hw: str,
    source: str | None,
    samples: int | None,
    settings: tuple[str, ...],
    chips: int | None,
    seed: int | None,
    out: Path | None,
    cnn: str | None,
    threads: int | None,
) -> None:
    """Cost of a network on a machine, layer by layer: a table, and CSV files to keep."""
    from pimsim import report
    from pimsim.cli.progress import sample_bar
    from pimsim.hardware import parse_override
    from pimsim.simulation.compiling import on_compilation

    folder = out or Path("runs") / f"{Path(model).stem}-{Path(hw).stem}"
    overrides = dict(parse_override(text) for text in settings)
    with on_compilation(_say_first_run), sample_bar("executing") as progress:
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


def _say_first_run() -> None:
    click.echo("compiling kernels, on the first run only ...", err=True)

"""``pimsim run``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from pimsim.cli import options

WINDOW = re.compile(r"([0-9]{1,15}):([0-9]{1,15})", re.ASCII)


def _window(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """``FROM:TO``, the cycles FROM … TO − 1."""
    if text is None:
        return None
    found = WINDOW.fullmatch(text)
    if found is None or int(found[1]) >= int(found[2]):
        raise click.BadParameter(f'"{text}" is not FROM:TO with FROM below TO, such as 1000:2000')
    return int(found[1]), int(found[2])


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
@click.option("--vcd", type=click.Path(path_type=Path), metavar="FILE", help="Waveform of one sample (pimsim[verify]).")
@click.option("--timeline", type=click.Path(path_type=Path), metavar="FILE", help="Units over cycles, for Perfetto.")
@click.option("--sample", type=click.IntRange(min=0), help="The sample that both show, from 0. [default: 0]")
@click.option("--cycles", metavar="FROM:TO", callback=_window, help="Cycles of the waveform. [default: all that fit]")
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
    vcd: Path | None,
    timeline: Path | None,
    sample: int | None,
    cycles: tuple[int, int] | None,
) -> None:
    """Cost of a network on a machine, layer by layer: a table, and CSV files to keep."""
    from pimsim import report
    from pimsim.cli.progress import executing

    if sample is not None and vcd is None and timeline is None:
        raise click.UsageError("--sample says what --vcd and --timeline show; neither is given")
    if cycles is not None and vcd is None:
        raise click.UsageError("--cycles says what --vcd shows, which is not given")
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
            vcd=vcd,
            timeline=timeline,
            sample=sample or 0,
            cycles=cycles,
            progress=progress,
        )
    click.echo(report.text(result))
    for line in result.views:
        click.echo(line)
    click.echo(f"written to {folder}")

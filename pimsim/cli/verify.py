"""``pimsim verify``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pimsim.cli import options
from pimsim.cli.extra import need_description

EXIT_DIFFERENT = 1
VERIFY_FILES = VERIFY_CSV, VERIFY_JSON = "verify.csv", "verify.json"


@click.command()
@options.MODEL
@click.option("--hw", required=True, metavar="FILE", help="Hardware file (.yaml), by path or shipped name.")
@options.INPUT
@click.option("--layer", "layers", multiple=True, metavar="NAME", help="A layer; may be repeated. [default: all]")
@click.option("--samples", type=click.IntRange(min=1), help="The first samples of the input. [default: 1]")
@options.STEPS
@options.CHANNELS
@options.REGION
@click.option("--machine", is_flag=True, help="Besides, all layers of a pipeline together; takes minutes.")
@click.option("--full", is_flag=True, help="Cut nothing but what options say: minutes per sample, or hours.")
@options.settings("the hardware file", "engines.event.fifo_depth=1")
@options.out("Folder for verify.csv and verify.json. [default: none is written]")
@options.THREADS
@click.pass_context
def verify(
    context: click.Context,
    model: str,
    hw: str,
    source: str | None,
    layers: tuple[str, ...],
    samples: int | None,
    steps: int | None,
    channels: int | None,
    region: tuple[int, int, int] | None,
    machine: bool,
    full: bool,
    overrides: dict[str, object],
    out: Path | None,
    threads: int | None,
) -> None:
    """The simulator beside the RTL description, on a model's layers and real spikes: equal, or the first difference.

    Layers are cut to a size that is simulated within seconds; what was cut is printed. Exits with 1 on a difference.
    """
    need_description()
    from pimsim.cli.progress import compilation_told, sample_bar
    from pimsim.report.files import check_writable, csv_text, json_text, write_together
    from pimsim.rtl.verify import text as verify_text
    from pimsim.rtl.verify.crop import Crop
    from pimsim.rtl.verify.layers import verify as verified

    if out is not None:
        check_writable(out, VERIFY_FILES)
    with compilation_told(), sample_bar("simulating layers") as progress:
        result = verified(
            model,
            hw,
            source,
            layers=layers,
            crop=Crop(samples=samples, steps=steps, channels=channels, region=region),
            machine=machine,
            full=full,
            overrides=overrides,
            threads=threads or os.cpu_count() or 1,
            progress=progress,
        )
    click.echo(verify_text.text(result))
    if out is not None:
        contents = {
            VERIFY_CSV: csv_text(verify_text.rows(result)),
            VERIFY_JSON: json_text(verify_text.document(result)),
        }
        write_together(out, {name: content.encode() for name, content in contents.items()}, ours=VERIFY_FILES)
        click.echo(f"written to {out}")
    if not result.equal:
        context.exit(EXIT_DIFFERENT)

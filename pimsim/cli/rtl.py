"""``pimsim rtl``."""

from __future__ import annotations

from pathlib import Path

import click

from pimsim.cli import options
from pimsim.cli.extra import need_description


@click.command()
@options.MODEL
@click.option("--hw", required=True, metavar="FILE", help="Hardware file (.yaml), by path or shipped name.")
@click.option("--layer", required=True, metavar="NAME", help="The layer.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for Verilog, memory files and bench."
)
@options.INPUT
@click.option("--samples", type=click.IntRange(min=1), help="The bench plays the first samples. [default: 1]")
@options.STEPS
@options.CHANNELS
@options.REGION
@click.option("--synth", is_flag=True, help="Synthesize, and count the cells of every unit.")
@options.settings("the hardware file", "engines.event.lanes=8")
@options.THREADS
def rtl(
    model: str,
    hw: str,
    layer: str,
    out: Path,
    source: str | None,
    samples: int | None,
    steps: int | None,
    channels: int | None,
    region: tuple[int, int, int] | None,
    synth: bool,
    overrides: dict[str, object],
    threads: int | None,
) -> None:
    """Synthesizable Verilog of a layer, with its weights and a test bench that plays real spikes and checks itself.

    The whole layer, unless --channels or --region cut it. What the bench expects comes from the simulator.
    """
    need_description()
    from pimsim.cli.progress import compilation_told
    from pimsim.rtl.verify.crop import Crop
    from pimsim.rtl.verilog.summary import text
    from pimsim.rtl.verilog.write import write_layer

    with compilation_told():
        emitted = write_layer(
            model,
            hw,
            layer,
            out,
            source,
            crop=Crop(samples=samples or 1, steps=steps, channels=channels, region=region),
            synthesis=synth,
            overrides=overrides,
            threads=threads,
        )
    click.echo(text(emitted))
    click.echo(f"written to {out}")

"""Options that several commands have, each stated once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
FILE = click.Path(path_type=Path, dir_okay=False)
"""A file to be written, or read where it is there."""

MODEL = click.option("--model", required=True, metavar="FILE", help="Model (.npz), by path or shipped name.")
INPUT = click.option(
    "--input",
    "source",
    metavar="FILE",
    help="Trace (.npz), scene with labels (indian_pines, .mat, .npy), or images (cifar10, folder, .tar.gz). [default: "
    "the model's shipped trace]",
)
SAMPLES = click.option(
    "--samples", type=click.IntRange(min=1), help="Take that many samples of the input. [default: all]"
)
CNN = click.option(
    "--cnn",
    metavar="FILE",
    help="6-bit CNN (.npz) to hold it against, by path or shipped name. [default: a shipped one of the same layers]",
)
THREADS = click.option("--threads", type=click.IntRange(min=1), help="Threads to compute with. [default: all cores]")
STEPS = click.option("--steps", type=click.IntRange(min=1), help="The first steps of each inference.")
CHANNELS = click.option("--channels", type=click.IntRange(min=1), help="The first output channels of each layer.")


REGION_TEXT = re.compile(r"([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})", re.ASCII)


def _region(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    found = REGION_TEXT.fullmatch(text)
    sizes = [int(size) for size in found.groups()] if found else []
    if not sizes or min(sizes) < 1:
        raise click.BadParameter(f"{text!r} is not three sizes above 0, D,H,W")
    d, h, w = sizes
    return d, h, w


REGION = click.option(
    "--region",
    metavar="D,H,W",
    callback=_region,
    help="The front corner of the map in front of each layer, that large.",
)


def settings(what: str, example: str) -> Decorator:
    """``--set PATH=VALUE``, as the parameter ``overrides``."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="PATH=VALUE",
        callback=_overrides,
        help=f"Change a value of {what}, e.g. {example}; may be repeated.",
    )


def out(what: str) -> Decorator:
    """``--out FOLDER``."""
    return click.option("--out", type=click.Path(path_type=Path), help=what)


def _overrides(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, object]:
    from pimsim.hardware import parse_override

    return dict(parse_override(text) for text in texts)

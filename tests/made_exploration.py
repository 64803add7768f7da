"""An exploration's rows without anything evaluated: the same cells for the same point, gaps and texts among them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from pimsim.explore.identity import Columns, Identity
from pimsim.explore.metrics import metric_columns
from pimsim.explore.point import Row

METRICS = tuple(metric_columns())
COLUMNS: Columns = (
    ("point", int),
    ("status", str),
    ("reason", str),
    ("model", str),
    ("hardware", str),
    ("input", str),
    ("engines.pim.rows", int),
    ("clock_mhz", float),
    ("engines.event.forwarding", bool),
    ("mixed", str),
    *((name, float) for name in METRICS),
    ("bottleneck", str),
    ("executed", bool),
)
IDENTITY = Identity(
    space={
        "name": "made",
        "axes": {"engines.pim.rows": [64, 128], "clock_mhz": [100.0, 100.5], "mixed": {"values": [1, "auto"]}},
        "constraints": ["area <= 3e6"],
    },
    method="random",
    seed=1,
    settings={"generation": 16},
    models={"cnn3d_6b": "m" * 32},
    inputs={"cnn3d_indian_pines": "i" * 32},
    hardware={"pim45nm": "h" * 32},
    tables={"45nm": "t" * 32},
    versions={"python": "3.11"},
)


def made_row(point: int) -> Row:
    """Numbers that are whole, long, tiny and huge; texts that CSV must quote; refused points without numbers."""
    rng = random.Random(point)
    refused = rng.random() < 0.2
    metrics = (rng.choice((rng.random(), float(rng.randrange(10**6)), 1e-300 * rng.random(), 1e17)) for _ in METRICS)
    return {
        "point": point,
        "status": "refused" if refused else "ok",
        "reason": 'engines.pim.rows=64: "too few", says\nit' if refused else "",
        "model": "cnn3d_6b",
        "hardware": "pim45nm",
        "input": "cnn3d_indian_pines",
        "engines.pim.rows": rng.choice((64, 128, None)),
        "clock_mhz": rng.choice((100.0, 100.5)),
        "engines.event.forwarding": rng.choice((True, False, None)),
        "mixed": rng.choice(("1", "auto", None)),
        **{name: None if refused else value for name, value in zip(METRICS, metrics, strict=True)},
        "bottleneck": "" if refused else "conv2: lanes",
        "executed": not refused and rng.random() < 0.5,
    }


def made_rows(start: int, stop: int) -> list[Row]:
    return [made_row(point) for point in range(start, stop)]


def contents(folder: Path) -> dict[str, bytes]:
    """Files of a folder by their names, those of folders in it too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def with_axes(**changes: object) -> Identity:
    """The identity with other axes, None: without that one."""
    axes = {**IDENTITY.space["axes"], **changes}
    return replace(
        IDENTITY, space={**IDENTITY.space, "axes": {key: axes[key] for key in axes if axes[key] is not None}}
    )

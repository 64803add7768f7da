"""Made results to ask for their front: rows as a Parquet file, with all columns that an exploration has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pimsim.explore.arrow import pa, parquet
from pimsim.explore.batches import schema_of
from pimsim.explore.identity import Columns
from pimsim.explore.metrics import metric_columns
from pimsim.explore.point import Cell, Row
from pimsim.explore.results import Results

COLUMNS: Columns = (
    ("point", int),
    ("status", str),
    ("reason", str),
    ("model", str),
    ("hardware", str),
    ("input", str),
    ("engines.pim.rows", int),
    ("clock_mhz", float),
    ("engines.pim.adc_bits", int),
    ("cost.device", str),
    *((name, float) for name in metric_columns()),
    ("bottleneck", str),
    ("executed", bool),
)
ENERGY, DELAY, AREA, ACCURACY = "full_energy_pj", "delay_ns", "area_um2", "overall_accuracy"
LOW, HIGH = "full_energy_low_pj", "full_energy_high_pj"


def row(point: int, **cells: Any) -> Row:
    """An evaluated point with these cells; those with dots in their names come from a mapping."""
    made: Row = {
        "point": point,
        "status": "ok",
        "reason": "",
        "model": "cnn3d_6b",
        "hardware": "pim45nm",
        "input": "cnn3d_indian_pines",
        "engines.pim.rows": 64,
        "clock_mhz": 100.0,
        "engines.pim.adc_bits": None,
        "cost.device": "hp",
        **dict.fromkeys(metric_columns(), 1.0),
        "bottleneck": "conv2: lanes",
        "executed": False,
    }
    assert cells.keys() <= made.keys()
    return made | cells


def refused(point: int, reason: str) -> Row:
    return row(point, status="refused", reason=reason, bottleneck="", **dict.fromkeys(metric_columns()))


def trade(point: int, *figures: float | None, columns: Sequence[str] = (ENERGY, DELAY, ACCURACY)) -> Row:
    """An evaluated point with these figures."""
    return row(point, **dict(zip(columns, figures, strict=False)))


def results_of(folder: Path, rows: Sequence[Mapping[str, Cell]], *, group: int = 7) -> Results:
    """Opened from a file in which ``group`` rows stand together."""
    path = folder / "made.parquet"
    schema = schema_of(COLUMNS)
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, len(rows), group):
            writer.write_batch(pa.RecordBatch.from_pylist([dict(one) for one in rows[start : start + group]], schema))
    return Results.open(path)

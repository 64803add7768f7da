"""A CSV file as a table of results."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimsim.errors import ExplorationError
from pimsim.explore import identity
from pimsim.explore.arrow import compute, pa
from pimsim.explore.arrow import csv as arrow_csv
from pimsim.explore.batches import ARROW, POINT
from pimsim.explore.identity import Columns
from pimsim.explore.metrics import metric_columns
from pimsim.explore.result_table import EXECUTED, TEXTS, check_names, readable, schema_with

_BLOCK_BYTES = 4 << 20
"""Read at a time."""


@dataclass(frozen=True)
class CsvTable:
    """``results.csv``, or one made of it: rows in any order, types known from their names or from their cells."""

    path: Path
    meta: Mapping[str, Any]
    columns: Columns

    @staticmethod
    def open(path: Path, meta: Mapping[str, Any]) -> CsvTable:
        names = _header(path)
        check_names(path, names)
        known = dict(identity.columns_of(meta)) if meta else {}
        known = {
            POINT: int,
            EXECUTED: bool,
            **dict.fromkeys(TEXTS, str),
            **dict.fromkeys(metric_columns(), float),
            **known,
        }
        unknown = [name for name in names if name not in known]
        known |= _kinds(path, unknown) if unknown else {}
        return CsvTable(path, meta, tuple((name, known[name]) for name in names))

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        schema = schema_with(self.columns, names)
        for batch in _read_csv(self.path, dict(zip(names, schema.types, strict=True))):
            if POINT in names and batch.column(POINT).null_count:
                raise ExplorationError(f'"{self.path}" cannot be read: column "{POINT}" has an empty cell')
            yield pa.record_batch([_column(batch, field) for field in schema], schema=schema)

    def with_point(self, point: int) -> Iterator[pa.RecordBatch]:
        names = [name for name, _ in self.columns]
        for batch in self.batches(names):
            yield batch.filter(compute.equal(batch.column(POINT), point))


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    """Texts of axes that a point lacks are none."""
    values = batch.column(field.name)
    if field.type != pa.string() or field.name in TEXTS:
        return values
    return compute.if_else(compute.equal(values, ""), None, values)


def _header(path: Path) -> list[str]:
    with readable(path), open(path, encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream), [])


def _kinds(path: Path, names: Sequence[str]) -> dict[str, type]:
    """The first of int, float and bool that all cells of a column are; text where none is, or no cell has a value."""
    open_: dict[str, list[type]] = {name: [int, float, bool] for name in names}
    empty = set(names)
    for batch in _read_csv(path, dict.fromkeys(names, pa.string())):
        for name in names:
            texts = compute.unique(batch.column(name))
            texts = texts.filter(compute.not_equal(texts, ""))
            open_[name] = [kind for kind in open_[name] if _is(kind, texts)]
            empty -= {name} if len(texts) else set()
    return {name: open_[name][0] if open_[name] and name not in empty else str for name in names}


def _is(kind: type, texts: pa.Array) -> bool:
    try:
        texts.cast(ARROW[kind])
    except pa.ArrowInvalid:
        return False
    return True


def _read_csv(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    convert = arrow_csv.ConvertOptions(
        column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=False
    )
    read = arrow_csv.ReadOptions(block_size=_BLOCK_BYTES)
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    with readable(path), arrow_csv.open_csv(path, read, parse, convert) as reader:
        yield from reader

"""Tables of results in the forms that they have on disk: an exploration's folder, a Parquet file, a CSV file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pimsim.errors import ExplorationError
from pimsim.explore import identity, segments
from pimsim.explore.arrow import compute, pa, parquet
from pimsim.explore.arrow import csv as arrow_csv
from pimsim.explore.batches import ARROW, POINT, schema_of
from pimsim.explore.exploration_folder import PARQUET, SEGMENTS
from pimsim.explore.final_file import DOCUMENT
from pimsim.explore.identity import Columns
from pimsim.explore.metrics import metric_columns
from pimsim.explore.segments import Segment

TEXTS = ("status", "reason", "model", "hardware", "input", "bottleneck")
"""Columns in which an empty cell is an empty text."""
EXECUTED = "executed"
NEEDED = (POINT, "status")
"""Columns without which a table is none of results."""
_BLOCK_BYTES = 4 << 20


class Table(Protocol):
    """Rows on disk.

    meta     as in ``exploration.json``; empty where a file does not come from an exploration's folder
    columns  with their types
    """

    @property
    def meta(self) -> Mapping[str, Any]: ...

    @property
    def columns(self) -> Columns: ...

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Rows in the table's order, with the columns ``names``."""

    def with_point(self, point: int) -> Iterator[pa.RecordBatch]:
        """Rows among which those of a point are."""


@dataclass(frozen=True)
class FolderTable:
    """An exploration's folder, also while it runs: rows sorted by point, as far as they are there."""

    folder: Path
    meta: Mapping[str, Any]

    @property
    def columns(self) -> Columns:
        return identity.columns_of(self.meta)

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for batch in self._from(0, [POINT, *(name for name in names if name != POINT)]):
            yield batch.select(names)

    def with_point(self, point: int) -> Iterator[pa.RecordBatch]:
        for batch in self._from(point, [name for name, _ in self.columns]):
            yield batch.slice(0, 1)
            return

    def _from(self, start: int, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Segments that a running exploration has put together meanwhile are looked for again."""
        schema = schema_of(self.columns, {segments.DIGEST.decode(): self.meta["digest"]})
        while True:
            try:
                for batch in segments.ordered(self._parts(), schema, start, names):
                    yield batch
                    start = batch.column(POINT)[-1].as_py() + 1
                return
            except FileNotFoundError:
                continue

    def _parts(self) -> list[Segment]:
        """What is removed while a folder is listed may hide what takes its place; not from two listings that agree.

        Segments first: the file that holds all their rows is there before they go.
        """
        found, before = segments.listed(self.folder / SEGMENTS), None
        while found != before:
            found, before = segments.listed(self.folder / SEGMENTS), found
        final = self.folder / PARQUET
        if final.exists():
            with readable(final):
                return [Segment(0, parquet.read_metadata(final).num_rows - 1, final), *found]
        return found


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file of results, whatever its order and whichever columns were kept beside ``point``."""

    path: Path
    meta: Mapping[str, Any]
    columns: Columns

    @staticmethod
    def open(path: Path) -> ParquetTable:
        with readable(path):
            schema = parquet.read_schema(path)
            kept = (schema.metadata or {}).get(DOCUMENT.encode())
            meta = identity.checked(json.loads(kept), str(path)) if kept else {}
        _check_names(path, schema.names)
        return ParquetTable(path, meta, tuple((field.name, _kind(field, path)) for field in schema))

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        schema = schema_of(tuple(item for name in names for item in self.columns if item[0] == name))
        with (
            readable(self.path),
            parquet.ParquetFile(self.path, page_checksum_verification=True, pre_buffer=False) as file,
        ):
            for batch in file.iter_batches(segments.LARGE_ROWS, columns=list(names)):
                yield batch.select(names).cast(schema)

    def with_point(self, point: int) -> Iterator[pa.RecordBatch]:
        with readable(self.path):
            found = parquet.read_table(self.path, filters=[(POINT, "==", point)], partitioning=None)
            yield from found.cast(schema_of(self.columns)).to_batches()


@dataclass(frozen=True)
class CsvTable:
    """``results.csv``, or one made of it: rows in any order, types known from their names or from their cells."""

    path: Path
    meta: Mapping[str, Any]
    columns: Columns

    @staticmethod
    def open(path: Path, meta: Mapping[str, Any]) -> CsvTable:
        names = _header(path)
        _check_names(path, names)
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
        schema = schema_of(tuple(item for name in names for item in self.columns if item[0] == name))
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


def _check_names(path: Path, names: Sequence[str]) -> None:
    for name in NEEDED:
        if name not in names:
            raise ExplorationError(f'"{path}" holds no results of pimsim explore: it has no column "{name}"')
    for name in names:
        if names.count(name) > 1:
            raise ExplorationError(f'"{path}": column "{name}" is there twice')


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


def _kind(field: pa.Field, path: Path) -> type:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    for is_kind, found in (
        (pa.types.is_boolean, bool),
        (pa.types.is_integer, int),
        (pa.types.is_floating, float),
        (pa.types.is_string, str),
        (pa.types.is_large_string, str),
        (pa.types.is_string_view, str),
        (pa.types.is_null, str),
    ):
        if is_kind(kind):
            return found
    raise ExplorationError(f'"{path}": column "{field.name}" holds {kind}, neither numbers nor texts')


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Errors of reading in one line with the file's name."""
    try:
        yield
    except ExplorationError:
        raise
    except (pa.ArrowException, ValueError, OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else segments.first_line(error)
        raise ExplorationError(f'"{path}" cannot be read: {reason}') from None

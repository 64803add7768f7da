"""Tables of results in the forms that they have on disk: an exploration's folder, a Parquet file, a CSV file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pimsim.errors import ExplorationError
from pimsim.explore import identity, segments
from pimsim.explore.arrow import compute, pa, parquet
from pimsim.explore.arrow import csv as arrow_csv
from pimsim.explore.batches import POINT, schema_of
from pimsim.explore.files import DOCUMENT, PARQUET
from pimsim.explore.identity import Columns
from pimsim.explore.metrics import metric_columns
from pimsim.explore.segments import Segment

TEXTS = ("status", "reason", "model", "hardware", "input", "bottleneck")
"""Columns in which an empty cell is an empty text."""
EXECUTED = "executed"
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
        for batch in self._from(0):
            yield batch.select(names)

    def with_point(self, point: int) -> Iterator[pa.RecordBatch]:
        return (batch.slice(0, 1) for batch in [next(self._from(point), None)] if batch is not None)

    def _from(self, start: int) -> Iterator[pa.RecordBatch]:
        """Segments that a running exploration has put together meanwhile are looked for again."""
        schema = schema_of(self.columns, {segments.DIGEST.decode(): self.meta["digest"]})
        while True:
            try:
                for batch in segments.ordered(self._parts(), schema, start):
                    yield batch
                    start = batch.column(POINT)[-1].as_py() + 1
                return
            except FileNotFoundError:
                continue

    def _parts(self) -> list[Segment]:
        """What is removed while a folder is listed may hide what takes its place; not from two listings that agree.

        Segments first: the file that holds all their rows is there before they go.
        """
        found, before = segments.listed(self.folder / segments.FOLDER), None
        while found != before:
            found, before = segments.listed(self.folder / segments.FOLDER), found
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
        return ParquetTable(path, meta, tuple((field.name, _kind(field, path)) for field in schema))

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        schema = schema_of(tuple(item for name in names for item in self.columns if item[0] == name))
        with readable(self.path), parquet.ParquetFile(self.path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(segments.LARGE_ROWS, columns=list(names)):
                yield batch.select(names).cast(schema)

    def with_point(self, point: int) -> Iterator[pa.RecordBatch]:
        with readable(self.path):
            found = parquet.read_table(self.path, filters=[(POINT, "==", point)])
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
    """The narrowest type that all cells of a column have; text where no cell has a value."""
    texts: dict[str, set[str]] = {name: set() for name in names}
    open_: dict[str, list[type]] = {name: [bool, int, float] for name in names}
    for batch in _read_csv(path, dict.fromkeys(names, pa.string())):
        for name in names:
            new = set(compute.unique(batch.column(name)).to_pylist()) - {""} - texts[name]
            open_[name] = [kind for kind in open_[name] if all(_READS[kind](text) for text in new)]
            texts[name] |= new if open_[name] else set()
    return {name: open_[name][0] if texts[name] and open_[name] else str for name in names}


def _reads(convert: Callable[[str], object]) -> Callable[[str], bool]:
    def reads(text: str) -> bool:
        try:
            return str(convert(text)) == text if convert is int else convert(text) is not None
        except ValueError:
            return False

    return reads


_READS: Mapping[type, Callable[[str], bool]] = {
    bool: lambda text: text in ("True", "False"),
    int: _reads(int),
    float: _reads(float),
}


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
    except (pa.ArrowException, OSError, csv.Error, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
        raise ExplorationError(f'"{path}" cannot be read: {reason}') from None

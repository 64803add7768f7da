"""Parts of results on disk: a Parquet file per run of points, whole or not there, read in the points' order."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pimsim.archive.writer import write_bytes
from pimsim.errors import ExplorationError
from pimsim.explore.arrow import pa, parquet
from pimsim.explore.batches import POINT

DIGEST = b"pimsim.digest"
"""Key of a file's metadata: what exploration its rows are of."""
SMALL_ROWS = 4096
"""Segments below it are put together …"""
LARGE_ROWS = 16384
"""… up to this many rows in one."""
_NAME = re.compile(r"(\d{10,})-(\d{10,})\.[0-9a-f]{8}\.parquet")
_UNREADABLE = (pa.ArrowException, OSError, ValueError)
"""pyarrow raises all of these for damaged files."""


class DamagedError(Exception):
    """A segment that cannot be read, or does not hold the rows that its name says."""


@dataclass(frozen=True, order=True)
class Segment:
    """Rows of the points ``first`` … ``last``, all of them, in order."""

    first: int
    last: int
    path: Path

    @property
    def rows(self) -> int:
        return self.last - self.first + 1


def listed(folder: Path) -> list[Segment]:
    """Segments by their names: first those with low points, of these first the longest."""
    names = [(match, path) for path in _files(folder) if (match := _NAME.fullmatch(path.name))]
    found = [Segment(int(match[1]), int(match[2]), path) for match, path in names]
    return sorted(found, key=lambda segment: (segment.first, -segment.last, segment.path))


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def write_segment(folder: Path, first: int, table: pa.Table) -> Segment:
    """Write rows under a name that sorts by them and ends in a checksum.

    Raises OutputError, and then leaves nothing behind.
    """
    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer, use_dictionary=False, write_statistics=False, write_page_checksum=True)
    last = first + table.num_rows - 1
    data = buffer.getvalue()
    path = folder / f"{first:010d}-{last:010d}.{zlib.crc32(data):08x}.parquet"
    write_bytes(path, data)
    return Segment(first, last, path)


def check_segment(segment: Segment, schema: pa.Schema) -> None:
    """Read a segment through.

    Raises DamagedError, ExplorationError for one of another exploration, OSError for one that the system does not give.
    """
    if f".{zlib.crc32(segment.path.read_bytes()):08x}." not in segment.path.name:
        raise DamagedError("its checksum is another")
    check_rows(segment, schema)


def check_rows(segment: Segment, schema: pa.Schema) -> None:
    """Read a Parquet file through, which must hold just these points in order.  Raises as `check_segment`."""
    try:
        with parquet.ParquetFile(segment.path, page_checksum_verification=True, pre_buffer=False) as file:
            _check_origin(file.schema_arrow, schema, segment.path)
            expected = segment.first
            for batch in file.iter_batches(LARGE_ROWS):
                expected = _check_points(batch, expected)
    except ExplorationError:
        raise
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedError(first_line(error)) from None
    if expected != segment.last + 1:
        raise DamagedError(f"its last point is {expected - 1}")


def _check_origin(found: pa.Schema, schema: pa.Schema, path: Path) -> None:
    if (found.metadata or {}).get(DIGEST) != schema.metadata[DIGEST] or not found.equals(schema):
        raise ExplorationError(f'"{path}" belongs to another exploration; move it elsewhere')


def _check_points(batch: pa.RecordBatch, expected: int) -> int:
    """The number behind the batch's last."""
    behind: int = expected + batch.num_rows
    if not batch.column(POINT).equals(pa.array(np.arange(expected, behind))):
        raise DamagedError(f"it does not hold the points {expected} to {behind - 1}")
    return behind


def ordered(
    segments: Iterable[Segment], schema: pa.Schema, start: int = 0, names: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of the points from ``start`` on in order, each once, of one segment at a time; of the columns ``names``.

    Raises ExplorationError for a damaged segment, FileNotFoundError for one that is gone.
    """
    for segment in segments:
        if segment.last >= start:
            try:
                yield from _rows(segment, schema, start, list(schema.names if names is None else names))
            except (FileNotFoundError, ExplorationError):
                raise
            except _UNREADABLE as error:
                raise ExplorationError(
                    f'"{segment.path}" cannot be read ({first_line(error)}); if damaged, --resume computes it again'
                ) from None
            start = segment.last + 1


def _rows(segment: Segment, schema: pa.Schema, start: int, names: list[str]) -> Iterator[pa.RecordBatch]:
    with parquet.ParquetFile(segment.path, page_checksum_verification=True, pre_buffer=False) as file:
        _check_origin(file.schema_arrow, schema, segment.path)
        number = segment.first
        for group in range(file.num_row_groups):
            behind = number + file.metadata.row_group(group).num_rows
            if behind > start:
                found = file.read_row_group(group, columns=names).select(names)
                yield from found.slice(max(start - number, 0)).replace_schema_metadata(schema.metadata).to_batches()
            number = behind


def first_line(error: BaseException) -> str:
    """What a library says of an error, without what it says to its developers."""
    return str(error).partition("\n")[0]


def compact(segments: Sequence[Segment], schema: pa.Schema) -> list[Segment]:
    """Small segments that follow each other put together, the rest as they were.  Removes none."""
    return [_merged(run, schema) if len(run) > 1 else run[0] for run in _runs(segments)]


def small(segments: Sequence[Segment]) -> int:
    """How many segments are worth putting together with others."""
    return sum(segment.rows < SMALL_ROWS for segment in segments)


def _runs(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    run: list[Segment] = []
    for segment in segments:
        joins = run and segment.first == run[-1].last + 1 and max(segment.rows, run[-1].rows) < SMALL_ROWS
        if not joins or segment.last - run[0].first >= LARGE_ROWS:
            if run:
                yield run
            run = []
        run.append(segment)
    if run:
        yield run


def _merged(run: Sequence[Segment], schema: pa.Schema) -> Segment:
    return write_segment(run[0].path.parent, run[0].first, pa.Table.from_batches(list(ordered(run, schema))))


def remove(segments: Iterable[Segment]) -> None:
    for segment in segments:
        with suppress(FileNotFoundError):
            os.unlink(segment.path)

"""Parts of results on disk: a Parquet file per run of points, whole or not there, read in the points' order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pimsim.archive.writer import write_bytes
from pimsim.errors import ExplorationError
from pimsim.explore.arrow import pa, parquet
from pimsim.explore.batches import POINT

FOLDER = "segments"
DIGEST = b"pimsim.digest"
"""Key of a file's metadata: what exploration its rows are of."""
SMALL_ROWS = 4096
"""Segments below it are put together …"""
LARGE_ROWS = 16384
"""… up to this many rows in one."""
_NAME = re.compile(r"(\d{10,})-(\d{10,})\.parquet")
_UNREADABLE = (pa.ArrowException, OSError)


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


def segment_file(folder: Path, first: int, last: int) -> Path:
    """Names sort like numbers."""
    return folder / f"{first:010d}-{last:010d}.parquet"


def listed(folder: Path) -> list[Segment]:
    """Segments by their names: first those with low points, of these first the longest."""
    names = [(match, path) for path in _files(folder) if (match := _NAME.fullmatch(path.name))]
    found = [Segment(int(match[1]), int(match[2]), path) for match, path in names]
    return sorted(found, key=lambda segment: (segment.first, -segment.last))


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def write_segment(folder: Path, first: int, table: pa.Table) -> Segment:
    """Write rows with a checksum on every page.  Raises OutputError, and then leaves nothing behind."""
    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer, use_dictionary=False, write_statistics=False, write_page_checksum=True)
    last = first + table.num_rows - 1
    path = segment_file(folder, first, last)
    write_bytes(path, buffer.getvalue())
    return Segment(first, last, path)


def check(segment: Segment, schema: pa.Schema) -> None:
    """Read a segment through.

    Raises DamagedError, and ExplorationError for one of another exploration.
    """
    try:
        with parquet.ParquetFile(segment.path, page_checksum_verification=True) as file:
            _check_origin(file.schema_arrow, schema, segment.path)
            expected = segment.first
            for batch in file.iter_batches(LARGE_ROWS):
                expected = _check_points(batch, expected)
    except _UNREADABLE as error:
        raise DamagedError(_first_line(error)) from None
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


def ordered(segments: Iterable[Segment], schema: pa.Schema, start: int = 0) -> Iterator[pa.RecordBatch]:
    """Rows of the points from ``start`` on in order, each once, of one segment at a time.

    Raises ExplorationError for a damaged segment, FileNotFoundError for one that is gone.
    """
    for segment in segments:
        if segment.last >= start:
            try:
                yield from _rows(segment, schema, start)
            except FileNotFoundError:
                raise
            except _UNREADABLE as error:
                raise ExplorationError(
                    f'"{segment.path}" is damaged ({_first_line(error)}); --resume computes its points again'
                ) from None
            start = segment.last + 1


def _rows(segment: Segment, schema: pa.Schema, start: int) -> Iterator[pa.RecordBatch]:
    with parquet.ParquetFile(segment.path, page_checksum_verification=True) as file:
        _check_origin(file.schema_arrow, schema, segment.path)
        number = segment.first
        for group in range(file.num_row_groups):
            behind = number + file.metadata.row_group(group).num_rows
            if behind > start:
                for batch in file.read_row_group(group).slice(max(start - number, 0)).to_batches():
                    yield pa.record_batch(batch.columns, schema=schema)
            number = behind


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def compact(segments: Sequence[Segment], schema: pa.Schema) -> list[Segment]:
    """Small segments that follow each other put together; the rest as they were."""
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
    """One segment of all, which is there before they are removed."""
    made = write_segment(run[0].path.parent, run[0].first, pa.Table.from_batches(list(ordered(run, schema))))
    for segment in run:
        remove(segment)
    return made


def remove(segment: Segment) -> None:
    with suppress(FileNotFoundError):
        os.unlink(segment.path)

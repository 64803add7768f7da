"""Results of an exploration as they come: nothing half-written, nothing lost, nothing doubled.  docs/exploration.md.

Every chunk becomes a segment, a file of its own that is whole or not there.  Segments are what counts; ``results.csv``
and ``results.parquet`` are made of them.  Killed at any moment and continued, an exploration ends in the same bytes.
"""

from __future__ import annotations

import json
import os
import time
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from pimsim.archive.writer import replacing
from pimsim.errors import ExplorationError, OutputError
from pimsim.explore import folder_lock, identity, segments
from pimsim.explore.arrow import pa, parquet
from pimsim.explore.batches import batch_of, schema_of
from pimsim.explore.csv_file import GrowingCsv
from pimsim.explore.files import CSV, DOCUMENT, PARQUET
from pimsim.explore.identity import Columns, Identity
from pimsim.explore.intervals import Intervals
from pimsim.explore.point import Row
from pimsim.explore.segments import DamagedError, Segment

GROUP_ROWS = 8192
"""Rows of ``results.parquet`` that are found and read together."""
SMALL_SEGMENTS = 128
"""So many new ones are put together."""
REST = 20.0
"""A snapshot is not made again before so many times as long as the last one took."""
SOONEST_S = 2.0
Path_ = str | os.PathLike[str]


class Store:
    """The folder of one exploration, locked against other processes until it is closed; use it in a ``with``.

    done     numbers of the points whose rows are on disk
    dropped  sentences on segments that were damaged; their points are computed again
    """

    def __init__(self, folder: Path, held: BinaryIO, document: dict[str, Any], clock: Callable[[], float]) -> None:
        self.folder = folder
        self.document = document
        self.done = Intervals()
        self.dropped: list[str] = []
        self._held = held
        self._clock = clock
        stamp = {segments.DIGEST.decode(): document["digest"]}
        self._schema = schema_of(identity.columns_of(document), stamp)
        self._csv = GrowingCsv(folder / CSV, self._schema)
        self._segments: list[Segment] = []
        self._finished: Segment | None = None
        self._most_small = SMALL_SEGMENTS
        self._next_snapshot = clock() + SOONEST_S

    @classmethod
    def create(
        cls, folder: Path_, of: Identity, columns: Columns, *, clock: Callable[[], float] = time.monotonic
    ) -> Store:
        """A new exploration in a folder, which is made where it is missing.

        Raises ExplorationError where there is one already, or anything else; OutputError.
        """
        path = Path(folder)
        document = of.document(columns)
        held = _entered(path)
        try:
            if (path / identity.FILE).exists():
                raise ExplorationError(
                    f'"{path}" holds an exploration already: continue it with --resume, or give another folder'
                )
            _begin(path, document)
        except BaseException:
            held.close()
            raise
        return cls(path, held, document, clock)

    @classmethod
    def resume(
        cls, folder: Path_, of: Identity, columns: Columns, *, clock: Callable[[], float] = time.monotonic
    ) -> Store:
        """The exploration in a folder, running, killed or finished; begun where it was killed before anything was.

        Raises ExplorationError where there is none, or another one: its message says what differs; OutputError.
        """
        path = Path(folder)
        if not path.is_dir():
            raise ExplorationError(f'"{path}": nothing to resume, there is no such folder')
        held = _entered(path)
        try:
            document = _continued(path, of.document(columns))
            store = cls(path, held, document, clock)
            store._take_in()
        except BaseException:
            held.close()
            raise
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder free; what was added is there."""
        self._held.close()

    def add(self, start: int, rows: Sequence[Row]) -> None:
        """Rows of the points ``start`` … , to disk at once; those that are there already are left as they are.

        Raises OutputError, and ValueError for rows that do not belong here.
        """
        batch = batch_of(start, rows, self._schema)
        with _told(self.folder):
            for first, stop in list(self.done.gaps(start, start + len(rows))):
                part = pa.Table.from_batches([batch.slice(first - start, stop - first)])
                insort(self._segments, segments.write_segment(self._parts, first, part))
                self.done.add(first, stop)
            self._tidy()
        if self._clock() >= self._next_snapshot:
            self.snapshot()

    def snapshot(self) -> None:
        """Write ``results.csv`` of all that is done, sorted by point.  Raises OutputError."""
        began = self._clock()
        with _told(self.folder):
            stop = self._whole
            sources = self._sources()
            settling = segments.ordered([part for part in sources if part.last < stop], self._schema, self._csv.settled)
            others = segments.ordered([part for part in sources if part.first >= stop], self._schema)
            self._csv.write(settling, stop, others)
        ended = self._clock()
        self._next_snapshot = ended + max(SOONEST_S, REST * (ended - began))

    def finish(self) -> None:
        """Write ``results.csv`` and ``results.parquet``, and remove the segments once both are there.

        For an exploration whose points 0 … are all there: ValueError where one is missing.  Raises OutputError.
        """
        if self._whole != len(self.done):
            raise ValueError(f"point {self._whole} is missing")
        self.snapshot()
        with _told(self.folder):
            if self._segments or self._finished is None:
                self._finished = _write_parquet(self.folder / PARQUET, self.document, self._schema, self._sources())
            for segment in self._segments:
                segments.remove(segment)
            self._segments = []
            with suppress(OSError):  # someone keeps other files there
                self._parts.rmdir()

    def _take_in(self) -> None:
        """Find what is done, and remove what a killed process left half-written or twice."""
        final = self.folder / PARQUET
        if final.exists():
            self._finished = _checked_parquet(final, self._schema)
            self.done.add(0, self._finished.last + 1)
        for segment in segments.listed(self.folder / segments.FOLDER):
            if not any(self.done.gaps(segment.first, segment.last + 1)):
                segments.remove(segment)
            elif self._sound(segment):
                self._segments.append(segment)
                self.done.add(segment.first, segment.last + 1)

    def _sound(self, segment: Segment) -> bool:
        """Whether a segment may be used; one that may not is removed."""
        try:
            segments.check(segment, self._schema)
        except DamagedError as error:
            self.dropped.append(
                f"points {segment.first} to {segment.last} are computed again: {segment.path.name} is damaged ({error})"
            )
            segments.remove(segment)
            return False
        return True

    def _tidy(self) -> None:
        """Put small segments together when there are many new ones; those with gaps between stay as they are."""
        if segments.small(self._segments) >= self._most_small:
            self._segments = segments.compact(self._segments, self._schema)
            self._most_small = segments.small(self._segments) + SMALL_SEGMENTS

    def _sources(self) -> list[Segment]:
        return [*([self._finished] if self._finished else []), *self._segments]

    @property
    def _parts(self) -> Path:
        parts = self.folder / segments.FOLDER
        parts.mkdir(exist_ok=True)
        return parts

    @property
    def _whole(self) -> int:
        """How many points from the first on are done without a gap."""
        start, stop = next(self.done.runs(), (0, 0))
        return stop if start == 0 else 0


def _entered(folder: Path) -> BinaryIO:
    """The lock of a folder, which is made where it is missing; half-written files of a killed process are removed."""
    _check_empty(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f'"{folder}" cannot be made: {error.strerror or error}') from None
    held = folder_lock.lock(folder)
    for part in (*folder.glob(".*.part"), *(folder / segments.FOLDER).glob(".*.part")):
        part.unlink(missing_ok=True)
    return held


def _begin(folder: Path, document: dict[str, Any]) -> None:
    with replacing(folder / identity.FILE) as stream:
        stream.write(json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
        _sync(stream)


def _continued(folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    """What the exploration in a folder began with, which is what it goes on with."""
    if not (folder / identity.FILE).exists():
        _begin(folder, document)
        return document
    then = identity.read(folder / identity.FILE)
    reason = identity.difference(document, then)
    if reason:
        raise ExplorationError(f'"{folder}" cannot be continued: {reason}')
    return then


def _check_empty(folder: Path) -> None:
    """Raise ExplorationError for a folder of other things: neither it nor they are touched."""
    if (folder / identity.FILE).exists() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name != folder_lock.FILE and not path.name.endswith(".part"):
            raise ExplorationError(f'"{folder}" holds other files ("{path.name}"); give an empty or a new folder')


def _checked_parquet(path: Path, schema: pa.Schema) -> Segment:
    """The rows of an earlier sitting that came to its end."""
    try:
        last = parquet.read_metadata(path).num_rows - 1
        found = Segment(0, last, path)
        segments.check(found, schema)
    except (DamagedError, pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise ExplorationError(
            f'"{path}" is damaged ({reason}); move it elsewhere to compute its points again'
        ) from None
    return found


def _write_parquet(path: Path, document: dict[str, Any], schema: pa.Schema, sources: Iterable[Segment]) -> Segment:
    """All rows in groups of `GROUP_ROWS`, whatever the segments that they come from, and the exploration's identity."""
    kept = json.dumps(document, ensure_ascii=False)
    described = schema.with_metadata({**schema.metadata, DOCUMENT: kept})
    last = -1
    with replacing(path) as stream:
        with parquet.ParquetWriter(stream, described, compression="zstd", write_page_checksum=True) as writer:
            for table in _groups(segments.ordered(sources, schema)):
                writer.write_table(table.replace_schema_metadata(described.metadata), row_group_size=GROUP_ROWS)
                last += table.num_rows
        _sync(stream)
    return Segment(0, last, path)


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows, `GROUP_ROWS` at a time, each column in one piece."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        while rows + batch.num_rows >= GROUP_ROWS:
            taken = GROUP_ROWS - rows
            yield pa.Table.from_batches([*waiting, batch.slice(0, taken)]).combine_chunks()
            batch, waiting, rows = batch.slice(taken), [], 0
        waiting.append(batch)
        rows += batch.num_rows
    if rows:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _sync(stream: BinaryIO) -> None:
    """Have what was written on the disk itself, before what it replaces is removed."""
    stream.flush()
    os.fsync(stream.fileno())


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Errors of writing, with what to do."""
    try:
        yield
    except OSError as error:
        reason = (
            str(error) if isinstance(error, OutputError) else f'"{folder}" cannot be written: {error.strerror or error}'
        )
        raise OutputError(f"{reason}; what is done is kept: make room for more and continue with --resume") from None

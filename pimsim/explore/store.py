"""Results of an exploration as they come: nothing half-written, nothing lost, nothing doubled.  docs/exploration.md.

Every chunk becomes a segment, a file of its own that is whole or not there.  Segments are what counts; ``results.csv``
and ``results.parquet`` are made of them.  Killed at any moment and continued, an exploration ends in the same bytes.
"""

from __future__ import annotations

import os
import time
from bisect import insort
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from pimsim.errors import ExplorationError
from pimsim.explore import identity, segments
from pimsim.explore.arrow import pa
from pimsim.explore.batches import batch_of, rows_of, schema_of
from pimsim.explore.csv_file import GrowingCsv
from pimsim.explore.exploration_folder import CSV, PARQUET, SEGMENTS, begun, continued, entered, resumable
from pimsim.explore.final_file import checked_final, write_final
from pimsim.explore.identity import Columns, Identity
from pimsim.explore.intervals import Intervals
from pimsim.explore.point import Row
from pimsim.explore.segments import DamagedError, Segment

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
        return cls(Path(folder), *entered(Path(folder), begun, of.document(columns)), clock)

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
        store = cls(path, *entered(path, continued, of.document(columns)), clock)
        try:
            with resumable(path):
                store._take_in()
        except BaseException:
            store.close()
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
        with resumable(self.folder):
            for first, stop in list(self.done.gaps(start, start + len(rows))):
                part = pa.Table.from_batches([batch.slice(first - start, stop - first)])
                insort(self._segments, segments.write_segment(self._parts, first, part))
                self.done.add(first, stop)
            self._tidy()
        if self._clock() >= self._next_snapshot:
            self.snapshot()

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows of the points ``start`` … ``stop`` − 1, all of which must be done."""
        if any(self.done.gaps(start, stop)):
            raise ValueError(f"of the points {start} to {stop - 1} not all are done")
        found: list[Row] = []
        within = [part for part in self._sources() if part.first < stop]
        for batch in segments.ordered(within, self._schema, start):
            found += rows_of(batch.slice(0, stop - start - len(found)))
        return found

    def snapshot(self) -> None:
        """Write ``results.csv`` of all that is done, sorted by point.  Raises OutputError."""
        began = self._clock()
        with resumable(self.folder):
            stop, sources = self._whole, self._sources()
            whole = [part for part in sources if part.last < stop]
            others = segments.ordered([part for part in sources if part.first >= stop], self._schema)
            self._csv.write(partial(segments.ordered, whole, self._schema), stop, others)
        ended = self._clock()
        self._next_snapshot = ended + max(SOONEST_S, REST * (ended - began))

    def finish(self) -> bool:
        """Write ``results.csv`` and ``results.parquet``, and remove the segments once both are there.

        Where points are missing before others nothing but ``results.csv`` is written: False.  Raises OutputError.
        """
        self.snapshot()
        if self._whole != len(self.done):
            return False
        with resumable(self.folder):
            if self._segments or self._finished is None:
                self._finished = write_final(self.folder / PARQUET, self.document, self._schema, self._sources())
            self._let_go([])
            with suppress(OSError):  # someone keeps other files there
                self._parts.rmdir()
        return True

    def _take_in(self) -> None:
        """Find what is done, and remove what a killed process left twice."""
        final = self.folder / PARQUET
        if final.exists():
            self._finished = checked_final(final, self._schema)
            self.done.add(0, self._finished.last + 1)
        for segment in segments.listed(self.folder / SEGMENTS):
            damage = self._damage(segment)
            if not any(self.done.gaps(segment.first, segment.last + 1)):
                segments.remove([segment])
            elif damage:
                self.dropped.append(f"{damage}: points {segment.first} to {segment.last} are computed again")
                segments.remove([segment])
            else:
                self._segments.append(segment)
                self.done.add(segment.first, segment.last + 1)

    def _damage(self, segment: Segment) -> str:
        """What is wrong with a segment; empty where nothing is.  Raises ExplorationError for a foreign one."""
        try:
            segments.check_segment(segment, self._schema)
        except DamagedError as error:
            return f"{segment.path.name} is damaged ({error})"
        return ""

    def _tidy(self) -> None:
        """Put small segments together when there are many new ones; those with gaps between stay as they are."""
        if segments.small(self._segments) >= self._most_small:
            self._let_go(segments.compact(self._segments, self._schema))
            self._most_small = segments.small(self._segments) + SMALL_SEGMENTS

    def _let_go(self, kept: list[Segment]) -> None:
        """Go on with the segments ``kept``, which with the finished file have all rows, and remove the others.

        In this order: interrupted between both, nothing that is needed is gone.
        """
        old, self._segments = self._segments, kept
        segments.remove(set(old) - set(kept))

    def _sources(self) -> list[Segment]:
        return [*([self._finished] if self._finished else []), *self._segments]

    @property
    def _parts(self) -> Path:
        parts = self.folder / SEGMENTS
        parts.mkdir(exist_ok=True)
        return parts

    @property
    def _whole(self) -> int:
        """How many points from the first on are done without a gap."""
        start, stop = next(self.done.runs(), (0, 0))
        return stop if start == 0 else 0

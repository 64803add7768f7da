"""An exploration's folder as a table of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimsim.explore import identity, segments
from pimsim.explore.arrow import pa, parquet
from pimsim.explore.batches import POINT, schema_of
from pimsim.explore.exploration_folder import PARQUET, SEGMENTS
from pimsim.explore.identity import Columns
from pimsim.explore.result_table import readable
from pimsim.explore.segments import Segment


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

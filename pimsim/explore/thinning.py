"""A few of very many points, the same whatever the batches that they come in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pimsim.explore.arrow import pa


class Sample:
    """At most ``size`` rows of batches with a column ``point``; keeps at most twice as many and one batch.

    Each point's number is scattered over all 64-bit numbers, and the points with the least of them stay.  Every
    n-th point instead would show the same value of an axis each time: a grid has a period.
    """

    def __init__(self, size: int, schema: pa.Schema) -> None:
        self._size = size
        self.schema = schema
        self._rows = schema.empty_table()
        self._waiting: list[pa.RecordBatch] = []
        self._rows_waiting = 0
        self.seen = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Rows with points that did not come before."""
        self._waiting.append(batch)
        self._rows_waiting += batch.num_rows
        self.seen += batch.num_rows
        if self._rows_waiting > self._size:
            self._settle()

    def rows(self) -> pa.Table:
        """What is left, by point."""
        self._settle()
        return self._rows.sort_by("point")

    def _settle(self) -> None:
        rows = pa.concat_tables([self._rows, pa.Table.from_batches(self._waiting, self._rows.schema)])
        if rows.num_rows > self._size:
            places = scattered(rows["point"].to_numpy())
            rows = rows.take(np.argsort(places)[: self._size])
        self._rows, self._waiting, self._rows_waiting = rows.combine_chunks(), [], 0


def scattered(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A distinct number per number, as if drawn from all of 64 bits: the finalizer of SplitMix64."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))

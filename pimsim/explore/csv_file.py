"""``results.csv`` while it grows: replaced as a whole, what is in its final place copied rather than written anew."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from pimsim.archive.writer import replacing
from pimsim.explore.arrow import pa
from pimsim.explore.batches import csv_rows

_BLOCK = 1 << 20
_ROWS = 1024
"""Formatted at a time."""
Rows = Callable[[int], Iterable[pa.RecordBatch]]
_Signature = tuple[int, int, int]
"""Of a file: changed whenever someone replaces it or writes to it."""


class GrowingCsv:
    """A file of rows that settle from the first on; behind them stand others, with gaps.

    Settled rows are copied from the file as it was written last, unless someone else has changed it since.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._header = _text([schema.names])
        self._written: _Signature | None = None
        self._point, self._bytes = 0, 0

    def write(self, rows_from: Rows, stop: int, others: Iterable[pa.RecordBatch] = ()) -> None:
        """Replace the file: the rows of the points 0 … ``stop`` − 1 settle, ``others`` stand behind.

        ``rows_from`` is asked for those that did not settle before, by the first one's number.  Raises OutputError,
        and then leaves the file as it was.
        """
        if self._written is None or self._written != _signature(self.path):
            self._point, self._bytes = 0, 0
        with replacing(self.path) as stream:
            if self._bytes:
                _copy(self.path, stream, self._bytes)
            else:
                stream.write(self._header)
            _write(stream, rows_from(self._point))
            settled = stream.tell()
            _write(stream, others)
        self._point, self._bytes, self._written = stop, settled, _signature(self.path)


def _write(stream: BinaryIO, batches: Iterable[pa.RecordBatch]) -> None:
    for batch in batches:
        for place in range(0, batch.num_rows, _ROWS):
            stream.write(_text(csv_rows(batch.slice(place, _ROWS))))


def _text(rows: Iterable[Iterable[object]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def _copy(source: Path, stream: BinaryIO, size: int) -> None:
    with open(source, "rb") as old:
        while size:
            block = old.read(min(size, _BLOCK))
            if not block:
                raise OSError("it was cut short while it was copied")
            stream.write(block)
            size -= len(block)


def _signature(path: Path) -> _Signature | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns

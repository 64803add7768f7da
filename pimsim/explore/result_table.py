"""What a table of results is, whatever it is kept in."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pimsim.errors import ExplorationError
from pimsim.explore.arrow import pa
from pimsim.explore.batches import POINT, schema_of
from pimsim.explore.identity import Columns
from pimsim.explore.segments import first_line

TEXTS = ("status", "reason", "model", "hardware", "input", "bottleneck")
"""Columns in which an empty cell is an empty text."""
EXECUTED = "executed"
NEEDED = (POINT, "status")
"""Columns without which a table is none of results."""


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


def check_names(path: Path, names: Sequence[str]) -> None:
    for name in NEEDED:
        if name not in names:
            raise ExplorationError(f'"{path}" holds no results of pimsim explore: it has no column "{name}"')
    for name in names:
        if names.count(name) > 1:
            raise ExplorationError(f'"{path}": column "{name}" is there twice')


def schema_with(columns: Columns, names: Sequence[str]) -> pa.Schema:
    """Of a batch with some of the columns, in the order of ``names``."""
    kinds = dict(columns)
    return schema_of(tuple((name, kinds[name]) for name in names))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Errors of reading in one line with the file's name."""
    try:
        yield
    except ExplorationError:
        raise
    except (pa.ArrowException, ValueError, OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise ExplorationError(f'"{path}" cannot be read: {reason}') from None

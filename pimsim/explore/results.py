"""Results of explorations for those who read them: from a folder, running, interrupted or finished, or from a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimsim.errors import ExplorationError, MissingFileError
from pimsim.explore import identity
from pimsim.explore.arrow import pa
from pimsim.explore.batches import POINT, rows_of
from pimsim.explore.csv_table import CsvTable
from pimsim.explore.folder_table import FolderTable
from pimsim.explore.identity import Columns
from pimsim.explore.metrics import metric_columns
from pimsim.explore.parquet_table import ParquetTable
from pimsim.explore.point import Row
from pimsim.explore.result_table import EXECUTED, TEXTS, Table


@dataclass(frozen=True)
class Results:
    """Rows of an exploration.

    path   folder or file
    table  how it is read
    """

    path: Path
    table: Table

    @staticmethod
    def open(path: str | os.PathLike[str]) -> Results:
        """A folder of `pimsim explore`, or a ``.csv`` or ``.parquet`` file of one, whichever rows and columns it kept.

        Raises MissingFileError, and ExplorationError for anything else.
        """
        where = Path(path)
        if not where.exists():
            raise MissingFileError(f'"{where}": no such file or folder')
        return Results(where, _table(where))

    @property
    def meta(self) -> Mapping[str, Any]:
        """As in ``exploration.json`` (docs/exploration.md); empty for a file that has lost it."""
        return self.table.meta

    @property
    def columns(self) -> Columns:
        """Names and types, in order."""
        return self.table.columns

    @property
    def axes(self) -> tuple[str, ...]:
        """Columns that are axes of the space other than its files."""
        others = {POINT, EXECUTED, *TEXTS, *metric_columns()}
        return tuple(name for name, _ in self.columns if name not in others)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows, some thousand at a time, with these columns (None: all), which have the types of `columns`.

        From a folder they come sorted by point.  Raises ExplorationError for a column that is not there, and for
        cells or files that cannot be read.
        """
        names = [name for name, _ in self.columns]
        for name in columns or ():
            if name not in names:
                raise ExplorationError(f'"{self.path}" has no column "{name}"')
        return self.table.batches(list(names if columns is None else columns))

    def row(self, point: int) -> Row:
        """The row of one point.  Raises ExplorationError where there is none."""
        for batch in self.table.with_point(point):
            for row in rows_of(batch):
                if row[POINT] == point:
                    return row
        raise ExplorationError(f'"{self.path}" has no point {point}')


def _table(path: Path) -> Table:
    if path.is_dir():
        if not (path / identity.FILE).exists():
            raise ExplorationError(f'"{path}" holds no exploration: there is no {identity.FILE}')
        return FolderTable(path, identity.read(path / identity.FILE))
    if path.suffix == ".parquet":
        return ParquetTable.open(path)
    if path.suffix == ".csv":
        beside = path.parent / identity.FILE
        return CsvTable.open(path, identity.read(beside) if beside.exists() else {})
    raise ExplorationError(f'"{path}" holds no results: neither a folder nor a .csv or .parquet file')

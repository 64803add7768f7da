"""Rows as Arrow batches with typed columns, and as the cells of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pimsim.explore.arrow import pa
from pimsim.explore.identity import Columns
from pimsim.explore.point import Cell, Row

POINT = "point"
"""Of every table the first column: the number by which rows are ordered."""
ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}


def schema_of(columns: Columns, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """Every column but ``point`` may have empty cells."""
    fields = [pa.field(name, ARROW[kind], nullable=name != POINT) for name, kind in columns]
    return pa.schema(fields, metadata=dict(metadata) if metadata else None)


def batch_of(start: int, rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    """Rows of the points from ``start`` on.

    In a column of texts other values stand as a CSV file has them.  Raises ValueError for rows of other columns or
    points, and for values that their column cannot hold.
    """
    names = tuple(schema.names)
    for number, row in enumerate(rows, start):
        if tuple(row) != names:
            wrong = next((pair for pair in zip(names, row, strict=False) if pair[0] != pair[1]), None)
            raise ValueError(f"row of point {number}: {len(row)} of {len(names)} columns, first difference {wrong}")
        if row[POINT] != number:
            raise ValueError(f"row of point {row[POINT]} where that of point {number} belongs")
    values = list(zip(*(row.values() for row in rows), strict=True)) or [()] * len(names)
    arrays = [_array(column, field) for column, field in zip(values, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _array(values: Sequence[Cell], field: pa.Field) -> pa.Array:
    if field.type == ARROW[str]:
        values = [value if value is None or type(value) is str else csv_cell(value) for value in values]
    try:
        return pa.array(values, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"column {field.name}: {error}") from None


def rows_of(batch: pa.RecordBatch) -> list[Row]:
    """The rows of a batch, as they were given to `batch_of`."""
    rows: list[Row] = batch.to_pylist()
    return rows


def csv_rows(batch: pa.RecordBatch) -> Iterable[tuple[Any, ...]]:
    """Cells as they are written; floats that csv writes with the fewest digits itself are left as they are."""
    return zip(*(_csv_column(column) for column in batch.columns), strict=True)


def csv_cell(cell: Cell) -> str:
    """Nothing where there is no value; numbers with the fewest digits that read back equal."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)


def _csv_column(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if column.type == ARROW[float]:
        # csv writes a float as str() does, a column of them at a time
        return [
            int(value) if value is not None and value.is_integer() and abs(value) < 2**53 else value for value in values
        ]
    return values

"""A Parquet file as a table of results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimsim.errors import ExplorationError
from pimsim.explore import identity
from pimsim.explore.arrow import pa, parquet
from pimsim.explore.batches import POINT, schema_of
from pimsim.explore.final_file import DOCUMENT
from pimsim.explore.identity import Columns
from pimsim.explore.result_table import check_names, readable, schema_with
from pimsim.explore.segments import LARGE_ROWS


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file of results, whatever its order and whichever columns were kept beside ``point``."""

    path: Path
    meta: Mapping[str, Any]
    columns: Columns

    @staticmethod
    def open(path: Path) -> ParquetTable:
        with readable(path):
            schema = parquet.read_schema(path)
            kept = (schema.metadata or {}).get(DOCUMENT.encode())
            meta = identity.checked(json.loads(kept), str(path)) if kept else {}
        check_names(path, schema.names)
        return ParquetTable(path, meta, tuple((field.name, _kind(field, path)) for field in schema))

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        schema = schema_with(self.columns, names)
        with (
            readable(self.path),
            parquet.ParquetFile(self.path, page_checksum_verification=True, pre_buffer=False) as file,
        ):
            for batch in file.iter_batches(LARGE_ROWS, columns=list(names)):
                yield batch.select(names).cast(schema)

    def with_point(self, point: int) -> Iterator[pa.RecordBatch]:
        with readable(self.path):
            found = parquet.read_table(self.path, filters=[(POINT, "==", point)], partitioning=None)
            yield from found.cast(schema_of(self.columns)).to_batches()


def _kind(field: pa.Field, path: Path) -> type:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    for is_kind, found in (
        (pa.types.is_boolean, bool),
        (pa.types.is_integer, int),
        (pa.types.is_floating, float),
        (pa.types.is_string, str),
        (pa.types.is_large_string, str),
        (pa.types.is_string_view, str),
        (pa.types.is_null, str),
    ):
        if is_kind(kind):
            return found
    raise ExplorationError(f'"{path}": column "{field.name}" holds {kind}, neither numbers nor texts')

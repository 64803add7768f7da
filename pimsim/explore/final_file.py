"""``results.parquet``: all rows of an exploration that came to its end, and what it was of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pimsim.archive.writer import replacing
from pimsim.errors import ExplorationError
from pimsim.explore.arrow import pa, parquet
from pimsim.explore.exploration_folder import synced
from pimsim.explore.segments import DamagedError, Segment, check_rows, first_line, ordered

DOCUMENT = "pimsim.exploration"
"""Key of the file's metadata that holds what is in ``exploration.json``."""
GROUP_ROWS = 8192
"""Rows that are found and read together."""


def write_final(path: Path, document: Mapping[str, Any], schema: pa.Schema, sources: Iterable[Segment]) -> Segment:
    """Write the rows of ``sources``, which are those of the points from 0 on, in groups that do not depend on them.

    Raises OutputError, and then leaves what was there.
    """
    described = {**schema.metadata, DOCUMENT: json.dumps(document, ensure_ascii=False)}
    last = -1
    with replacing(path) as stream:
        with parquet.ParquetWriter(
            stream, schema.with_metadata(described), compression="zstd", write_page_checksum=True
        ) as writer:
            for table in _groups(ordered(sources, schema)):
                writer.write_table(table.replace_schema_metadata(described), row_group_size=GROUP_ROWS)
                last += table.num_rows
        synced(stream)
    return Segment(0, last, path)


def checked_final(path: Path, schema: pa.Schema) -> Segment:
    """The rows that an earlier sitting ended with.  Raises ExplorationError for a file that does not hold them."""
    try:
        found = Segment(0, parquet.read_metadata(path).num_rows - 1, path)
        check_rows(found, schema)
    except (DamagedError, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ExplorationError(
            f'"{path}" cannot be read ({first_line(error)}): without it, its points are computed again'
        ) from None
    return found


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows, `GROUP_ROWS` at a time, each column in one piece."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        while rows + batch.num_rows >= GROUP_ROWS:
            taken = GROUP_ROWS - rows
            yield pa.Table.from_batches([*waiting, batch.slice(0, taken)]).combine_chunks()
            batch, waiting, rows = batch.slice(taken), [], 0
        if batch.num_rows:
            waiting.append(batch)
            rows += batch.num_rows
    if rows:
        yield pa.Table.from_batches(waiting).combine_chunks()

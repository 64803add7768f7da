"""Results on disk: all files or none, the same bytes for the same run."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pimsim.errors import OutputError
from pimsim.report.result import RunResult
from pimsim.report.rows import Cell, Table

SUMMARY_CSV, LAYERS_CSV, COMPONENTS_CSV, RUN_JSON = "summary.csv", "layers.csv", "components.csv", "run.json"
CHIPS_CSV, FIRING_CSV = "chips.csv", "firing.csv"
RUN_FILES = (SUMMARY_CSV, LAYERS_CSV, COMPONENTS_CSV, RUN_JSON)
"""Of every run; with several chips `CHIPS_CSV` too, and `FIRING_CSV` where inputs fire, or neurons once."""
ALL_RUN_FILES = (*RUN_FILES, CHIPS_CSV, FIRING_CSV)


def write(result: RunResult, out: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write ``summary.csv``, ``layers.csv``, ``components.csv`` and ``run.json`` into a folder.

    ``chips.csv`` too where several chips were run, ``firing.csv`` where inputs fire or neurons fire once; where not,
    that of an earlier run is removed.

    The folder is made where it is missing; files of an earlier run are replaced together.
    Raises OutputError, and then leaves what was there as it was.
    """
    contents = {
        SUMMARY_CSV: csv_text(result.summary_table),
        LAYERS_CSV: csv_text(result.layer_table),
        COMPONENTS_CSV: csv_text(result.component_table),
        RUN_JSON: json_text(result.document),
    }
    if result.chips is not None:
        contents[CHIPS_CSV] = csv_text(result.chips.table())
    if result.firing:
        contents[FIRING_CSV] = csv_text(result.firing_table)
    encoded = {name: text.encode() for name, text in contents.items()}
    return write_together(out, encoded, ours=ALL_RUN_FILES)


def write_together(
    out: str | os.PathLike[str], contents: Mapping[str, bytes], *, ours: Collection[str] = ()
) -> tuple[Path, ...]:
    """Write files by name into a folder: all of them or none.  Raises OutputError.

    Of the names in ``ours`` those without new contents are removed: an earlier run left them.
    """
    folder = Path(out)
    _check_replaceable(folder, contents)
    made = _make(folder)
    stale = [name for name in ours if name not in contents and (folder / name).is_file()]
    try:
        _replace(folder, contents, stale)
    except OSError as error:
        for new in reversed(made):
            with suppress(OSError):
                new.rmdir()
        raise OutputError(f'"{folder}" cannot be written: {error.strerror or error}') from error
    return tuple(folder / name for name in contents)


def check_writable(out: str | os.PathLike[str], names: Sequence[str] = RUN_FILES) -> None:
    """Raise OutputError where ``names`` could not be written, and leave nothing behind; for before the long work."""
    folder = Path(out)
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise OutputError(f'"{folder}" cannot be written: "{existing}" is not a folder')
    _check_replaceable(folder, names)
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=".pimsim-"):
            pass
    except OSError as error:
        raise OutputError(f'"{folder}" cannot be written: {error.strerror or error}') from error


def _check_replaceable(folder: Path, names: Iterable[str]) -> None:
    """Raise OutputError for a folder, and for a device or pipe: a file put in its place would take it from everyone."""
    for name in names:
        there = folder / name
        if there.is_dir():
            raise OutputError(f'"{folder}" cannot be written: "{there}" is a folder')
        if there.exists() and not there.is_file():
            raise OutputError(f'"{folder}" cannot be written: "{there}" is a device or pipe, not a file')


def csv_text(table: Table) -> str:
    """RFC 4180 with "\\n": energies with six decimals, other numbers with the fewest digits that read back equal."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_cell(cell) for cell in row] for row in table.rows)
    return stream.getvalue()


def json_text(document: Mapping[str, object]) -> str:
    """Indented, in the order given, no NaN."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)


def _make(folder: Path) -> list[Path]:
    """Make the folder and return what was made, outermost first."""
    made: list[Path] = []
    try:
        for path in (*reversed(folder.parents), folder):
            if not path.exists():
                path.mkdir()
                made.append(path)
    except OSError as error:
        for new in reversed(made):
            with suppress(OSError):
                new.rmdir()
        raise OutputError(f'"{folder}" cannot be made: {error.strerror or error}') from error
    return made


def _replace(folder: Path, contents: Mapping[str, bytes], stale: Sequence[str]) -> None:
    """Stage every file beside the old ones, then swap, and take the stale ones away; on failure swap back."""
    stage = Path(tempfile.mkdtemp(dir=folder, prefix=".pimsim-"))
    swapped: list[str] = []
    try:
        for name, content in contents.items():
            (stage / name).write_bytes(content)
        for name in (*contents, *stale):
            if (folder / name).exists():
                os.replace(folder / name, stage / f"{name}.old")
            swapped.append(name)
            if name in contents:
                os.replace(stage / name, folder / name)
    except BaseException:
        for name in swapped:
            _put_back(folder / name, stage / f"{name}.old")
        raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put_back(file: Path, old: Path) -> None:
    with suppress(OSError):
        if old.exists():
            os.replace(old, file)
        else:
            file.unlink(missing_ok=True)

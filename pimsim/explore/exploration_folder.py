"""The folder of an exploration: found empty or begun, locked, and described before any row is in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from pimsim.archive.writer import replacing
from pimsim.errors import ExplorationError, OutputError
from pimsim.explore import identity
from pimsim.explore.folder_lock import FILE as LOCK
from pimsim.explore.folder_lock import lock

CSV, PARQUET, SEGMENTS = "results.csv", "results.parquet", "segments"
Document = dict[str, Any]


def entered(
    folder: Path, decide: Callable[[Path, Document], Document], document: Document
) -> tuple[BinaryIO, Document]:
    """The lock of a folder and what ``decide`` says of what it is to be; the folder is made where it is missing.

    Raises ExplorationError and OutputError, and then leaves a folder as it was.
    """
    _check_empty(folder)
    with _made(folder):
        held = lock(folder)
        try:
            with resumable(folder):
                _remove_halves(folder)
            return held, decide(folder, document)
        except BaseException:
            held.close()
            raise


def begun(folder: Path, document: Document) -> Document:
    """Say what a new exploration is of.  Raises ExplorationError where there is one, OutputError."""
    if (folder / identity.FILE).exists():
        raise ExplorationError(
            f'"{folder}" holds an exploration already: --resume continues it, or give another folder'
        )
    with replacing(folder / identity.FILE) as stream:
        stream.write(json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
        synced(stream)
    return document


def continued(folder: Path, document: Document) -> Document:
    """What the exploration in a folder began with, which is what it goes on with.

    One that was killed before it said so begins now.  Raises ExplorationError for another one, OutputError.
    """
    if not (folder / identity.FILE).exists():
        return begun(folder, document)
    then = identity.read(folder / identity.FILE)
    reason = identity.difference(document, then)
    if reason:
        raise ExplorationError(f'"{folder}" cannot be continued: {reason}')
    return then


def synced(stream: BinaryIO) -> None:
    """Have what was written on the disk itself, before anything that it replaces is removed."""
    stream.flush()
    os.fsync(stream.fileno())


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Errors of writing, with what to do."""
    try:
        yield
    except OSError as error:
        reason = str(error) if isinstance(error, OutputError) else f'"{folder}": {error.strerror or error}'
        raise OutputError(f"{reason}; what is done is kept: --resume continues it, once files can be written") from None


def _check_empty(folder: Path) -> None:
    """Raise ExplorationError for a folder of other things: neither it nor they are touched."""
    if (folder / identity.FILE).exists() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name != LOCK and not path.match(_HALF):
            raise ExplorationError(f'"{folder}" holds other files ("{path.name}"); give an empty or a new folder')


_HALF = ".*.part"
"""Of `replacing`."""


def _remove_halves(folder: Path) -> None:
    """Files that a killed process left half-written."""
    for path in (*folder.glob(_HALF), *(folder / SEGMENTS).glob(_HALF)):
        path.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing, and removed again where the block fails before anything is in it."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f'"{folder}" cannot be made: {error.strerror or error}') from None
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if new and [path.name for path in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
                folder.rmdir()
        raise

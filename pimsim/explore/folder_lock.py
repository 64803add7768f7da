"""One process at a time in a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from pimsim.errors import ExplorationError, OutputError

if sys.platform != "win32":
    import fcntl

FILE = ".lock"


def lock(folder: Path) -> BinaryIO:
    """The lock on a folder, held until it is closed or the process ends, however that ends.

    Raises ExplorationError where another process has it, OutputError where nothing can be written.  Where the system
    or the file system knows no locks everyone gets one.
    """
    try:
        stream = open(folder / FILE, "wb")  # noqa: SIM115 - stays open
    except OSError as error:
        raise OutputError(f'"{folder}" cannot be written: {error.strerror or error}') from None
    if sys.platform != "win32":
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            stream.close()
            raise ExplorationError(
                f'another process explores into "{folder}"; wait for it, or give another folder'
            ) from None
        except OSError:  # a network drive without locks
            pass
    return stream

"""Writes ``.npz`` archives: the same content gives the same bytes, and a file is whole or not there."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pimsim.archive.header import ErrorClass
from pimsim.archive.reader import HEADER
from pimsim.errors import OutputError

#: earliest date a zip archive can carry
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
#: on 200 recorded samples of CNN-3D (12.3 MB): deflate 6 gives 4.25 MB, read in 0.05 s; deflate 9 saves 1 %
#: for four times the time to write; LZMA gives 3.40 MB, but reads in 0.23 s and writes in 6 s
_LEVEL = 6


def encode(header: Mapping[str, object], error: ErrorClass) -> npt.NDArray[np.uint8]:
    """A header as UTF-8 JSON in a uint8 vector; what JSON cannot carry raises ``error``."""
    try:
        text = json.dumps(header, indent=1, ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise error(f"header: cannot be written as JSON ({problem})") from None
    return np.frombuffer(text.encode("ascii"), np.uint8)


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """An .npz archive of ``arrays`` in their given order, without a date of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array).reshape(array.shape), (1, 0), False)
            info = zipfile.ZipInfo(f"{name}.npy", _DATE)
            info.create_system, info.external_attr = _UNIX, 0o644 << 16
            archive.writestr(info, member.getvalue(), zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()


def write_archive(
    path: str | os.PathLike[str],
    header: npt.NDArray[np.uint8],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """`write_bytes` of an archive of ``header`` and ``arrays``."""
    write_bytes(path, pack({HEADER: header, **arrays}))


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """`replacing` a file by ``data``."""
    with replacing(path) as stream:
        stream.write(data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A stream that becomes the file at ``path`` when the block ends.

    Written beside the target and renamed, so that a reader never meets half a file.  Raises `OutputError`
    where the target cannot be written; nothing is left behind then, nor where the block raises.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder")
        with open(temporary, "wb") as stream:
            yield stream
        os.replace(temporary, target)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(f"{target}: cannot be written ({reason})") from None
    finally:
        with suppress(OSError):
            temporary.unlink()

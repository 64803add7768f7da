"""The files of an image set, from a folder or a tar archive; nothing is unpacked to disk."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pimsim.errors import SceneError

ARCHIVES = (".tar.gz", ".tgz", ".tar")
#: CIFAR is 180 MB; beyond this a set would not fit beside its decoded pixels
MOST_BYTES = 2 << 30
MOST_FILES = 2_000_000

Wanted = Callable[[PurePosixPath], bool]


@dataclass(frozen=True)
class Files:
    """Files below a folder or in an archive: the contents of those that were wanted, the paths of all others."""

    origin: Path
    contents: dict[PurePosixPath, bytes]
    others: tuple[PurePosixPath, ...]


def is_archive(path: Path) -> bool:
    """Whether a file's name ends as a tar archive's does."""
    return path.name.lower().endswith(ARCHIVES)


def read_files(origin: Path, wanted: Wanted) -> Files:
    """Read what is ``wanted``, by its path from the top; hidden files do not count.

    Raises SceneError for an archive that is damaged, or holds links or devices, and for more than `MOST_BYTES` or
    `MOST_FILES`.
    """
    members = _archived(origin, wanted) if origin.is_file() else _lying(origin, wanted)
    contents: dict[PurePosixPath, bytes] = {}
    others: list[PurePosixPath] = []
    try:
        for path, content in members:
            if len(contents) + len(others) == MOST_FILES:
                raise SceneError(f'"{origin}": more than {MOST_FILES} files')
            if content is None:
                others.append(path)
            elif path in contents:
                raise SceneError(f'"{origin}": "{path}" is there twice')
            else:
                contents[path] = content
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise SceneError(f'"{origin}" cannot be read: {str(error) or type(error).__name__}') from error
    return Files(origin, contents, tuple(others))


def _lying(origin: Path, wanted: Wanted) -> Iterator[tuple[PurePosixPath, bytes | None]]:
    room = MOST_BYTES
    for folder, folders, names in os.walk(origin, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            path = PurePosixPath(file.relative_to(origin).as_posix())
            if name.startswith("."):
                continue
            if not wanted(path):
                yield path, None
                continue
            if not file.is_file():
                raise SceneError(f'"{file}" is no regular file')
            room = _room(origin, path, room, file.stat().st_size)
            yield path, file.read_bytes()


def _refuse(error: OSError) -> None:
    raise error


def _archived(origin: Path, wanted: Wanted) -> Iterator[tuple[PurePosixPath, bytes | None]]:
    room = MOST_BYTES
    with tarfile.open(origin, "r|*") as archive:  # a stream: read once, from front to back
        for member in archive:
            path = PurePosixPath(member.name)
            if member.isdir() or any(part.startswith(".") and part != ".." for part in path.parts):
                continue
            if not member.isreg():
                raise SceneError(f'"{origin}": "{path}" is a link or a device; an image set holds files')
            if not wanted(path):
                yield path, None
                continue
            room = _room(origin, path, room, member.size)
            stream = archive.extractfile(member)
            assert stream is not None  # of a regular file there is one
            yield path, stream.read()


def _room(origin: Path, path: PurePosixPath, room: int, size: int) -> int:
    """What is left of `MOST_BYTES` behind a file."""
    if size > room:
        raise SceneError(f'"{origin}": up to "{path}" more than {MOST_BYTES >> 20} MiB, the limit of an image set')
    return room - size

"""Reads ``.npz`` archives that may come from anywhere.

Nothing is unpickled, nothing is allocated before its size has been compared with what is expected,
and whatever is wrong gives one line that names the file and the array.
"""

from __future__ import annotations

import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pimsim.archive.header import ErrorClass, decode, shown
from pimsim.errors import MissingFileError

HEADER = "header"
#: a header is read before anything is known of the file
HEADER_LIMIT_BYTES = 8 * 2**20
#: elements of one array; a file that asks for more is refused before anything is allocated
ELEMENT_LIMIT = 2**28
MEMBER_LIMIT = 4096
#: room for the text in front of an array's data (NumPy writes 128 bytes, others may write more)
_PREAMBLE_LIMIT = 10_000
#: NumPy's widest number
_WIDEST_BYTES = 16

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    MemoryError,
)


class ArchiveReader:
    """An open archive; use it as a context manager.

    Raises `MissingFileError` where there is no such file, otherwise ``error``.
    """

    def __init__(self, path: str | os.PathLike[str], error: ErrorClass) -> None:
        self.path, self.error = Path(path), error
        if not os.path.exists(self.path):
            raise MissingFileError(f"{self.path}: no such file")
        if not os.path.isfile(self.path):
            raise error(f"{self.path}: not a regular file, expected an .npz archive")
        try:
            self._zip = zipfile.ZipFile(self.path)
        except PermissionError:
            raise error(f"{self.path}: may not be read (permission denied)") from None
        except _DAMAGE as problem:
            raise error(f"{self.path}: not an .npz archive, or a damaged one ({_line(problem)})") from None
        try:
            self._sizes = self._members()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def fail(self, name: str, text: str) -> Exception:
        return self.error(f'{self.path}: array "{name}": {text}')

    def _members(self) -> dict[str, int]:
        """Array name → unpacked bytes, as the archive's directory declares them (zipfile reads no more)."""
        infos = self._zip.infolist()
        if len(infos) > MEMBER_LIMIT:
            raise self.error(f"{self.path}: {len(infos)} members, at most {MEMBER_LIMIT} are allowed")
        sizes: dict[str, int] = {}
        for info in infos:
            if not info.filename.endswith(".npy"):
                raise self.error(f"{self.path}: member {shown(info.filename)} is not an array (.npy)")
            name = info.filename[: -len(".npy")]
            if name in sizes:
                raise self.error(f"{self.path}: array {shown(name)} is there twice")
            sizes[name] = info.file_size
        return sizes

    def require(self, names: Iterable[str]) -> None:
        """Exactly these arrays beside the header: a missing or surplus one is an error."""
        wanted = {HEADER, *names}
        missing, surplus = sorted(wanted - set(self._sizes)), sorted(set(self._sizes) - wanted)
        if missing:
            raise self.fail(missing[0], "missing")
        if surplus:
            raise self.error(f"{self.path}: array {shown(surplus[0])}: unknown; the header names no such array")

    def header(self) -> dict[str, object]:
        """The JSON object in the array ``header``: a unicode or byte string, or UTF-8 text as uint8."""
        if HEADER not in self._sizes:
            raise self.error(f'{self.path}: array "{HEADER}": missing (is this a pimsim file?)')
        array = self._load(HEADER, HEADER_LIMIT_BYTES, None)
        if array.dtype.kind not in "US" and (array.dtype != np.uint8 or array.ndim != 1):
            expected = "a unicode string or a vector of uint8"
            raise self.fail(HEADER, f"expected {expected}, got {array.dtype} of shape {array.shape}")
        if array.dtype.kind in "US" and array.size != 1:
            raise self.fail(HEADER, f"expected one string, got {array.size}")
        value = array.tobytes() if array.dtype == np.uint8 else array.reshape(-1)[0]
        try:
            text = str(value) if array.dtype.kind == "U" else bytes(value).decode("utf-8")
        except UnicodeDecodeError as problem:
            raise self.fail(HEADER, f"not UTF-8 text (byte {problem.start})") from None
        return decode(text, f"{self.path}: header", self.error)

    def array(self, name: str, kinds: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """One array of exactly ``shape`` whose dtype kind is one of ``kinds`` ("iu" integers, "f" floats)."""
        if name not in self._sizes:
            raise self.fail(name, "missing")
        if prod(shape) > ELEMENT_LIMIT:
            raise self.fail(name, f"shape {shape} has {prod(shape)} elements, at most {ELEMENT_LIMIT} are allowed")
        array = self._load(name, prod(shape) * _WIDEST_BYTES + _PREAMBLE_LIMIT, shape)
        if array.dtype.kind not in kinds:
            raise self.fail(name, f"expected {_kind_names(kinds)}, got {array.dtype}")
        return array

    def _load(self, name: str, limit_bytes: int, shape: tuple[int, ...] | None) -> npt.NDArray[Any]:
        try:
            with self._zip.open(name + ".npy") as stream:
                found, fortran, dtype = _preamble(stream)  # type: ignore[arg-type]
                if shape is not None and found != shape:
                    raise self.fail(name, f"expected shape {shape}, got {found}")
                if dtype.hasobject:
                    raise self.fail(name, "holds Python objects, which are never loaded")
                if self._sizes[name] > limit_bytes or prod(found) * dtype.itemsize > limit_bytes:
                    raise self.fail(name, f"{self._sizes[name]} bytes, at most {limit_bytes} are allowed")
                data = stream.read()
        except self.error:
            raise
        except _DAMAGE as problem:
            raise self.fail(name, f"damaged ({_line(problem)})") from None
        if len(data) != prod(found) * dtype.itemsize:
            raise self.fail(name, f"damaged ({len(data)} bytes of data for shape {found} of {dtype})")
        flat = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
        array = flat.reshape(found, order="F" if fortran else "C")
        return array.astype(dtype.newbyteorder("="), order="C")


def _preamble(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype in front of the data (NEP 1; numpy.lib.format)."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream, _PREAMBLE_LIMIT)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream, _PREAMBLE_LIMIT)
    raise ValueError(f"array format {version[0]}.{version[1]} is not known")


def _line(problem: BaseException) -> str:
    return (str(problem) or type(problem).__name__).splitlines()[0][:200]


def _kind_names(kinds: str) -> str:
    names = {"i": "signed integers", "u": "unsigned integers", "f": "floats", "b": "booleans"}
    return "integers" if kinds == "iu" else " or ".join(names[kind] for kind in kinds)

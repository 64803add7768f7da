"""Numeric arrays of MATLAB files, level 5 (MathWorks, "MAT-File Format", chapter 1).

Read here and not by SciPy because SciPy 1.17's reader crashes the interpreter on damaged files, which
half-finished downloads are, and because the simulator needs nothing else of SciPy.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
#: data type of an element → dtype
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
#: classes of arrays of numbers; others are cells, structures, objects, text and sparse matrices
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX_FLAG = 0x0800
#: an unpacked array; the largest public scene has 90 MB
_LIMIT_BYTES = 2**31


class MatFileError(ValueError):
    """Not a level-5 MATLAB file, or a damaged one."""


class Hdf5Error(MatFileError):
    """A MATLAB 7.3 file, which is HDF5 inside."""


@dataclass(frozen=True)
class _Element:
    kind: int
    data: memoryview


def numeric_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Every real numeric array of a file by name, read-only, in the machine's byte order.

    Values have the type they are stored in: MATLAB writes whole numbers of class double as integers.
    Raises MatFileError, or Hdf5Error for format 7.3.
    """
    order = _byte_order(content)
    arrays = {}
    for element in _elements(memoryview(content)[_HEADER_BYTES:], order):
        matrix = _unpacked(element, order) if element.kind == _COMPRESSED else element
        if matrix.kind == _MATRIX and (named := _array(matrix.data, order)) is not None:
            arrays[named[0]] = named[1]
    return arrays


def _byte_order(content: bytes) -> str:
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER_BYTES])
    if order is None:
        raise MatFileError("no MATLAB header")
    (version,) = struct.unpack(f"{order}H", content[124:126])
    if version >> 8 == 2:
        raise Hdf5Error("format 7.3")
    if version >> 8 != 1:
        raise MatFileError(f"unknown version {version:#06x}")
    return order


def _elements(data: memoryview, order: str) -> Iterator[_Element]:
    """The elements that follow each other in ``data``; each starts on a multiple of 8 bytes."""
    start = 0
    while start < len(data):
        if len(data) - start < 8:
            raise MatFileError(f"ends inside the tag of an element, {len(data) - start} bytes")
        kind, size = struct.unpack(f"{order}II", data[start : start + 8])
        if kind >> 16:  # small form: size and type in one word, up to four bytes of data in the next
            kind, size, body, end = kind & 0xFFFF, kind >> 16, start + 4, start + 8
        else:
            body = start + 8
            end = body + size if kind == _COMPRESSED else body + -(-size // 8) * 8
        if body + size > min(end, len(data)):
            raise MatFileError(f"an element of {size} bytes does not fit into the {len(data) - body} there are")
        yield _Element(kind, data[body : body + size])
        start = end


def _unpacked(element: _Element, order: str) -> _Element:
    stream = zlib.decompressobj()
    try:
        tag = stream.decompress(element.data, 8)
        kind, size = struct.unpack(f"{order}II", tag)
        if size > _LIMIT_BYTES:
            raise MatFileError(f"an array of {size} bytes, at most {_LIMIT_BYTES} are read")
        data = stream.decompress(stream.unconsumed_tail, size) if size else b""
    except (zlib.error, struct.error) as error:
        raise MatFileError(f"compressed data is damaged: {error}") from error
    if len(data) != size:
        raise MatFileError(f"compressed data holds {len(data)} of {size} bytes")
    return _Element(kind, memoryview(data))


def _array(data: memoryview, order: str) -> tuple[str, npt.NDArray[Any]] | None:
    """Name and value of a matrix element, None where it holds no real numbers."""
    parts = _elements(data, order)
    flags, sizes = (_numbers(part, order) for part in _take(parts, 2))
    if flags.size != 2 or not 2 <= sizes.size <= 32 or sizes.min() < 0:
        raise MatFileError("the description of an array is damaged")
    word = int(flags[0])
    if word & 0xFF not in _NUMERIC_CLASSES or word & _COMPLEX_FLAG:
        return None
    name, values = _take(parts, 2)
    numbers, shape = _numbers(values, order), tuple(int(size) for size in sizes)
    if numbers.size != prod(shape):
        raise MatFileError(f"an array of shape {shape} holds {numbers.size} values")
    return bytes(name.data).decode("latin-1"), numbers.reshape(shape, order="F")


def _take(parts: Iterator[_Element], count: int) -> list[_Element]:
    taken = [part for _, part in zip(range(count), parts, strict=False)]
    if len(taken) != count:
        raise MatFileError("an array ends before its values")
    return taken


def _numbers(element: _Element, order: str) -> npt.NDArray[Any]:
    code = _STORED.get(element.kind)
    if code is None or len(element.data) % int(code[1]):
        raise MatFileError(f"{len(element.data)} bytes of type {element.kind} are no numbers")
    numbers = np.frombuffer(element.data, f"{order}{code}")
    return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)

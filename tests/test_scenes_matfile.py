"""The reader of MATLAB files, against SciPy's writer and against damage."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import savemat

from pimsim.scenes.matfile import Hdf5Error, MatFileError, numeric_arrays

DTYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
SHAPES = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=4)
VALUES = st.sampled_from(DTYPES).flatmap(lambda code: hnp.arrays(code, SHAPES))


def written(arrays: dict[str, Any], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays, do_compression=compressed)
    return file.getvalue()


@given(first=VALUES, second=VALUES, compressed=st.booleans())
def test_numeric_arrays_come_back_as_they_were_saved(first: np.ndarray, second: np.ndarray, compressed: bool) -> None:
    found = numeric_arrays(written({"a": first, "the_second": second}, compressed=compressed))
    assert list(found) == ["a", "the_second"]
    for array, saved in zip(found.values(), (first, second), strict=True):
        np.testing.assert_array_equal(array, saved)
        assert array.dtype == saved.dtype


def test_what_holds_no_real_numbers_is_passed_over() -> None:
    others = {"text": "abc", "cell": np.array([1, "b"], object), "struct": {"x": 1}, "complex": np.ones((2, 2)) * 1j}
    assert list(numeric_arrays(written({**others, "x": np.ones((2, 3))}))) == ["x"]


def element(kind: int, data: bytes) -> bytes:
    return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)


def test_a_big_endian_file_with_narrow_storage_is_read() -> None:
    # class 6 (double), values stored as uint16 (type 4), column by column
    flags, sizes = struct.pack(">II", 6, 0), struct.pack(">iii", 1, 2, 2)
    parts = element(6, flags) + element(5, sizes) + element(1, b"cube") + element(4, struct.pack(">4H", 1, 2, 3, 4))
    content = b"by hand".ljust(124) + struct.pack(">H", 0x0100) + b"MI" + element(14, parts)
    (cube,) = numeric_arrays(content).values()
    assert cube.tolist() == [[[1, 3], [2, 4]]]
    assert cube.dtype.isnative


def test_an_empty_file_of_the_format_holds_nothing() -> None:
    assert numeric_arrays(written({})) == {}


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_anywhere_is_refused_or_misses_whole_arrays_only(compressed: bool) -> None:
    arrays = {"a": np.arange(6.5).reshape(7, 1), "b": np.arange(6, dtype=np.uint8).reshape(2, 3)}
    content = written(arrays, compressed=compressed)
    refused = 0
    for length in range(len(content)):
        try:
            found = numeric_arrays(content[:length])
        except MatFileError:
            refused += 1
        else:
            assert all(np.array_equal(found[name], arrays[name]) for name in found)
    assert refused >= len(content) - 3  # a cut between two elements leaves a good, shorter file


@given(position=st.integers(0, 10_000), value=st.integers(0, 255), compressed=st.booleans())
def test_a_damaged_byte_never_gives_another_error(position: int, value: int, compressed: bool) -> None:
    content = bytearray(written({"cube": np.arange(24, dtype=np.int16).reshape(2, 3, 4)}, compressed=compressed))
    content[position % len(content)] = value
    with suppress(MatFileError):
        numeric_arrays(bytes(content))


def test_an_array_that_would_unpack_to_gigabytes_is_refused_before_it_is_unpacked() -> None:
    packed = zlib.compress(struct.pack("<II", 14, 2**32 - 8) + bytes(10_000))
    content = b"bomb".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + struct.pack("<II", 15, len(packed)) + packed
    with pytest.raises(MatFileError, match="at most 2147483648"):
        numeric_arrays(content)


def test_a_file_of_format_7_3_is_told_apart() -> None:
    with pytest.raises(Hdf5Error):
        numeric_arrays(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")

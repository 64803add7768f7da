"""Arrays from ``.mat`` and ``.npy`` files, with errors that name the file and what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError
from pimsim.scenes.matfile import Hdf5Error, MatFileError, numeric_arrays

SUFFIXES = (".mat", ".npy")
Arrays = dict[str, npt.NDArray[Any]]


def read_arrays(path: Path) -> Arrays:
    """Every numeric array of a file, by name; the array of a ``.npy`` file is named after the file.

    Raises SceneError for another kind of file, a damaged one, or MATLAB's HDF5 format 7.3.
    """
    readers = {".mat": _read_mat, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise SceneError(f'"{path}": a scene is a {" or ".join(SUFFIXES)} file')
    return {name: array for name, array in readers[path.suffix.lower()](path).items() if array.dtype.kind in "iufb"}


def pick(arrays: Arrays, dimensions: int, path: Path, *, role: str, key: str | None = None) -> npt.NDArray[Any]:
    """The array called ``key``, or the only one with that many dimensions (a single number is none).

    Raises SceneError that lists what the file holds.
    """
    fitting = [name for name, array in arrays.items() if array.ndim == dimensions and array.size > 1]
    if key is None and len(fitting) == 1:
        key = fitting[0]
    if key in arrays and arrays[key].ndim == dimensions:
        return arrays[key]
    held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "no numeric array"
    wanted = f'a {dimensions}-D array "{key}"' if key is not None else f"exactly one {dimensions}-D array"
    raise SceneError(f'"{path}": expected {wanted} as {role}, found {held}')


def whole_numbers(raw: npt.NDArray[Any], path: Path) -> npt.NDArray[np.int64]:
    """Labels as int64; MATLAB saves whole numbers as floats.  Raises SceneError for any other number."""
    with np.errstate(invalid="ignore"):
        labels = raw.astype(np.int64)
    if not np.array_equal(labels, raw):
        raise SceneError(f'"{path}": labels must be whole numbers, found {raw[labels != raw][0]}')
    return labels


def _read_npy(path: Path) -> Arrays:
    try:
        return {path.stem: np.load(path, allow_pickle=False)}
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise SceneError(f'"{path}" is not a readable .npy file: {error}') from error


def _read_mat(path: Path) -> Arrays:
    try:
        return numeric_arrays(path.read_bytes())
    except Hdf5Error as error:
        raise SceneError(f'"{path}" is a MATLAB 7.3 (HDF5) file; save it with -v7, or as a .npy file') from error
    except (OSError, MatFileError, MemoryError) as error:
        raise SceneError(f'"{path}" is not a readable .mat file: {error}') from error

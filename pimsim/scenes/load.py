"""A scene by name or by file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.errors import MissingFileError, SceneError
from pimsim.scenes.arrays import SUFFIXES, pick, read_arrays, whole_numbers
from pimsim.scenes.catalogue import INDIAN_PINES, PUBLISHED, SOURCE, Published, published
from pimsim.scenes.image_catalogue import published_images
from pimsim.scenes.scene import Scene

#: the scene that needs no file
BUNDLED = "indian_pines"
#: environment variable: the folder where scenes lie that are asked for by bare name
FOLDER_VARIABLE = "PIMSIM_SCENES"


def load_scene(
    name: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    cube_key: str | None = None,
    label_key: str | None = None,
) -> Scene:
    """A scene: ``indian_pines`` (from the package tensorly), or a ``.mat`` or ``.npy`` file of a cube.

    Files as people download them (``PaviaU``, ``Salinas_corrected``, ``SalinasA_corrected``,
    ``Indian_pines_corrected``) are found by bare name in the working folder or in ``$PIMSIM_SCENES``.
    Labels are taken from ``labels``, else from ``<cube>_gt.mat`` or ``.npy`` beside the cube (without its
    ``_corrected``), else from a 2-D array in the cube's own file.  Where a file holds several arrays, the
    keys say which to take.

    Raises MissingFileError, which says where the public scene is to be had and under which name it is
    expected, or SceneError.
    """
    if os.fspath(name) == BUNDLED:
        return _from_tensorly()
    path = _find_cube(Path(name))
    if path is None:
        raise MissingFileError(_not_found(Path(name), published(Path(name).name)))
    arrays = read_arrays(path)
    cube = pick(arrays, 3, path, role="the cube (height, width, bands)", key=cube_key)
    label_path = _find_labels(path, None if labels is None else Path(labels), arrays)
    label_arrays = arrays if label_path == path else read_arrays(label_path)
    raw = pick(label_arrays, 2, label_path, role="the labels (height, width)", key=label_key)
    known = published(path.name)
    return Scene(
        name=BUNDLED if known is INDIAN_PINES else path.stem.removesuffix("_corrected"),
        cube=_native(cube),
        labels=whole_numbers(raw, label_path),
        names=known.names if known else {},
        attribution=known.attribution if known else "",
    )


def _from_tensorly() -> Scene:
    try:
        from tensorly.datasets import load_indian_pines
    except ImportError as error:
        raise SceneError(
            f'scene "{BUNDLED}" comes with the package tensorly, which is not installed: pip install "pimsim[train]"'
        ) from error
    bunch = load_indian_pines()
    cube = np.ascontiguousarray(bunch.tensor, dtype=np.uint16)  # as published; tensorly hands out float64
    labels = np.asarray(bunch.ticks[0], dtype=np.int64)
    return Scene(BUNDLED, cube, labels, INDIAN_PINES.names, INDIAN_PINES.attribution)


def is_scene(given: Path) -> bool:
    """Whether a name or a path means a scene that is there, a file of whose kind can be read."""
    found = _find_cube(given)
    return os.fspath(given) == BUNDLED or (found is not None and found.suffix.lower() in SUFFIXES)


def _find_cube(given: Path) -> Path | None:
    known = published(given.name)
    for folder in folders_of(given):
        names = [given.name, *(given.name + suffix for suffix in SUFFIXES), *([known.file] if known else [])]
        for candidate in (folder / name for name in names):
            if candidate.is_file():
                return candidate
    return None


def folders_of(given: Path) -> list[Path]:
    """Where a file is looked for: in the folder given, then, of a bare name, in ``$PIMSIM_SCENES``."""
    own = [given.parent]
    if len(given.parts) == 1 and os.environ.get(FOLDER_VARIABLE):
        own.append(Path(os.environ[FOLDER_VARIABLE]))
    return own


def _not_found(given: Path, known: Published | None) -> str:
    if published_images(given.name) is not None or given.is_dir():
        return f'"{given}" is an image set, parted as it is into training and test; a scene is a .mat or .npy file'
    if known is None:
        names = ", ".join([BUNDLED, *(scene.file for scene in PUBLISHED)])
        return f'scene "{given}" does not exist; give a .mat or .npy file, or one of {names}'
    bundled = f' (without a download: "{BUNDLED}", from the package tensorly)' if known is INDIAN_PINES else ""
    return (
        f'scene "{given}" does not exist: {known.title} is expected as {known.file} with {known.label_file} beside it, '
        f"in the folder given or in ${FOLDER_VARIABLE}; both files are on {SOURCE}{bundled}"
    )


def _find_labels(cube_path: Path, given: Path | None, arrays: dict[str, npt.NDArray[Any]]) -> Path:
    if given is not None:
        if not given.is_file():
            raise MissingFileError(f'label file "{given}" does not exist')
        return given
    known = published(cube_path.name)
    stem = cube_path.stem.removesuffix("_corrected")
    names = [*([known.label_file] if known else []), *(f"{stem}_gt{suffix}" for suffix in SUFFIXES)]
    for candidate in (cube_path.with_name(name) for name in names):
        if candidate.is_file():
            return candidate
    if any(array.ndim == 2 and array.size > 1 for array in arrays.values()):
        return cube_path
    where = f"; it is on {SOURCE}" if known else ""
    expected = known.label_file if known else " or ".join(names)
    raise MissingFileError(f'labels of "{cube_path}" do not exist: {expected} is expected beside it{where}')


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The machine's byte order, whatever the file's."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))

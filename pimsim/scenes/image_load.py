"""An image set by name or by path."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from pimsim.errors import SceneError
from pimsim.scenes.image_binary import BINARY_NAMES, binary_version
from pimsim.scenes.image_catalogue import (
    PUBLISHED_IMAGES,
    SOURCE,
    PublishedImages,
    copied_images,
    published_images,
)
from pimsim.scenes.image_files import Files, read_files
from pimsim.scenes.image_find import find_images, required_images, set_name
from pimsim.scenes.image_folders import FORMATS, SIDES, image_folders
from pimsim.scenes.image_set import ImageSet
from pimsim.scenes.load import is_scene


def load_images(name: str | os.PathLike[str]) -> ImageSet:
    """An image set: ``cifar10``, ``cifar100`` or ``cifar100_coarse``, or a folder or tar archive by path.

    It is either the binary version of CIFAR, or images by class: ``train/CLASS/*.png`` and ``test/CLASS/*.png`` (or
    ``.jpg``), or one archive for each side whose names end in ``train`` and ``test``.  A bare name is looked up in
    the working folder and in ``$PIMSIM_SCENES``.  Nothing is unpickled, and nothing unpacked to disk.

    Raises MissingFileError, which says where the public set is to be had; SceneError for files that are damaged,
    incomplete or contradict each other; MissingPackageError where Pillow is needed and not there.
    """
    given = _named(name)
    sources = required_images(given)
    if len(sources) == 2:
        return _by_class(given, {side: read_files(path, _wanted) for side, path in zip(SIDES, sources, strict=True)})
    files = read_files(sources[0], _wanted)
    found = binary_version(files, published_images(given.name))
    if found is not None:
        return found
    _refuse_pickles(files)
    return _by_class(given, {side: _side(files, side) for side in SIDES})


def is_image_set(name: str | os.PathLike[str]) -> bool:
    """Whether a name means an image set and not a scene.  Raises what `find_images` raises."""
    given = _named(name)
    return published_images(given.name) is not None or (not is_scene(given) and bool(find_images(given)))


def _named(name: str | os.PathLike[str]) -> Path:
    """A path that ends in a name, also of ``.`` and ``..``: a set is called by it, and known as a public one."""
    given = Path(name)
    return given.resolve() if given.name in ("", "..") else given


def _by_class(given: Path, sides: dict[str, Files]) -> ImageSet:
    for side, files in sides.items():
        if not files.contents:
            archives = " or ".join(dict.fromkeys(images.archive for images in PUBLISHED_IMAGES))
            raise SceneError(
                f'"{files.origin}" holds no {side} images: expected are {side}/CLASS/*.jpg or *.png, or the binary '
                f"version of CIFAR ({archives}, on {SOURCE})"
            )
    public = _public(given, sides.values())
    return image_folders(set_name(given), sides, public.attribution if public else "")


def _public(given: Path, sides: Collection[Files]) -> PublishedImages | None:
    """The public set that images are of, by the name that was given, of a file that holds them, or of a folder."""
    inside = (part for files in sides for path in files.contents for part in path.parts[:-3])
    names = dict.fromkeys([given.name, *(files.origin.name for files in sides), *inside])
    return next(filter(None, map(copied_images, names)), None)


def _side(files: Files, side: str) -> Files:
    """The files of one side of a folder or archive that holds both."""
    chosen = {path: content for path, content in files.contents.items() if path.parts[-3:-2] == (side,)}
    return Files(files.origin, chosen, files.others)


def _refuse_pickles(files: Files) -> None:
    """The Python version of CIFAR is made of pickles, and a pickle runs whatever it likes when it is read."""
    for images in PUBLISHED_IMAGES:
        for path in files.others:
            if images.is_pickle(path, files.origin.name):
                raise SceneError(
                    f'"{files.origin}": "{path}" is a pickle, of the Python version of {images.title}, which is not '
                    f"read; take the binary version, {images.archive}, from {SOURCE}"
                )


def _wanted(path: PurePosixPath) -> bool:
    return path.name in BINARY_NAMES or path.suffix.lower() in FORMATS

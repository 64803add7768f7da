"""An image set by name or by path."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pimsim.errors import MissingFileError, SceneError
from pimsim.scenes.image_binary import BINARY_NAMES, binary_version
from pimsim.scenes.image_catalogue import PUBLISHED_IMAGES, SOURCE, PublishedImages, published_images
from pimsim.scenes.image_files import ARCHIVES, Files, is_archive, read_files
from pimsim.scenes.image_folders import FORMATS, SIDES, TRAIN, image_folders
from pimsim.scenes.image_set import ImageSet
from pimsim.scenes.load import FOLDER_VARIABLE, folders_of

Sources = tuple[Path, ...]
"""One folder or archive, or the archives of the training and of the test images."""


def load_images(name: str | os.PathLike[str]) -> ImageSet:
    """An image set: ``cifar10``, ``cifar100`` or ``cifar100_coarse``, or a folder or tar archive by path.

    It is either the binary version of CIFAR, or images by class: ``train/CLASS/*.png`` and ``test/CLASS/*.png`` (or
    ``.jpg``), or one archive for each side whose names differ in ``train`` and ``test``.  A bare name is looked up in
    the working folder and in ``$PIMSIM_SCENES``.  Nothing is unpickled or unpacked to disk.

    Raises MissingFileError, which says where the public set is to be had; SceneError for files that are damaged,
    incomplete or contradict each other; MissingPackageError where Pillow is needed and not there.
    """
    given = Path(name)
    sources = find_images(given)
    if not sources:
        raise MissingFileError(_not_found(given))
    published = published_images(_plain(given)) or published_images(_plain(sources[0]))
    if len(sources) == 2:
        sides = {side: read_files(path, _wanted) for side, path in zip(SIDES, sources, strict=True)}
        return _by_class(given, sides, published)
    files = read_files(sources[0], _wanted)
    found = binary_version(files, published_images(given.name))
    if found is not None:
        return found
    _refuse_pickles(files)
    return _by_class(given, {side: _side(files, side) for side in SIDES}, published)


def is_image_set(name: str | os.PathLike[str]) -> bool:
    """Whether a name means an image set and not a scene."""
    return published_images(os.fspath(name)) is not None or bool(find_images(Path(name)))


def find_images(given: Path) -> Sources:
    """Where an image set lies; empty where there is none."""
    for folder in folders_of(given):
        for path in _candidates(folder, given.name):
            if path.is_dir():
                return _pair(path, "") or (path,)
            if path.is_file():
                return _with_partner(path)
        if pair := _pair(folder, given.name):
            return pair
    return ()


def _candidates(folder: Path, name: str) -> list[Path]:
    published = published_images(name)
    names = [name, *([published.folder, published.archive] if published else [])]
    plain = name if name.lower().endswith(ARCHIVES) else ""
    return [folder / name for name in (*names, *(f"{name}{suffix}" for suffix in ARCHIVES if not plain))]


def _with_partner(path: Path) -> Sources:
    """An archive; of two for training and test both, whichever was given."""
    if not is_archive(path):
        return ()
    for side, other in (SIDES, SIDES[::-1]):
        if _stem(path).endswith(side):
            partner = path.with_name(other.join(path.name.rsplit(side, 1)))
            return ((path, partner) if side == TRAIN else (partner, path)) if partner.is_file() else (path,)
    return (path,)


def _pair(folder: Path, start: str) -> Sources:
    """The archives for training and test in a folder, whose names begin with ``start``; empty where there are none."""
    pairs = {
        sources
        for path in sorted(folder.glob("*"))
        if path.name.startswith(start) and is_archive(path) and len(sources := _with_partner(path)) == 2
    }
    if len(pairs) > 1:
        names = ", ".join(sorted(pair[0].name for pair in pairs))
        raise SceneError(f'"{folder}" holds several image sets: {names}; give one of them')
    return next(iter(pairs), ())


def _by_class(given: Path, sides: dict[str, Files], published: PublishedImages | None) -> ImageSet:
    for side, files in sides.items():
        if not files.contents:
            raise SceneError(_no_images(files, side))
    return image_folders(
        published.name if published else _plain(given),
        sides,
        original=published.title if published else "",
        attribution=published.attribution if published else "",
    )


def _side(files: Files, side: str) -> Files:
    """The files of one side of a folder or archive that holds both."""
    chosen = {path: content for path, content in files.contents.items() if side in path.parts[:-2]}
    return Files(files.origin, chosen, files.others)


def _no_images(files: Files, side: str) -> str:
    return (
        f'"{files.origin}" holds no {side} images: {side}/CLASS/*.jpg or *.png is expected, or the binary version of '
        f"CIFAR ({_listed(images.archive for images in PUBLISHED_IMAGES)}; {SOURCE})"
    )


def _refuse_pickles(files: Files) -> None:
    """The Python version of CIFAR is made of pickles, which run whatever they like when they are read."""
    for path in files.others:
        for images in PUBLISHED_IMAGES:
            if images.pickles in path.parts or path.name in (*(f.removesuffix(".bin") for f in images.train[1:]),):
                raise SceneError(
                    f'"{files.origin}": "{path}" is of the Python version of {images.title}, pickles, which are not '
                    f"read; take the binary version, {images.archive}, from {SOURCE}"
                )


def _not_found(given: Path) -> str:
    published = published_images(given.name)
    if published is None:
        return f'image set "{given}" does not exist; give a folder, a tar archive, or one of {_known()}'
    return (
        f'image set "{given}" does not exist: {published.title} is expected as {published.archive} or the folder '
        f"{published.folder} (the binary version, from {SOURCE}), or as images by class in a folder {published.name}, "
        f"in the folder given or in ${FOLDER_VARIABLE}"
    )


def _known() -> str:
    return ", ".join(images.name for images in PUBLISHED_IMAGES)


def _listed(names: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(names))


def _wanted(path: PurePosixPath) -> bool:
    return path.name in BINARY_NAMES or path.suffix.lower() in FORMATS


def _stem(path: Path) -> str:
    """Of an archive, its name without what marks one."""
    lower = path.name.lower()
    return next((lower.removesuffix(suffix) for suffix in ARCHIVES if lower.endswith(suffix)), lower)


def _plain(path: Path) -> str:
    """What a set is called: the name of its folder or archive, without the side that an archive is of."""
    name = _stem(path)
    for side in SIDES:
        name = name.removesuffix(side).rstrip("_-.") or name
    return name

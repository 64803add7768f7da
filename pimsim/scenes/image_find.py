"""Where an image set lies: a folder, a tar archive, or one archive for each side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pimsim.errors import MissingFileError, SceneError
from pimsim.scenes.image_catalogue import PUBLISHED_IMAGES, SOURCE, is_called, published_images
from pimsim.scenes.image_files import ARCHIVES, is_archive
from pimsim.scenes.image_folders import SIDES, TRAIN
from pimsim.scenes.load import FOLDER_VARIABLE, folders_of

Sources = tuple[Path, ...]
"""One folder or archive, or the archives of the training and of the test images."""


def find_images(given: Path) -> Sources:
    """Folder or archives that a name or a path means; empty where there are none.

    Raises SceneError where a folder holds pairs of archives of several sets.
    """
    for folder in folders_of(given):
        for path in _candidates(folder, given.name):
            if path.is_dir():
                return _pair(path, "") or _packed(path, given.name) or (path,)
            if path.is_file() and is_archive(path):
                return _with_partner(path)
        if given.name and folder.is_dir() and (pair := _pair(folder, given.name)):
            return pair
    return ()


def required_images(given: Path) -> Sources:
    """`find_images`; raises MissingFileError where there are none, with where a public set is to be had."""
    sources = find_images(given)
    if sources:
        return sources
    published = published_images(given.name)
    if published is None:
        names = ", ".join(images.name for images in PUBLISHED_IMAGES)
        raise MissingFileError(f'image set "{given}" does not exist; give a folder, a tar archive, or one of {names}')
    raise MissingFileError(
        f'image set "{given}" does not exist: {published.title} is expected as {published.archive} or the folder '
        f"{published.folder} (the binary version, on {SOURCE}), or as images by class in a folder {published.name}, "
        f"in the folder given or in ${FOLDER_VARIABLE}"
    )


def set_name(path: Path) -> str:
    """What a set is called: its folder or archive, without the side that an archive is of.

    >>> set_name(Path("sets/birds_train.tar.gz"))
    'birds'
    """
    stem = archive_stem(path)
    for side in SIDES:
        stem = stem.removesuffix(side).rstrip("_-.") or stem
    return stem


def archive_stem(path: Path) -> str:
    """The name without what marks an archive."""
    return next((path.name[: -len(suffix)] for suffix in ARCHIVES if path.name.lower().endswith(suffix)), path.name)


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    published = published_images(name)
    names = [name, *(published.forms if published else ()), *(f"{name}{suffix}" for suffix in ARCHIVES)]
    return (folder / name for name in names)


def _with_partner(path: Path) -> Sources:
    """An archive; of two for training and test both, whichever was given."""
    stem = archive_stem(path)
    for side, other in (SIDES, SIDES[::-1]):
        if stem.endswith(side):
            partner = path.with_name(stem.removesuffix(side) + other + path.name[len(stem) :])
            if partner.is_file():
                return (path, partner) if side == TRAIN else (partner, path)
    return (path,)


def _packed(folder: Path, name: str) -> Sources:
    """The archive of a public set's binary version, as it was downloaded into a folder of the set's name."""
    published = published_images(name)
    archive = folder / published.archive if published else folder
    return (archive,) if archive.is_file() else ()


def _pair(folder: Path, name: str) -> Sources:
    """The two archives in a folder that are called ``name`` and something more; of any name where it is empty."""
    archives = [path for path in folder.iterdir() if is_archive(path) and (not name or is_called(path.name, name))]
    pairs = sorted({sources for path in archives if len(sources := _with_partner(path)) == 2})
    if len(pairs) > 1:
        names = ", ".join(pair[0].name for pair in pairs)
        raise SceneError(f'"{folder}" holds archives of several image sets, {names}: give one of them')
    return pairs[0] if pairs else ()

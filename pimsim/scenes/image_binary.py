"""The binary version of CIFAR-10 and CIFAR-100: fixed-length records of label bytes and pixels."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError
from pimsim.scenes.image_catalogue import CHANNELS, EDGE, PUBLISHED_IMAGES, PublishedImages
from pimsim.scenes.image_files import Files
from pimsim.scenes.image_set import ImageSet

FORM = "binary version"
#: every file that a public set's binary version has
BINARY_NAMES = frozenset(name for images in PUBLISHED_IMAGES for name in images.files)
PIXELS = CHANNELS * EDGE * EDGE


def binary_version(files: Files, wanted: PublishedImages | None) -> ImageSet | None:
    """The public set whose binary version ``files`` are; None where they are none.

    ``wanted``: the set that was asked for by name; else the one of which there are files of records.  Raises
    SceneError for a missing file or one that is there twice, several sets of which none was asked for, records of
    another length, or a label of no class.
    """
    held = {path.name for path in files.contents}
    there = [images for images in PUBLISHED_IMAGES if {*images.train, images.test} & held]
    if not there:
        return None
    titles = dict.fromkeys(images.title for images in there)
    if wanted is None and len(titles) > 1:
        raise SceneError(f'"{files.origin}" holds {" and ".join(titles)}: give one of them')
    published = wanted or there[0]
    found = _found(files, published)
    names = _names(files, *found[published.names])
    parts = [_records(files, *found[name], published, len(names)) for name in (*published.train, published.test)]
    labels, pixels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ImageSet(
        name=published.name,
        samples=pixels,
        labels=labels,
        training=len(labels) - len(parts[-1][0]),
        class_names=names,
        form=FORM,
        attribution=published.attribution,
    )


def _found(files: Files, published: PublishedImages) -> dict[str, tuple[PurePosixPath, bytes]]:
    """The files of a binary version by name, each with its path."""
    found: dict[str, tuple[PurePosixPath, bytes]] = {}
    for path, content in files.contents.items():
        if path.name in found:
            first = found[path.name][0]
            raise SceneError(f'"{files.origin}": "{first}" and "{path}" are of two copies: give one of them')
        if path.name in published.files:
            found[path.name] = path, content
    missing = [name for name in published.files if name not in found]
    if missing:
        raise SceneError(f'"{files.origin}": {published.title} in its binary version lacks {", ".join(missing)}')
    return found


def _names(files: Files, path: PurePosixPath, content: bytes) -> tuple[str, ...]:
    try:
        lines = [line.strip() for line in content.decode("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise SceneError(f'"{files.origin}": "{path}" is no text') from error
    names = tuple(line for line in lines if line)
    if not names or len(set(names)) < len(names):
        raise SceneError(f'"{files.origin}": "{path}" holds {"the same class twice" if names else "no class"}')
    return names


def _records(
    files: Files, path: PurePosixPath, content: bytes, published: PublishedImages, classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Labels (N,) and pixels (N, C, 1, H, W) of one file."""
    length = published.label_bytes + PIXELS
    where = f'"{files.origin}": "{path}"'
    if not content or len(content) % length:
        raise SceneError(f"{where} has {len(content)} bytes, no whole number of records of {length}")
    records = np.frombuffer(content, np.uint8).reshape(-1, length)
    labels = records[:, published.label].astype(np.int64)
    if int(labels.max()) >= classes:
        record = int(np.argmax(labels))
        raise SceneError(f"{where}: record {record} has label {labels[record]}, classes are 0 … {classes - 1}")
    return labels, records[:, published.label_bytes :].reshape(-1, CHANNELS, 1, EDGE, EDGE)

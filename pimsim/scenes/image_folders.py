"""Images in folders by class, ``train/CLASS/image.png`` and ``test/CLASS/image.png``, in JPEG or PNG files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import ModuleType

import numpy as np
import numpy.typing as npt

from pimsim.errors import MissingPackageError, SceneError
from pimsim.scenes.image_files import Files
from pimsim.scenes.image_set import ImageSet

TRAIN, TEST = SIDES = ("train", "test")
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
MOST_EDGE = 4096
#: of decoded pixels
MOST_BYTES = 4 << 30
#: what Pillow calls images whose pixels have a colour and nothing else; grey and palettes become RGB
_MODES = ("RGB", "L", "1", "P")
#: which byte of a PNG file says how many bits a channel has; of colours of 16 Pillow would hand on the upper 8
_PNG_DEPTH = 24

Images = list[tuple[str, bytes]]
"""(name of the file for messages, its content)"""
ByClass = dict[str, Images]
"""Class → its images in the order of the files' names."""


def image_folders(name: str, sides: Mapping[str, Files], attribution: str = "") -> ImageSet:
    """Images by class; ``sides`` has the files of `TRAIN` and of `TEST`.

    ``attribution``: whom to credit for a public set.  None was published in JPEG files: what lies in such was encoded
    anew, and the set's form says so.  Classes are the sorted names of the folders, images sorted by class and name.
    Raises SceneError where a class lacks images on a side, or an image is damaged, transparent or of
    another size than the first; MissingPackageError without Pillow.
    """
    parts = {side: _by_class(files) for side, files in sides.items()}
    origin = sides[TRAIN].origin
    for side, other in (SIDES, SIDES[::-1]):
        if absent := sorted(parts[side].keys() - parts[other].keys()):
            raise SceneError(f'"{origin}": class "{absent[0]}" has {side} images and no {other} images')
    classes = tuple(sorted(parts[TRAIN]))
    ordered = [image for side in SIDES for label in classes for image in parts[side][label]]
    labels = [index for side in SIDES for index, label in enumerate(classes) for _ in parts[side][label]]
    suffixes = {PurePosixPath(path).suffix.lower() for path, _ in ordered}
    form = _form({FORMATS[suffix] for suffix in suffixes}, public=bool(attribution))
    return ImageSet(
        name=name,
        samples=_decoded(ordered),
        labels=np.array(labels, np.int64),
        training=sum(map(len, parts[TRAIN].values())),
        class_names=classes,
        form=form,
        attribution=f"{attribution}; {form}" if attribution else "",
    )


def _form(formats: set[str], *, public: bool) -> str:
    if public and "JPEG" in formats:
        return "JPEG re-encoded"
    return " and ".join(f"{name} files" for name in sorted(formats))


def _by_class(files: Files) -> ByClass:
    result: ByClass = {}
    for path in sorted(files.contents, key=lambda path: (path.parts[-2:], path.parts)):
        if len(path.parts) < 2:
            raise SceneError(f'"{files.origin}": "{path}" lies in no folder of a class')
        result.setdefault(path.parts[-2], []).append((f"{files.origin}/{path}", files.contents[path]))
    return result


def _decoded(images: Images) -> npt.NDArray[np.uint8]:
    """Pixels (N, 3, 1, H, W); every image as large as the first."""
    reader = _pillow()
    with warnings.catch_warnings():
        warnings.simplefilter("error", reader.DecompressionBombWarning)  # refused, like the others, in a line
        return _stacked(reader, images)


def _stacked(reader: ModuleType, images: Images) -> npt.NDArray[np.uint8]:
    first = _pixels(reader, *images[0])
    total = len(images) * first.size
    if total > MOST_BYTES:
        size = "×".join(map(str, first.shape))
        raise SceneError(
            f'"{images[0][0]}": {len(images)} images of {size} take {total >> 20} MiB, at most {MOST_BYTES >> 20}'
        )
    result = np.empty((len(images), 3, 1, *first.shape[:2]), np.uint8)
    for (name, content), place in zip(images, result, strict=True):
        pixels = _pixels(reader, name, content)
        if pixels.shape != first.shape:
            sizes = [f"{shape[1]}×{shape[0]}" for shape in (pixels.shape, first.shape)]
            raise SceneError(f'"{name}" is {sizes[0]} pixels, "{images[0][0]}" {sizes[1]}; a set has one size')
        place[:, 0] = pixels.transpose(2, 0, 1)
    return result


def _pixels(reader: ModuleType, name: str, content: bytes) -> npt.NDArray[np.uint8]:
    """One image (H, W, 3), of the format that its name says: a set's form is told by the names."""
    kind = FORMATS[PurePosixPath(name).suffix.lower()]
    try:
        with reader.open(io.BytesIO(content), formats=(kind,)) as image:
            if max(image.size) > MOST_EDGE:
                raise SceneError(f'"{name}" is {image.size[0]}×{image.size[1]} pixels, at most {MOST_EDGE} a side')
            if image.mode not in _MODES or "transparency" in image.info:
                raise SceneError(f'"{name}" has pixels of mode {image.mode}; images are RGB or grey, 8 bits, opaque')
            if kind == "PNG" and content[_PNG_DEPTH] > 8:
                raise SceneError(f'"{name}" has {content[_PNG_DEPTH]} bits a channel, at most 8')
            return np.asarray(image.convert("RGB"))
    except SceneError:
        raise
    except reader.UnidentifiedImageError:  # its message is of an object in memory
        raise SceneError(f'"{name}" is not a readable image: no {kind} file') from None
    except (OSError, ValueError, SyntaxError, reader.DecompressionBombError, reader.DecompressionBombWarning) as error:
        raise SceneError(f'"{name}" is not a readable image: {error}') from error


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError('images need Pillow, not installed here: pip install "pimsim[train]"') from error
    return Image

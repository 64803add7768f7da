"""Public image sets: under which names people have them, how their binary version is laid out, whom to credit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

SOURCE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_CREDIT = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
#: edge, in pixels, of the images of CIFAR
EDGE = 32
CHANNELS = 3


@dataclass(frozen=True)
class PublishedImages:
    """A public image set in its binary version: records of label bytes and the pixels of one image.

    ``label_bytes`` stand in front of the pixels of a record, ``label`` is the one among them that is meant; the lines
    of ``names`` are its classes.  ``pickles`` is the folder of its Python version, and ``pickled`` the files there.
    """

    name: str
    title: str
    folder: str
    train: tuple[str, ...]
    test: str
    names: str
    label_bytes: int
    label: int
    pickles: str
    pickled: tuple[str, ...]

    @property
    def archive(self) -> str:
        """The name under which the binary version is to be had."""
        return f"{self.title.lower()}-binary.tar.gz"

    @property
    def attribution(self) -> str:
        return f"{self.title}: {_CREDIT}"

    @property
    def files(self) -> tuple[str, ...]:
        """Of the binary version, those that are read."""
        return (*self.train, self.test, self.names)

    @property
    def forms(self) -> tuple[str, ...]:
        """Folders and archives as they are to be had; the Python version too, for a word on why it is not read."""
        return (self.folder, self.archive, self.pickles, f"{self.title.lower()}-python.tar.gz")

    def is_pickle(self, path: PurePosixPath, origin: str) -> bool:
        """Whether a file below the folder or archive ``origin`` is of the Python version."""
        return path.name in self.pickled and self.pickles in (origin, *path.parts)


def _cifar100(name: str, names: str, label: int) -> PublishedImages:
    return PublishedImages(
        name=name,
        title="CIFAR-100",
        folder="cifar-100-binary",
        train=("train.bin",),
        test="test.bin",
        names=names,
        label_bytes=2,
        label=label,
        pickles="cifar-100-python",
        pickled=("train", "test", "meta"),
    )


CIFAR10 = PublishedImages(
    name="cifar10",
    title="CIFAR-10",
    folder="cifar-10-batches-bin",
    train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test="test_batch.bin",
    names="batches.meta.txt",
    label_bytes=1,
    label=0,
    pickles="cifar-10-batches-py",
    pickled=(*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"),
)
CIFAR100 = _cifar100("cifar100", "fine_label_names.txt", 1)
CIFAR100_COARSE = _cifar100("cifar100_coarse", "coarse_label_names.txt", 0)
PUBLISHED_IMAGES = (CIFAR10, CIFAR100, CIFAR100_COARSE)


def published_images(name: str) -> PublishedImages | None:
    """The public image set of that name, in any case, with or without its dash."""
    return next((images for images in PUBLISHED_IMAGES if images.name == _plain(name)), None)


def copied_images(name: str) -> PublishedImages | None:
    """The public image set that a set is a copy of by its name, such as ``cifar10_jpg``."""
    plain = _plain(name)
    return next((images for images in PUBLISHED_IMAGES if is_called(plain, images.name)), None)


def is_called(stem: str, name: str) -> bool:
    """Whether a file or folder is called ``name``, or that and something more.

    >>> is_called("cifar10_train", "cifar10"), is_called("cifar100_train", "cifar10")
    (True, False)
    """
    return stem.startswith(name) and not stem[len(name) : len(name) + 1].isalnum()


def _plain(name: str) -> str:
    return name.lower().replace("cifar-", "cifar")

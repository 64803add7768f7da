"""Images of one size with the classes that they show, parted into training and test as they were published."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError

#: of `ImageSet.describe`: the files say which images train
GIVEN = "given"


@dataclass(frozen=True, eq=False)
class ImageSet:
    """An image set, checked when it is made.

    samples      (N, C, 1, H, W) uint8; the first ``training`` of them train, the others are for test
    labels       (N,) int64 indices into ``class_names``
    form         in which files it came, for whoever states a figure: an image set in JPEG files has lost something
    attribution  whom to credit

    Raises SceneError where a side is empty, sizes differ, a label is of no class, or there is one class alone.
    """

    name: str
    samples: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    training: int
    class_names: tuple[str, ...]
    form: str
    attribution: str = ""

    def __post_init__(self) -> None:
        where = f'image set "{self.name}"'
        if self.samples.ndim != 5 or self.samples.shape[2] != 1 or self.samples.dtype != np.uint8:
            found = f"{self.samples.dtype} of shape {self.samples.shape}"
            raise SceneError(f"{where}: expected uint8 of shape (images, channels, 1, height, width), found {found}")
        if self.labels.shape != self.samples.shape[:1]:
            raise SceneError(f"{where}: {len(self.labels)} labels do not fit {len(self.samples)} images")
        if not 0 < self.training < len(self.samples):
            side = "training" if self.training <= 0 else "test"
            raise SceneError(f"{where}: no {side} image")
        if len(self.class_names) < 2:
            raise SceneError(f"{where}: {len(self.class_names)} class, at least 2 are told from each other")
        lowest, highest = int(self.labels.min()), int(self.labels.max())
        if lowest < 0 or highest >= len(self.class_names):
            wrong = lowest if lowest < 0 else highest
            raise SceneError(f"{where}: label {wrong} is of no class; there are {len(self.class_names)}")

    @property
    def train(self) -> npt.NDArray[np.int64]:
        """Indices of the training images."""
        return np.arange(self.training, dtype=np.int64)

    @property
    def test(self) -> npt.NDArray[np.int64]:
        """Indices of the test images."""
        return np.arange(self.training, len(self.samples), dtype=np.int64)

    @property
    def label(self) -> str:
        """How it is parted, and what of the images, for tables."""
        return f"{GIVEN} {self.form}"

    @property
    def summary(self) -> str:
        """One line for people."""
        size = "×".join(str(self.samples.shape[axis]) for axis in (1, 3, 4))
        sides = f"{self.training} training and {len(self.samples) - self.training} test images of {size}"
        return f"{self.name}, {self.form}: {sides}, {len(self.class_names)} classes"

    def describe(self) -> dict[str, object]:
        """What a model's provenance says of the images it was trained on."""
        return {
            "kind": GIVEN,
            "form": self.form,
            "train_samples": self.training,
            "test_samples": len(self.samples) - self.training,
            "images_sha256": hashlib.sha256(self.samples.data).hexdigest(),
        }

    def classes(self) -> list[dict[str, object]]:
        """Images of every class on both sides, for a report."""
        train, test = (np.bincount(self.labels[side], minlength=len(self.class_names)) for side in self.sides)
        counts = zip(self.class_names, train.tolist(), test.tolist(), strict=True)
        return [
            {"class": name, "train": here, "test": there, "unused": 0, "train_percent": _percent(here, there)}
            for name, here, there in counts
        ]

    @property
    def sides(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Training and test indices."""
        return self.train, self.test


def _percent(part: int, rest: int) -> float:
    return round(100 * part / max(part + rest, 1), 2)


def channel_statistics(images: ImageSet) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation (ddof 0) of each channel over the training images, two arrays (C, 1).

    A constant channel has deviation 1.  Computed from exact counts of the 256 values, so that it is the same whatever
    the order of the images.
    """
    values = np.arange(256)
    mean, deviation = [], []
    for channel in range(images.samples.shape[1]):
        counts = np.bincount(images.samples[: images.training, channel].reshape(-1), minlength=256)
        total = int(counts.sum())
        first, second = int((counts * values).sum()), int((counts * values**2).sum())
        mean.append(first / total)
        deviation.append((total * second - first**2) ** 0.5 / total or 1.0)
    return np.array(mean)[:, None], np.array(deviation)[:, None]

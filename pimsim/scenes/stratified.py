"""Seeded split of labelled samples into training and test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError
from pimsim.scenes.split import TRAIN_FRACTION

IndexArray = npt.NDArray[np.int64]


def stratified_split(
    labels: npt.NDArray[np.integer], *, train_fraction: float = TRAIN_FRACTION, seed: int = 0
) -> tuple[IndexArray, IndexArray]:
    """Indices of the training and of the test samples, each ascending; together every sample once.

    Within each class, ``n · train_fraction`` samples, rounded half up, are drawn for training, but at
    least 1 and at most n − 1, so that a class with two samples or more is on both sides.  A class with
    one sample trains.  The draw depends on seed and labels alone, on every platform and NumPy version.
    Raises SceneError for a fraction outside (0, 1) or a negative seed.
    """
    if not 0.0 < train_fraction < 1.0:
        raise SceneError(f"train_fraction={train_fraction} is not between 0 and 1")
    if seed < 0:
        raise SceneError(f"seed={seed} is negative")
    # raw bits: NumPy promises a stable stream for these, but not for Generator.permutation
    bits = np.random.PCG64(seed)
    in_training = np.zeros(len(labels), dtype=bool)
    for value in np.unique(labels):
        members = np.flatnonzero(labels == value)
        order = np.argsort(bits.random_raw(len(members)), kind="stable")
        in_training[members[order[: training_count(len(members), train_fraction)]]] = True
    return np.flatnonzero(in_training).astype(np.int64), np.flatnonzero(~in_training).astype(np.int64)


def training_count(members: int, fraction: float) -> int:
    """Share of a class that trains: rounded half up, but one at least, and one left over where there are two."""
    if members == 1:
        return 1
    return min(max(int(members * fraction + 0.5), 1), members - 1)

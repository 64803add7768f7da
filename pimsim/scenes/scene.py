"""A hyperspectral cube with the classes of its labelled pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError


@dataclass(frozen=True, eq=False)
class Scene:
    """One scene, checked when it is made.

    cube         (H, W, B) finite numbers, in the type of the file
    labels       (H, W) integers as published: 0 is unlabelled, classes need not be contiguous
    names        class id → name, for ids that have one
    attribution  whom to credit, and under which terms

    Raises SceneError for NaN or infinity, sizes that differ, a negative label, or no labelled pixel.
    """

    name: str
    cube: npt.NDArray[Any]
    labels: npt.NDArray[np.integer]
    names: Mapping[int, str] = field(default_factory=dict)
    attribution: str = ""

    def __post_init__(self) -> None:
        where = f'scene "{self.name}"'
        _check_cube(where, self.cube)
        _check_labels(where, self.labels, self.cube.shape[:2])

    @property
    def bands(self) -> int:
        return int(self.cube.shape[2])

    @cached_property
    def class_ids(self) -> tuple[int, ...]:
        """Published ids of the classes that occur, ascending; class index i of a network is the i-th of them."""
        return tuple(int(value) for value in np.unique(self.labels) if value)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of `class_ids`."""
        return tuple(self.names.get(value, f"class {value}") for value in self.class_ids)


def _check_cube(where: str, cube: npt.NDArray[Any]) -> None:
    if cube.ndim != 3 or not cube.size:
        raise SceneError(f"{where}: the cube has shape {cube.shape}, expected (height, width, bands)")
    if cube.dtype.kind not in "iuf":
        raise SceneError(f"{where}: the cube holds {cube.dtype}, expected real numbers")
    for band in range(cube.shape[2]):  # band by band: a mask of the whole cube would take its memory again
        bad = ~np.isfinite(cube[:, :, band])
        if bad.any():
            row, column = (int(index) for index in np.argwhere(bad)[0])
            value = cube[row, column, band]
            raise SceneError(f"{where}: {value} at row {row}, column {column}, band {band}; values must be finite")


def _check_labels(where: str, labels: npt.NDArray[np.integer], pixels: tuple[int, ...]) -> None:
    if labels.dtype.kind not in "iu":
        raise SceneError(f"{where}: labels are {labels.dtype}, expected integers")
    if labels.shape != pixels:
        raise SceneError(f"{where}: labels of shape {labels.shape} do not fit a cube of {pixels} pixels")
    if int(labels.min()) < 0:
        raise SceneError(f"{where}: label {int(labels.min())} is negative; 0 stands for unlabelled")
    if not labels.any():
        raise SceneError(f"{where}: no pixel is labelled, every label is 0")

"""Square patches around the pixels of a scene, cut when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError
from pimsim.scenes.scene import Scene


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of M pixels, in row-major order of the pixels.

    windows        (H, W, B, p, p) view on the padded cube, one window per pixel: no patch is copied
                   before it is asked for, so the object is as large as the scene
    rows, columns  (M,) position of each patch's centre pixel
    labels         (M,) int64 class index from 0, see `Scene.class_ids`; −1 of an unlabelled pixel
    """

    windows: npt.NDArray[Any]
    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.ArrayLike) -> npt.NDArray[Any]:
        """Raw patches (n, 1, B, p, p) of the given indices, a copy in the type of the cube."""
        chosen = np.asarray(indices, dtype=np.intp)
        return self.windows[self.rows[chosen], self.columns[chosen]][:, np.newaxis]

    def batches(self, size: int) -> Iterator[npt.NDArray[Any]]:
        """All patches in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


def extract_patches(scene: Scene, size: int, *, unlabelled: bool = False) -> Patches:
    """Patches of ``size`` × ``size`` pixels and all bands around every labelled pixel, or around every pixel.

    The pixel sits at index ``size // 2``.  Beyond the border the scene is mirrored about its outermost
    pixel, which is not repeated (``c b | a b c | b a``).
    Raises what `check_patch` raises.
    """
    check_patch(scene, size)
    before, after = size // 2, size - 1 - size // 2
    padded = np.pad(scene.cube, ((before, after), (before, after), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    rows, columns = np.nonzero((scene.labels > 0) | unlabelled)
    classes = np.searchsorted((0, *scene.class_ids), scene.labels[rows, columns]).astype(np.int64)
    return Patches(windows, rows, columns, classes - 1)


def check_patch(scene: Scene, size: int) -> None:
    """Raise SceneError for a patch larger than mirroring can fill.

    ``size // 2`` pixels must lie inside the scene beside the outermost one.
    """
    height, width, _ = scene.cube.shape
    if size < 1 or size // 2 > min(height, width) - 1:
        limit = 2 * min(height, width) - 1
        raise SceneError(f'scene "{scene.name}": patch size {size} is not in 1 … {limit} for {height}×{width} pixels')

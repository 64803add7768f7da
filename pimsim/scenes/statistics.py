"""Mean and deviation of every band."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError
from pimsim.scenes.scene import Scene


def band_statistics(scene: Scene) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation (ddof 0) of each band over the whole scene, two vectors (B,).

    ``(cube − mean) / deviation`` has zero mean and unit variance in every band; a model stores both, so
    that whoever runs it needs no scene.  A constant band has deviation 1: it becomes 0 everywhere.
    Unlabelled pixels count: they are measured without knowing any label.
    Raises SceneError where a band's values are too large for float64 arithmetic.
    """
    mean, deviation = np.empty(scene.bands), np.empty(scene.bands)
    for band in range(scene.bands):
        values = np.ascontiguousarray(scene.cube[:, :, band], dtype=np.float64)
        if values.min() == values.max():
            mean[band], deviation[band] = values[0, 0], 1.0
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            mean[band], deviation[band] = values.mean(), values.std()
        if not (np.isfinite(mean[band]) and 0 < deviation[band] < np.inf):
            extent = f"{values.min():g} … {values.max():g}"
            raise SceneError(f'scene "{scene.name}": band {band} ({extent}) has no finite, positive deviation')
    return mean, deviation

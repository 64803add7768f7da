"""Which pixels lie near each other, and which a patch covers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BoolMap = npt.NDArray[np.bool_]
CountMap = npt.NDArray[np.int64]


def count_near(mask: npt.NDArray[Any], reach: int) -> CountMap:
    """Per pixel of a map (H, W), how many set pixels lie at most ``reach`` rows and columns away, itself included."""
    height, width = mask.shape
    sums = _corner_sums(mask)
    rows, columns = np.arange(height), np.arange(width)
    return _boxes(sums, rows - reach, rows + reach, columns - reach, columns + reach)


def covered_by(mask: BoolMap, patch: int) -> CountMap:
    """Per pixel, how many patches of ``patch`` × ``patch`` around set pixels hold it, mirrored borders included."""
    height, width = mask.shape
    (top, bottom), (left, right) = extent(height, patch), extent(width, patch)
    rows, columns = np.nonzero(mask)
    edges = np.zeros((height + 1, width + 1), np.int64)
    np.add.at(edges, (top[rows], left[columns]), 1)
    np.add.at(edges, (bottom[rows] + 1, right[columns] + 1), 1)
    np.subtract.at(edges, (top[rows], right[columns] + 1), 1)
    np.subtract.at(edges, (bottom[rows] + 1, left[columns]), 1)
    return np.asarray(edges.cumsum(0).cumsum(1)[:-1, :-1])


def count_in_patch(mask: npt.NDArray[Any], patch: int) -> CountMap:
    """Per pixel, how many different set pixels its patch holds, mirrored borders included."""
    height, width = mask.shape
    return _boxes(_corner_sums(mask), *extent(height, patch), *extent(width, patch))


def extent(length: int, patch: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and last index that the patch around each of ``length`` indices reads, see `extract_patches`.

    Beyond the border it reads mirrored ones; of an even patch at index 0 these reach one further than the rest.
    """
    index, before, after = np.arange(length), patch // 2, patch - 1 - patch // 2
    last = np.maximum(index + after, before - index)
    first = np.minimum(index - before, 2 * (length - 1) - index - after)
    return np.maximum(first, 0), np.minimum(last, length - 1)


def _corner_sums(mask: npt.NDArray[Any]) -> CountMap:
    """(H + 1, W + 1) sums of everything above and left of each corner."""
    return np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _boxes(
    sums: CountMap,
    top: npt.NDArray[np.int64],
    bottom: npt.NDArray[np.int64],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
) -> CountMap:
    """Sums over boxes with inclusive bounds, clipped to the map; one box per pair of a row and a column."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    low, high = np.clip(top, 0, height)[:, None], np.clip(bottom + 1, 0, height)[:, None]
    start, stop = np.clip(left, 0, width), np.clip(right + 1, 0, width)
    return np.asarray(sums[high, stop] - sums[low, stop] - sums[high, start] + sums[low, start])

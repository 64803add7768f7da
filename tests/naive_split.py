"""What splits share, pixel by pixel: slow twins of pimsim.scenes.{neighbourhood,overlap,block_search}."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

Pixel = tuple[int, int]


def mirrored(index: int, length: int) -> int:
    """c b | a b c | b a"""
    if index < 0:
        return -index
    return index if index < length else 2 * (length - 1) - index


def patch_pixels(pixel: Pixel, patch: int, shape: tuple[int, ...]) -> set[Pixel]:
    """Pixels of the scene that the patch around one of them reads."""
    around = range(-(patch // 2), patch - patch // 2)
    return {(mirrored(pixel[0] + i, shape[0]), mirrored(pixel[1] + j, shape[1])) for i in around for j in around}


def pixels(mask: np.ndarray) -> list[Pixel]:
    return [(r, c) for r in range(mask.shape[0]) for c in range(mask.shape[1]) if mask[r, c]]


def distance(a: Pixel, b: Pixel) -> int:
    """Rows or columns apart, whichever are more."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def overlap(train: np.ndarray, test: np.ndarray, patch: int) -> tuple[float, float, float]:
    """Test patches with a training pixel, sharing with a training patch, and the mean shared area, as fractions."""
    centres = set(pixels(train))
    seen = set().union(*(patch_pixels(pixel, patch, train.shape) for pixel in centres))
    patches = [patch_pixels(pixel, patch, test.shape) for pixel in pixels(test)]
    with_pixel = sum(bool(held & centres) for held in patches) / len(patches)
    with_patch = sum(bool(held & seen) for held in patches) / len(patches)
    area = sum(len(held & seen) / len(held) for held in patches) / len(patches)
    return with_pixel, with_patch, area


def guarded_test(labels: np.ndarray, train: np.ndarray, guard: int) -> set[Pixel]:
    """Labelled pixels over ``guard`` pixels off every training pixel."""
    centres = pixels(train)
    return {pixel for pixel in pixels(labels > 0) if all(distance(pixel, other) > guard for other in centres)}


def cost(labels: np.ndarray, train: np.ndarray, guard: int, fraction: float) -> int:
    """What pimsim.scenes.block_search minimizes, from its definition."""
    test = guarded_test(labels, train, guard)
    return sum(
        _class_cost(members, train, test, fraction)
        for members in (pixels(labels == value) for value in np.unique(labels[labels > 0]))
        if _apart(members) > guard
    )


def _apart(members: Iterable[Pixel]) -> int:
    return max(distance(a, b) for a in members for b in members)


def _class_cost(members: list[Pixel], train: np.ndarray, test: set[Pixel], fraction: float) -> int:
    count = len(members)
    trained = sum(bool(train[pixel]) for pixel in members)
    tested = sum(pixel in test for pixel in members)
    wanted = min(max(int(count * fraction + 0.5), 1), count - 1)
    missed = 1000 * abs(trained - wanted) // count
    lost = 1000 * (count - trained - tested) // max(count - trained, 1)
    return 16 * missed**2 + lost**2 + (10**10 if not trained or not tested else 0)

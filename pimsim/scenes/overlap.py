"""How much of the test a network saw in training: what a split's patches share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pimsim.scenes.neighbourhood import BoolMap, count_in_patch, covered_by


@dataclass(frozen=True)
class Overlap:
    """Of the test pixels of a split, as fractions 0 … 1; all zero where no test patch shares a pixel.

    on_training_pixel  test patches that hold a training pixel
    on_training_patch  test patches that share a pixel with a training patch
    area               mean share of a test patch's different pixels that training patches hold
    """

    on_training_pixel: float
    on_training_patch: float
    area: float

    def percent(self) -> dict[str, float]:
        """In percent, to two decimals."""
        return {
            "test_patches_with_a_training_pixel_percent": round(100 * self.on_training_pixel, 2),
            "test_patches_sharing_with_a_training_patch_percent": round(100 * self.on_training_patch, 2),
            "test_patch_area_seen_in_training_percent": round(100 * self.area, 2),
        }


def overlap(train: BoolMap, test: BoolMap, patch: int) -> Overlap:
    """Overlap of patches of ``patch`` × ``patch`` pixels around training and test pixels, two maps (H, W)."""
    if not test.any():
        return Overlap(0.0, 0.0, 0.0)
    seen = covered_by(train, patch) > 0
    shared = count_in_patch(seen, patch)[test]
    size = count_in_patch(np.ones_like(seen), patch)[test]
    return Overlap(
        on_training_pixel=float(np.mean(count_in_patch(train, patch)[test] > 0)),
        on_training_patch=float(np.mean(shared > 0)),
        area=float(np.mean(shared / size)),
    )

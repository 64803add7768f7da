"""Scene → quantized patches, labels and split, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pimsim.model.network import InputQuantization
from pimsim.scenes import Division, band_statistics, divide, extract_patches, load_scene
from pimsim.training.quantize import Grid
from pimsim.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled patches as input codes.

    codes (M, 1, bands, p, p) uint8; labels (M,) int64 from 0; train, test: indices into both, as ``division``
    parted them.
    """

    scene: str
    attribution: str
    classes: int
    quantization: InputQuantization
    codes: Tensor
    labels: Tensor
    train: Tensor
    test: Tensor
    division: Division

    @property
    def grid(self) -> Grid:
        """The input quantization as the training's grid."""
        q = self.quantization
        return Grid(q.scale, q.zero_point, 0, 2**q.bits - 1)

    @property
    def bands(self) -> int:
        return self.codes.shape[2]


def prepare(recipe: Recipe) -> Dataset:
    """Load the recipe's scene, cut and quantize its patches, split them.

    Every band is normalized to zero mean and unit deviation over the whole scene; the input grid spans
    ±``input_clip`` deviations.
    """
    scene = load_scene(recipe.scene)
    mean, deviation = band_statistics(scene)
    grid = Grid.affine(-recipe.input_clip, recipe.input_clip, recipe.input_bits)
    quantization = InputQuantization(recipe.input_bits, grid.scale, grid.zero_point, mean, deviation)
    patches = extract_patches(scene, recipe.patch)
    division = divide(scene, recipe.parting, recipe.patch)
    return Dataset(
        scene=scene.name,
        attribution=scene.attribution,
        classes=len(scene.class_ids),
        quantization=quantization,
        codes=torch.from_numpy(np.concatenate([quantization.quantize(part) for part in patches.batches(1024)])),
        labels=torch.from_numpy(patches.labels.astype(np.int64)),
        train=torch.from_numpy(division.train),
        test=torch.from_numpy(division.test),
        division=division,
    )


def augment(inputs: Tensor) -> Tensor:
    """Each patch (N, C, D, H, W) under a random symmetry of the square; of a rectangle, its mirrors only.

    The scene has no preferred direction, so a mirrored or transposed patch is as good a sample.
    """
    symmetries = 8 if inputs.shape[3] == inputs.shape[4] else 4
    choice = torch.randint(symmetries, (len(inputs),))
    result = torch.empty_like(inputs)
    for code in range(symmetries):
        chosen = choice == code
        part = inputs[chosen]
        if code & 1:
            part = part.flip(3)
        if code & 2:
            part = part.flip(4)
        result[chosen] = part.transpose(3, 4) if code & 4 else part
    return result

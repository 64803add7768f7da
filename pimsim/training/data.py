"""Scene or image set → quantized samples, labels and split, as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.model.architecture import Shape4
from pimsim.model.input import InputQuantization
from pimsim.scenes import (
    band_statistics,
    channel_statistics,
    divide,
    extract_patches,
    load_images,
    load_scene,
)
from pimsim.training.quantize import Grid
from pimsim.training.recipe import Recipe

#: images are moved by up to this share of their edge when they are augmented: 4 pixels of 32
LARGEST_SHIFT = 1 / 8


class Parting(Protocol):
    """How samples were parted into training and test, for whoever reads a run's files."""

    @property
    def label(self) -> str: ...
    @property
    def summary(self) -> str: ...
    def describe(self) -> dict[str, object]: ...
    def classes(self) -> list[dict[str, object]]: ...


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples as input codes.

    codes (M, C, D, H, W) uint8, of patches (M, 1, bands, p, p); labels (M,) int64 from 0; train, test: indices into
    both, as ``division`` parted them; ``augment`` makes other samples of a batch (N, C, D, H, W) of centred codes.
    """

    scene: str
    attribution: str
    classes: int
    quantization: InputQuantization
    codes: Tensor
    labels: Tensor
    train: Tensor
    test: Tensor
    division: Parting
    augment: Callable[[Tensor], Tensor]

    @property
    def grid(self) -> Grid:
        """The input quantization as the training's grid."""
        q = self.quantization
        return Grid(q.scale, q.zero_point, 0, 2**q.bits - 1)

    @property
    def input_shape(self) -> Shape4:
        """(C, D, H, W) of a sample."""
        c, d, h, w = self.codes.shape[1:]
        return c, d, h, w


def prepare(recipe: Recipe) -> Dataset:
    """The quantized samples of the recipe's scene or image set, parted.  Raises SceneError, MissingFileError."""
    return _prepare_images(recipe) if recipe.takes_images else _prepare_patches(recipe)


def _prepare_patches(recipe: Recipe) -> Dataset:
    """Cut and quantize a scene's patches, and split them.

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
        augment=augment,
    )


def _prepare_images(recipe: Recipe) -> Dataset:
    """Quantize an image set, which comes parted.

    Every channel is normalized to zero mean and unit deviation over the training images; the input grid spans what the
    256 values of a pixel become in whichever channel they reach furthest, so that no pixel is clipped.
    """
    images = load_images(recipe.scene)
    mean, deviation = channel_statistics(images)
    lowest, highest = float(((0 - mean) / deviation).min()), float(((255 - mean) / deviation).max())
    grid = Grid.affine(lowest, highest, recipe.input_bits)
    quantization = InputQuantization(recipe.input_bits, grid.scale, grid.zero_point, mean, deviation)
    return Dataset(
        scene=images.name,
        attribution=images.attribution,
        classes=len(images.class_names),
        quantization=quantization,
        codes=torch.from_numpy(quantization.quantize(images.samples)),
        labels=torch.from_numpy(images.labels),
        train=torch.from_numpy(images.train),
        test=torch.from_numpy(images.test),
        division=images,
        augment=augment_images,
    )


def augment_images(inputs: Tensor) -> Tensor:
    """Each image (N, C, 1, H, W) mirrored left to right or not, and moved by up to `LARGEST_SHIFT` of its edges.

    What comes in from outside is 0, the mean colour; the result lies in memory with its channels innermost.
    """
    count, _, _, height, width = inputs.shape
    shifts = [int(size * LARGEST_SHIFT) for size in (height, width)]
    places = []
    for size, shift in zip((height, width), shifts, strict=True):
        places.append(torch.arange(size) + torch.randint(2 * shift + 1, (count, 1)))
    rows, columns = places
    mirrored = torch.rand(count, 1) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    padded = F.pad(inputs[:, :, 0], (shifts[1], shifts[1], shifts[0], shifts[0])).permute(0, 2, 3, 1)
    samples = torch.arange(count)[:, None, None]
    chosen = padded[samples.to(inputs.device), rows[:, :, None].to(inputs.device), columns[:, None].to(inputs.device)]
    return chosen.permute(0, 3, 1, 2).unsqueeze(2)


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

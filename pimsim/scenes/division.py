"""A scene's labelled pixels parted into training and test, and what that division is worth."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pimsim.errors import SceneError
from pimsim.scenes.blocks import block_training
from pimsim.scenes.neighbourhood import BoolMap, count_near
from pimsim.scenes.overlap import Overlap, overlap
from pimsim.scenes.patches import check_patch
from pimsim.scenes.scene import Scene
from pimsim.scenes.split import BLOCKS, RANDOM, Split
from pimsim.scenes.split_file import SplitFile
from pimsim.scenes.stratified import IndexArray, stratified_split


@dataclass(frozen=True, eq=False)
class Division:
    """A split carried out on a scene, for patches of ``patch`` × ``patch`` pixels.

    split        as carried out: with its guard in pixels, and the hashes of its files
    train_map, test_map   (H, W) disjoint maps of labelled pixels; other labelled pixels are used by neither
    unlabelled   pixels that a split file marks and the scene gives no label: left out
    """

    scene: Scene
    split: Split
    patch: int
    train_map: BoolMap
    test_map: BoolMap
    unlabelled: int = 0

    @property
    def train(self) -> IndexArray:
        """Indices of the training pixels among the labelled ones in row-major order, see `Patches`."""
        return self._indices(self.train_map)

    @property
    def test(self) -> IndexArray:
        """Indices of the test pixels among the labelled ones in row-major order."""
        return self._indices(self.test_map)

    @cached_property
    def overlap(self) -> Overlap:
        """What the patches of both sides share."""
        return overlap(self.train_map, self.test_map, self.patch)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """(classes, 3) pixels that train, that test and that are used by neither, in the order of `class_ids`."""
        ids = np.array(self.scene.class_ids)
        neither = (self.scene.labels > 0) & ~self.train_map & ~self.test_map
        maps = (self.train_map, self.test_map, neither)
        found = [np.searchsorted(ids, self.scene.labels[chosen]) for chosen in maps]
        return np.stack([np.bincount(part, minlength=len(ids)) for part in found], axis=1)

    @property
    def one_sided(self) -> tuple[str, ...]:
        """Names of the classes that train without test, or are tested without training."""
        absent = (self.counts[:, :2] == 0).any(axis=1)
        return tuple(name for name, missing in zip(self.scene.class_names, absent, strict=True) if missing)

    @property
    def label(self) -> str:
        """For tables, see `Split.label`."""
        return self.split.label(self.patch)

    @property
    def sha256(self) -> str:
        """Of the pixels of both sides: the same on every platform, and in every version that splits the same."""
        sides = (np.packbits(side).tobytes() for side in (self.train_map, self.test_map))
        return hashlib.sha256(b"".join(sides)).hexdigest()

    @property
    def summary(self) -> str:
        """One line for people: sizes, overlap, and what the split could not do."""
        train, test, unused = self.counts.sum(axis=0)
        text = (
            f"{self.label}: {train} training, {test} test, {unused} unused pixels; "
            f"{100 * self.overlap.on_training_patch:.1f} % of test patches share pixels with training patches"
        )
        return text + (f"; not on both sides: {', '.join(self.one_sided)}" if self.one_sided else "")

    def describe(self) -> dict[str, object]:
        """Settings, sizes and overlap, for a model's provenance."""
        train, test, unused = (int(count) for count in self.counts.sum(axis=0))
        return {
            **self.split.describe(),
            "patch": self.patch,
            "train_samples": train,
            "test_samples": test,
            "unused_samples": unused,
            **({"unlabelled_in_files": self.unlabelled} if self.unlabelled else {}),
            **({"one_sided_classes": list(self.one_sided)} if self.one_sided else {}),
            **self.overlap.percent(),
            "pixels_sha256": self.sha256,
        }

    def classes(self) -> list[dict[str, object]]:
        """Per class what the split reached, for a report."""
        keys = ("train", "test", "unused", "train_percent")
        rows = [(*map(int, row), round(100 * int(row[0]) / int(row.sum()), 2)) for row in self.counts]
        return [
            {"class": name, **dict(zip(keys, row, strict=True))}
            for name, row in zip(self.scene.class_names, rows, strict=True)
        ]

    def _indices(self, side: BoolMap) -> IndexArray:
        return np.flatnonzero(side[self.scene.labels > 0]).astype(np.int64)


def divide(scene: Scene, split: Split, patch: int) -> Division:
    """Carry out a split for patches of ``patch`` × ``patch`` pixels.

    Training keeps all its pixels; of the others, those with a training pixel within the guard are used by neither.
    Raises SceneError where a side would be empty, a split file does not fit, or a patch does not fit into the scene;
    MissingFileError.
    """
    check_patch(scene, patch)
    guard = split.resolve_guard(patch)
    train, test, done, unlabelled = _sides(scene, split, guard)
    test &= count_near(train, guard) == 0
    done = done if split.kind == RANDOM else replace(done, guard=guard)
    division = Division(scene, done, patch, train, test, unlabelled)
    for side, name in ((train, "training"), (test, "test")):
        if not side.any():
            where = f"with {guard} pixels between the sides" if guard else "as given"
            raise SceneError(f'scene "{scene.name}": split {split.kind} leaves no {name} pixel, {where}')
    return division


def _sides(scene: Scene, split: Split, guard: int) -> tuple[BoolMap, BoolMap, Split, int]:
    """Training pixels, all that may test, the split with what its files were, and marked pixels without label."""
    labelled = scene.labels > 0
    if split.train is not None:
        return _from_files(labelled, split, split.train)
    fraction, seed = split.train_fraction, split.seed
    if split.kind == BLOCKS:
        train = block_training(scene.labels, train_fraction=fraction, seed=seed, block=split.block, guard=guard)
    else:
        train = np.zeros(labelled.shape, bool)
        chosen, _ = stratified_split(scene.labels[labelled], train_fraction=fraction, seed=seed)
        train.flat[np.flatnonzero(labelled)[chosen]] = True
    return train, labelled & ~train, split, 0


def _from_files(labelled: BoolMap, split: Split, training: SplitFile) -> tuple[BoolMap, BoolMap, Split, int]:
    train_file, train = training.read(labelled.shape)
    test_file, test = split.test.read(labelled.shape) if split.test else (None, labelled & ~train)
    both = np.count_nonzero(train & test)
    if test_file is not None and both:
        raise SceneError(f'"{train_file.name}" and "{test_file.name}" both mark {both} pixels; a pixel is on one side')
    unlabelled = int(np.count_nonzero((train | test) & ~labelled))
    return train & labelled, test & labelled, replace(split, train=train_file, test=test_file), unlabelled

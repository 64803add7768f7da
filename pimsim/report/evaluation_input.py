"""Which samples an evaluation is of: pixels of a scene, quantized once, images, or those that a trace holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.errors import MissingFileError, SceneError
from pimsim.model.input import InputQuantization
from pimsim.model.network import IntegerNetwork
from pimsim.report.evaluation import LABELLED, PIXELS, TEST, TRAIN, Int64Array, Subject
from pimsim.report.inputs import check_fits, check_images_fit, is_trace, other_form, resolve, spread
from pimsim.scenes import (
    Division,
    ImageSet,
    Scene,
    extract_patches,
    is_image_set,
    load_images,
    load_scene,
    trained_division,
    trained_form,
)
from pimsim.traces import Trace

Codes = npt.NDArray[np.unsignedinteger]
Path_ = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Source:
    """Where samples come from.

    indices  (N,) of the samples to evaluate, ``labels`` (N,) their class indices
    take     indices (n,) → input codes (n, C, D, H, W)
    scene    of which the indices are pixels in row-major order; None for a trace or images
    """

    subject: Subject
    indices: Int64Array
    labels: Int64Array
    take: Callable[[Int64Array], Codes]
    scene: Scene | None = None


@dataclass(frozen=True)
class Wish:
    """What was asked for: an input, a label file, which pixels and how many of them; None where nothing was."""

    input: Path_ | None = None
    labels: Path_ | None = None
    pixels: str | None = None
    samples: int | None = None


def source_of(network: IntegerNetwork, model: str, model_hash: str, wish: Wish) -> Source:
    """The samples that ``wish`` means.  Raises SceneError, TraceError or MissingFileError."""
    if wish.pixels is not None and wish.pixels not in PIXELS:
        raise SceneError(f'pixels="{wish.pixels}": must be one of {", ".join(PIXELS)}')
    given = _trained_on(network, model) if wish.input is None else wish.input
    if is_trace(given):
        return _of_trace(network, model, model_hash, given, wish)
    if is_image_set(given) or (wish.input is None and trained_form(network.provenance)):
        return _of_images(network, model, model_hash, load_images(given), wish)
    scene = load_scene(given, labels=wish.labels)
    check_fits(network, scene)
    return _of_scene(network, model, model_hash, scene, wish)


def _trained_on(network: IntegerNetwork, model: str) -> str:
    scene = network.provenance.get("scene")
    if not isinstance(scene, str) or not scene:
        raise MissingFileError(f'model "{model}" does not say which scene it was trained on; give one as --scene')
    return scene


def _of_trace(network: IntegerNetwork, model: str, model_hash: str, given: Path_, wish: Wish) -> Source:
    if wish.pixels is not None or wish.labels is not None:
        asked = f"pixels={wish.pixels}" if wish.pixels is not None else f"labels={wish.labels}"
        raise SceneError(f"{asked} is of a scene, {os.fspath(given)} is a trace")
    source = resolve(network, model_hash, given, wish.samples)
    trace = source.content
    assert isinstance(trace, Trace)
    known = np.flatnonzero(trace.labels >= 0)
    if not len(known):
        raise SceneError(f"accuracy needs labels, {source.name} has none")
    subject = Subject(
        model=model,
        network=network,
        model_hash=model_hash,
        kind="trace",
        source=source.name,
        selection=f"{source.selection}, executed again",
        pixels="",
        complete=False,
        class_ids=tuple(range(1, network.classes + 1)),
        class_names=tuple(f"class {index}" for index in range(1, network.classes + 1)),
        attribution=source.attribution,
    )
    return Source(subject, known, trace.labels[known], lambda chosen: trace.inputs[chosen])


def _of_scene(network: IntegerNetwork, model: str, model_hash: str, scene: Scene, wish: Wish) -> Source:
    size = network.architecture.input_shape[2]
    every = extract_patches(replace(scene, cube=codes_of(network.input, scene.cube)), size, unlabelled=True)
    labelled = np.flatnonzero(every.labels >= 0)
    # all labelled pixels need no split, so that a split file that is gone, or other labels, do not hinder them
    division = None if wish.pixels == LABELLED else trained_division(network.provenance, scene, size)
    kind, eligible, words = _eligible(division, model, scene, wish.pixels)
    chosen = labelled[spread(eligible, wish.samples, scene.name)]
    how = "" if len(chosen) == len(eligible) else ", evenly spaced in row-major order"
    subject = Subject(
        model=model,
        network=network,
        model_hash=model_hash,
        kind="scene",
        source=scene.name,
        selection=f"{len(chosen)} of {len(eligible)} {words}{how}",
        pixels=kind,
        complete=len(chosen) == len(eligible),
        class_ids=scene.class_ids,
        class_names=scene.class_names,
        attribution=scene.attribution,
        split=division.describe() if division else {},
    )
    return Source(subject, chosen, every.labels[chosen], every.take, scene)


def _of_images(network: IntegerNetwork, model: str, model_hash: str, images: ImageSet, wish: Wish) -> Source:
    if wish.labels is not None:
        raise SceneError(f"labels={wish.labels} is of a scene; {images.name} is an image set, whose files carry labels")
    check_images_fit(network, images)
    kind = wish.pixels or TEST
    everything = np.arange(len(images.labels), dtype=np.int64)
    eligible = {TEST: images.test, TRAIN: images.train, LABELLED: everything}[kind]
    words = {TEST: "test", TRAIN: "training", LABELLED: "labelled"}[kind]
    chosen = spread(eligible, wish.samples, images.name)
    how = ("" if len(chosen) == len(eligible) else ", evenly spaced") + other_form(network, images)
    subject = Subject(
        model=model,
        network=network,
        model_hash=model_hash,
        kind="images",
        source=images.name,
        selection=f"{len(chosen)} of {len(eligible)} {words} images, {images.form}{how}",
        pixels=kind,
        complete=len(chosen) == len(eligible),
        class_ids=tuple(range(network.classes)),
        class_names=images.class_names,
        attribution=images.attribution,
        split=images.describe(),
    )
    return Source(subject, chosen, images.labels[chosen], lambda part: network.input.quantize(images.samples[part]))


def codes_of(quantization: InputQuantization, cube: npt.NDArray[Any]) -> Codes:
    """Input codes (H, W, B) of a cube, row by row: patches share their pixels, which so are quantized once."""
    codes = np.empty(cube.shape, quantization.code_dtype)
    for row, coded in zip(cube, codes, strict=True):
        coded[...] = quantization.quantize(row.T[None, None, :, None])[0, 0, :, 0].T
    return codes


def _eligible(division: Division | None, model: str, scene: Scene, wanted: str | None) -> tuple[str, Int64Array, str]:
    """Kind, indices among the labelled pixels in row-major order, and name of the pixels to evaluate."""
    if division is None and wanted in (TEST, TRAIN):
        raise SceneError(
            f'pixels={wanted}: model "{model}" does not say that it was trained on scene "{scene.name}", and how that '
            f"was split; pixels={LABELLED} takes all labelled ones"
        )
    if division is None:
        return LABELLED, np.arange(np.count_nonzero(scene.labels), dtype=np.int64), "labelled pixels"
    if wanted == TRAIN:
        return TRAIN, division.train, f"training pixels ({division.split.text})"
    return TEST, division.test, f"test pixels ({division.split.text})"

"""What a run works on: a recorded trace, or samples of a labelled scene or an image set, quantized for the model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.archive.reader import ArchiveReader
from pimsim.errors import MissingFileError, SceneError, TraceError
from pimsim.model.network import IntegerNetwork
from pimsim.resources import TRACE, find, shipped
from pimsim.scenes import (
    ImageSet,
    Patches,
    Scene,
    extract_patches,
    is_image_set,
    load_images,
    load_scene,
    trained_division,
    trained_form,
)
from pimsim.simulation.schedule import check_trace
from pimsim.traces import Trace, check_belongs, load_trace, select

BATCH = 1024
"""Patches quantized at a time: a batch of 200 bands is 40 MB of float64."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Input codes (N, C, D, H, W) and labels (N,) that are yet to be executed."""

    codes: npt.NDArray[np.unsignedinteger]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Source:
    """A recorded trace or samples; ``kind`` is trace, scene or images, ``selection`` says which samples were taken."""

    kind: str
    name: str
    selection: str
    content: Trace | Samples
    attribution: str = ""

    @property
    def samples(self) -> int:
        return self.content.samples if isinstance(self.content, Trace) else len(self.content.codes)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A trace to schedule; whether the network was executed for it, and why or why not."""

    trace: Trace
    executed: bool
    why: str


def resolve(
    network: IntegerNetwork, model_hash: str, given: str | os.PathLike[str] | None, samples: int | None
) -> Source:
    """The input that ``given`` names, cut to ``samples``; None stands for the model's shipped trace.

    Raises TraceError, SceneError or MissingFileError.
    """
    if given is None:
        path = shipped_trace(model_hash)
        if path is None:
            raise MissingFileError(
                f"no trace of this model (hash {model_hash[:12]}…) is shipped; give a trace, or a scene or images with "
                "labels, as --input"
            )
        return _from_trace(network, model_hash, path, samples)
    if is_trace(given):
        return _from_trace(network, model_hash, find(TRACE, given), samples)
    if is_image_set(given):
        return _from_images(network, load_images(given), samples)
    return _from_scene(network, load_scene(given), samples)


def is_trace(given: str | os.PathLike[str]) -> bool:
    """Whether an input is named as a trace is, and not as a scene."""
    return Path(given).suffix == TRACE.suffix or any(os.fspath(given) == path.stem for path in shipped(TRACE))


def shipped_trace(model_hash: str) -> Path | None:
    """The recording of a model that comes with pimsim, if one does."""
    for path in shipped(TRACE):
        with ArchiveReader(path, TraceError) as archive:
            if archive.header().get("model_hash") == model_hash:
                return path
    return None


def _from_trace(network: IntegerNetwork, model_hash: str, path: Path, samples: int | None) -> Source:
    trace = load_trace(path)
    layers = [layer.shape for layer in network.layers]
    try:
        check_belongs(
            trace,
            model_hash=model_hash,
            input_shape=network.architecture.input_shape,
            input_bits=network.input.bits,
            steps=network.time_steps,
            neurons=[layer.neurons for layer in layers[:-1]],
            classes=network.classes,
            activation_bits=[layer.neuron.activation_bits for layer in network.layers[:-1]] if network.is_cnn else (),
        )
        chosen = trace if samples is None else select(trace, samples)
        check_trace(chosen, network)
    except TraceError as error:
        raise TraceError(f"{path.name}: {error}") from None
    form = trained_form(trace.provenance)
    selection = f"the first {chosen.samples} of {trace.samples} recorded samples{f', {form}' if form else ''}"
    return Source("trace", path.name, selection, chosen, _text(trace.provenance, "attribution"))


def _from_scene(network: IntegerNetwork, scene: Scene, samples: int | None) -> Source:
    check_fits(network, scene)
    patches = extract_patches(scene, network.architecture.input_shape[2])
    indices, which = _test_pixels(network.provenance, scene, patches)
    chosen = spread(indices, samples, scene.name)
    codes = np.concatenate(
        [network.input.quantize(patches.take(chosen[start : start + BATCH])) for start in range(0, len(chosen), BATCH)]
    )
    selection = f"{len(chosen)} of {len(indices)} {which}, evenly spaced in row-major order"
    return Source("scene", scene.name, selection, Samples(codes, patches.labels[chosen]), scene.attribution)


def _from_images(network: IntegerNetwork, images: ImageSet, samples: int | None) -> Source:
    check_images_fit(network, images)
    chosen = spread(images.test, samples, images.name)
    how = f"{images.form}, evenly spaced{other_form(network, images)}"
    selection = f"{len(chosen)} of {len(images.test)} test images, {how}"
    content = Samples(network.input.quantize(images.samples[chosen]), images.labels[chosen])
    return Source("images", images.name, selection, content, images.attribution)


def other_form(network: IntegerNetwork, images: ImageSet) -> str:
    """In which form the training had these images, where that was another; behind a selection."""
    form = trained_form(network.provenance)
    known = network.provenance.get("scene") == images.name and form not in ("", images.form)
    return f"; the model was trained on them in another form, {form}" if known else ""


def check_images_fit(network: IntegerNetwork, images: ImageSet) -> None:
    """Refuse images of another size or another number of classes than the network's.  Raises SceneError."""
    found, wanted = images.samples.shape[1:], network.architecture.input_shape
    if found != wanted:
        sizes = ["×".join(map(str, shape)) for shape in (found, wanted)]
        raise SceneError(f'image set "{images.name}" has images of {sizes[0]}, the model takes {sizes[1]}')
    if len(images.class_names) != network.classes:
        have = len(images.class_names)
        raise SceneError(f'image set "{images.name}" has {have} classes, the model tells {network.classes}')


def check_fits(network: IntegerNetwork, scene: Scene) -> None:
    """Refuse a scene with other bands or another number of classes than the network's.  Raises SceneError."""
    channels, bands, height, width = network.architecture.input_shape
    if channels != 1 or height != width:
        raise SceneError(f"the model takes {channels}×{bands}×{height}×{width} inputs, not square patches of a scene")
    if scene.bands != bands:
        raise SceneError(f'scene "{scene.name}" has {scene.bands} bands, the model takes {bands}')
    if len(scene.class_ids) != network.classes:
        raise SceneError(f'scene "{scene.name}" has {len(scene.class_ids)} classes, the model tells {network.classes}')


def _test_pixels(provenance: Mapping[str, Any], scene: Scene, patches: Patches) -> tuple[npt.NDArray[np.int64], str]:
    """Pixels to test on: those of the split that the provenance records; all where it records none of this scene."""
    division = trained_division(provenance, scene, patches.windows.shape[-1])
    if division is not None:
        return division.test, f"test pixels ({division.split.text})"
    return np.arange(len(patches), dtype=np.int64), "labelled pixels"


def spread(indices: npt.NDArray[np.int64], samples: int | None, name: str) -> npt.NDArray[np.int64]:
    """``samples`` of the indices at even distances: neighbours mostly share a class, so the first would mislead."""
    if samples is None:
        return indices
    if not 1 <= samples <= len(indices):
        raise SceneError(f'samples={samples} is outside 1 … {len(indices)}, what "{name}" has')
    return indices[np.arange(samples) * len(indices) // samples]


def _text(provenance: Mapping[str, object], key: str) -> str:
    value = provenance.get(key)
    return value if isinstance(value, str) else ""

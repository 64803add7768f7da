"""Execution part by part, so that memory does not grow with the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from pimsim.errors import ModelError
from pimsim.mapping import smallest_shift
from pimsim.model.accuracy import accuracy
from pimsim.model.network import CLASSIFIERS, HALF_UP, IntegerNetwork, LayerNumerics
from pimsim.report.evaluation import Executed, Int64Array, Membranes, SceneMap
from pimsim.report.evaluation_input import Source
from pimsim.report.firing import LayerFiring, firing
from pimsim.scenes import Scene
from pimsim.simulation import Progress, execute
from pimsim.traces import Trace

#: what the inputs and spikes of a part may take, and its fewest and most samples
PART_BYTES, FEWEST, MOST = 2**27, 64, 1024
#: the narrowest membrane that a hardware file may have
LEAST_MEMBRANE_BITS = 4


def membrane_numerics(network: IntegerNetwork, bits: int) -> tuple[LayerNumerics, ...]:
    """Words in which membranes keep ``bits`` bits: of each layer the highest that reach its threshold, rounded.

    The rule of a hardware file's ``membrane_step: auto`` (docs/model-format.md §4.5).  Raises ModelError.
    """
    wide = LayerNumerics()
    if network.is_cnn:
        raise ModelError(f"membrane_bits={bits}: a CNN has no membranes")
    if not LEAST_MEMBRANE_BITS <= bits <= wide.membrane_bits:
        raise ModelError(f"membrane_bits={bits} is outside {LEAST_MEMBRANE_BITS} … {wide.membrane_bits}")
    room = wide.accumulator_bits - bits
    return tuple(
        wide
        if layer.neuron.kind in CLASSIFIERS
        else LayerNumerics(
            wide.accumulator_bits,
            bits,
            membrane_shift=(shift := smallest_shift(layer.neuron.threshold, bits, room)),
            membrane_rounding=HALF_UP if shift else wide.membrane_rounding,
        )
        for layer in network.layers
    )


@dataclass
class Work:
    """Samples of one network; ``total`` are to be executed in all calls of `run` together."""

    network: IntegerNetwork
    source: Source
    total: int
    threads: int | None = None
    progress: Progress | None = None
    done: int = 0

    def run(self, indices: Int64Array, numerics: Sequence[LayerNumerics] | None = None) -> Executed:
        """Execute the samples of ``indices`` in the words of ``numerics``, by default wide enough for all values."""
        layers, size = self.network.layers, part_samples(self.network)
        predictions = np.empty(len(indices), np.int64)
        handed_on = np.zeros((len(layers) - 1, self.network.time_steps), np.int64)
        saturations = np.zeros(len(layers), np.int64)
        fires: list[tuple[LayerFiring, ...]] = []
        for start in range(0, len(indices), size):
            chosen = indices[start : start + size]
            trace = execute(
                self.network, self.source.take(chosen), numerics=numerics, threads=self.threads, progress=self._told
            )
            predictions[start : start + size] = trace.predictions
            handed_on += _handed_on(trace)
            saturations += trace.saturations
            fires.append(firing(self.network, trace))
            self.done += len(chosen)
        told = tuple(reduce(add, parts) for parts in zip(*fires, strict=True))
        return Executed(predictions, handed_on, saturations, told)

    def _told(self, done: int, _total: int) -> None:
        if self.progress is not None:
            self.progress(self.done + done, self.total)


def part_samples(network: IntegerNetwork) -> int:
    """Samples that are executed at a time."""
    each = sum(layer.shape.neurons for layer in network.layers) * network.time_steps // 8
    return min(max(PART_BYTES // (each + int(np.prod(network.architecture.input_shape))), FEWEST), MOST)


def _handed_on(trace: Trace) -> Int64Array:
    """(hidden layers, T) spikes, or (hidden layers, 1) activations that are not 0."""
    if trace.activations:
        return np.array([[np.count_nonzero(values)] for values in trace.activations], np.int64)
    return np.array([np.bitwise_count(spikes).sum(axis=(0, 2), dtype=np.int64) for spikes in trace.spikes])


def narrowed(work: Work, bits: int, numerics: Sequence[LayerNumerics]) -> Membranes:
    """The same samples with membranes of ``bits`` bits, see `membrane_numerics`."""
    found = work.run(work.source.indices, numerics)
    reached = accuracy(work.source.labels, found.predictions, work.network.classes)
    shifts = tuple(widths.membrane_shift for widths in numerics[:-1])
    return Membranes(bits, shifts, reached, found.saturations)


def whole_scene_map(work: Work, scene: Scene, predicted: Int64Array) -> SceneMap:
    """The map: pixels that are executed already, and all others."""
    classes = np.full(scene.labels.size, -1, np.int64)
    classes[work.source.indices] = predicted
    known = classes >= 0
    classes[~known] = work.run(np.flatnonzero(~known)).predictions
    ids = np.array(scene.class_ids, np.int64)
    shape = scene.labels.shape
    return SceneMap(ids[classes].reshape(shape), scene.labels.astype(np.int64), known.reshape(shape))


def amount(source: Source, membranes: int, *, whole_scene: bool) -> int:
    """Samples to execute in all, for `Work`, with so many widths of membranes."""
    once = len(source.indices)
    others = source.scene.labels.size - once if whole_scene and source.scene else 0
    return once * (1 + membranes) + others

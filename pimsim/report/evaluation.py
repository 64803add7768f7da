"""What an evaluation found: how right a network is on labelled pixels, and how much its neurons spike for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pimsim.model.accuracy import Accuracy, accuracy_of_counts, confusion_matrix
from pimsim.model.network import IntegerNetwork
from pimsim.report.firing import LayerFiring

Int64Array = npt.NDArray[np.int64]

TEST, TRAIN, LABELLED = PIXELS = ("test", "train", "labelled")
"""Which pixels of a scene: those the network was tested on, those it was trained on, all with a label."""


@dataclass(frozen=True, eq=False)
class Executed:
    """What N samples gave, without what every neuron did.

    predictions  (N,) class index from 0
    handed_on    (hidden layers, T) spikes of all samples in each step; of a CNN (hidden layers, 1) activations that
                 are not 0
    saturations  (layers,) membrane writes that saturated, all samples
    firing       what fires once, or at a time of its own; () of networks of which nothing does
    """

    predictions: Int64Array
    handed_on: Int64Array
    saturations: Int64Array
    firing: tuple[LayerFiring, ...] = ()


@dataclass(frozen=True, eq=False)
class Membranes:
    """The same samples with membranes of ``bits`` bits, layer by layer without the lowest ``shifts`` ones."""

    bits: int
    shifts: tuple[int, ...]
    accuracy: Accuracy
    saturations: Int64Array


@dataclass(frozen=True, eq=False)
class SceneMap:
    """A whole scene as the network sees it; class ids as published, 0 for unlabelled.

    predicted  (H, W) class id of every pixel
    labels     (H, W) class id of the labelled ones
    evaluated  (H, W) bool, those that the accuracy is of
    """

    predicted: Int64Array
    labels: Int64Array
    evaluated: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Subject:
    """What was evaluated, and on which samples.

    kind        ``scene``, ``images`` or ``trace``; ``source`` is its name, ``selection`` which of its samples in words
    pixels      one of `PIXELS`; empty for a trace
    complete    whether these are all such pixels of the scene
    class_ids   ids as published, in the order of the network's classes; ``class_names`` likewise
    split       of the pixels, with what test patches share with training (`pimsim.scenes.Division.describe`); empty
                where none is known
    """

    model: str
    network: IntegerNetwork
    model_hash: str
    kind: str
    source: str
    selection: str
    pixels: str
    complete: bool
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    attribution: str = ""
    split: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ClassResult:
    """One class: samples of it, samples taken for it, and how many of both there are."""

    class_id: int
    name: str
    samples: int
    predicted: int
    correct: int

    @property
    def recall(self) -> float | None:
        """Share of its samples that were recognized, 0 … 1, the producer's accuracy; None without samples."""
        return self.correct / self.samples if self.samples else None

    @property
    def precision(self) -> float | None:
        """Share of the samples taken for it that are of it, 0 … 1, the user's accuracy; None without any."""
        return self.correct / self.predicted if self.predicted else None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's accuracy, class by class, and its spikes.

    confusion  (classes, classes) counts, row = label, column = prediction
    scene      the whole scene, where that was asked for
    """

    subject: Subject
    confusion: Int64Array
    executed: Executed
    membranes: tuple[Membranes, ...] = ()
    scene: SceneMap | None = None

    @cached_property
    def accuracy(self) -> Accuracy:
        return accuracy_of_counts(self.confusion)

    @property
    def classes(self) -> tuple[ClassResult, ...]:
        subject, counts = self.subject, self.confusion
        rows, columns, hits = counts.sum(1), counts.sum(0), np.diag(counts)
        return tuple(
            ClassResult(subject.class_ids[index], name, int(rows[index]), int(columns[index]), int(hits[index]))
            for index, name in enumerate(subject.class_names)
        )

    @property
    def spikes_per_neuron(self) -> npt.NDArray[np.float64]:
        """(hidden layers, T) spikes of a neuron in each step, mean over samples and neurons of the layer.

        Of a CNN (hidden layers, 1) the share of activations that are not 0.
        """
        neurons = np.array([layer.shape.neurons for layer in self.subject.network.layers[:-1]], np.int64)
        rates: npt.NDArray[np.float64] = self.executed.handed_on / (neurons * len(self.executed.predictions))[:, None]
        return rates


def evaluated(
    subject: Subject,
    labels: Int64Array,
    executed: Executed,
    membranes: Sequence[Membranes] = (),
    scene: SceneMap | None = None,
) -> Evaluation:
    """The evaluation of samples with ``labels`` (N,), each a class index from 0."""
    counts = confusion_matrix(labels, executed.predictions, subject.network.classes)
    return Evaluation(subject, counts, executed, tuple(membranes), scene)

"""An evaluation on disk: CSV and JSON files, pictures, a map; docs/evaluation.md explains every column."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pimsim.report.document import model_section, versions
from pimsim.report.evaluation import Evaluation, SceneMap
from pimsim.report.evaluation_plot import draw_confusion, draw_map, draw_spikes
from pimsim.report.files import FIRING_CSV, check_writable, csv_text, json_text, write_together
from pimsim.report.firing import firing_table
from pimsim.report.picture import FORMATS
from pimsim.report.rows import Table

FORMAT, VERSION = "pimsim-evaluation", 1
CLASSES_CSV, CONFUSION_CSV, SPIKES_CSV, EVALUATION_JSON = (
    "classes.csv",
    "confusion.csv",
    "spikes.csv",
    "evaluation.json",
)
FILES = (CLASSES_CSV, CONFUSION_CSV, SPIKES_CSV, EVALUATION_JSON)
"""Of every evaluation; `FIRING_CSV` where inputs fire, or neurons once; `MAP_FILES` with a map, and with pictures one
of each stem in `PICTURES`."""
MAP_NPY, MAP_PNG = MAP_FILES = ("map.npy", "map.png")
PICTURES = ("confusion", "spikes")
CLASS_COLUMNS = ("class", "name", "samples", "predicted", "correct", "accuracy_percent", "precision_percent")
ALL_FILES = (*FILES, FIRING_CSV, *MAP_FILES, *(f"{stem}.{suffix}" for stem in PICTURES for suffix in FORMATS))

Path_ = str | os.PathLike[str]


def check_evaluation(out: Path_) -> None:
    """Raise OutputError where the files of an evaluation could not be written; for before the long work."""
    check_writable(out, ALL_FILES)


def write_evaluation(found: Evaluation, out: Path_, *, plot: str | None = None) -> tuple[Path, ...]:
    """Write `FILES` into a folder, pictures as ``svg`` or ``png`` if asked for, and a map where there is one.

    The folder is made where it is missing; files of an earlier evaluation are replaced, or removed, together.
    The same evaluation gives the same bytes.  Raises OutputError, and then leaves what was there as it was.
    """
    contents = {
        CLASSES_CSV: csv_text(class_table(found)).encode(),
        CONFUSION_CSV: csv_text(confusion_table(found)).encode(),
        SPIKES_CSV: csv_text(spike_table(found)).encode(),
        EVALUATION_JSON: json_text(document(found)).encode(),
    }
    if found.executed.firing:
        contents[FIRING_CSV] = csv_text(firing_table(found.executed.firing)).encode()
    if plot is not None:
        contents |= {f"confusion.{plot}": draw_confusion(found, plot), f"spikes.{plot}": draw_spikes(found, plot)}
    if found.scene is not None:
        contents |= {MAP_NPY: _npy(found.scene), MAP_PNG: draw_map(found, found.scene)}
    return write_together(out, contents, ours=ALL_FILES)


def class_table(found: Evaluation) -> Table:
    """One row per class of the network, also of those that no sample is of."""
    rows = [
        (
            item.class_id,
            item.name,
            item.samples,
            item.predicted,
            item.correct,
            _percent(item.recall),
            _percent(item.precision),
        )
        for item in found.classes
    ]
    return Table(CLASS_COLUMNS, tuple(rows))


def confusion_table(found: Evaluation) -> Table:
    """One row per class that samples are of, one column per class that they were taken for."""
    ids = found.subject.class_ids
    rows = [(class_id, *(int(count) for count in row)) for class_id, row in zip(ids, found.confusion, strict=True)]
    return Table(("class", *(f"predicted_{class_id}" for class_id in ids)), tuple(rows))


def spike_table(found: Evaluation) -> Table:
    """One row per hidden layer: spikes of a neuron over all steps and in each; of a CNN, active neurons."""
    network, rates = found.subject.network, found.spikes_per_neuron
    title = "active_per_neuron" if network.is_cnn else "spikes_per_neuron"
    steps = () if network.is_cnn else tuple(f"{title}_step_{step}" for step in range(1, rates.shape[1] + 1))
    samples = len(found.executed.predictions)
    rows = [
        (
            layer.name,
            layer.shape.neurons,
            float(rate.sum()),
            int(saturated) / samples,
            *(() if network.is_cnn else (float(value) for value in rate)),
        )
        for layer, rate, saturated in zip(network.layers, rates, found.executed.saturations, strict=False)
    ]
    return Table(("layer", "neurons", title, "saturations", *steps), tuple(rows))


def document(found: Evaluation) -> dict[str, object]:
    """The content of ``evaluation.json``; nothing in it depends on the time, the machine or the threads."""
    subject = found.subject
    return {
        "format": FORMAT,
        "version": VERSION,
        "versions": versions(),
        "model": model_section(subject.model, subject.network, subject.model_hash),
        "input": {
            "kind": subject.kind,
            "name": subject.source,
            "pixels": subject.pixels or None,
            "samples": len(found.executed.predictions),
            "selection": subject.selection,
            "split": dict(subject.split) or None,
            "attribution": subject.attribution,
        },
        "accuracy": asdict(found.accuracy),
        "classes": [
            {"class": item.class_id, "name": item.name, "samples": item.samples, "correct": item.correct}
            for item in found.classes
        ],
        "confusion": found.confusion.tolist(),
        "layers": _layers(found),
        "membranes": [
            {
                "bits": item.bits,
                "shifts": list(item.shifts),
                "accuracy": asdict(item.accuracy),
                "saturations": item.saturations.tolist(),
            }
            for item in found.membranes
        ],
        "map": _map_section(found.scene, subject.class_ids),
        **({"firing": [line.row() for line in found.executed.firing]} if found.executed.firing else {}),
    }


def _layers(found: Evaluation) -> list[Mapping[str, object]]:
    table = spike_table(found)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def _map_section(scene: SceneMap | None, class_ids: tuple[int, ...]) -> dict[str, object] | None:
    """How many pixels the network takes for each class."""
    if scene is None:
        return None
    counts = {str(class_id): int((scene.predicted == class_id).sum()) for class_id in class_ids}
    return {"height": scene.predicted.shape[0], "width": scene.predicted.shape[1], "pixels": counts}


def _npy(scene: SceneMap) -> bytes:
    """Class ids (H, W), in the narrowest type that holds them."""
    stream = io.BytesIO()
    np.save(stream, scene.predicted.astype(np.min_scalar_type(int(scene.predicted.max()))), allow_pickle=False)
    return stream.getvalue()


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)

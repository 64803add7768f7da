"""A network on labelled samples, from files to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pimsim.errors import OutputError, SceneError
from pimsim.model import load_network, network_hash
from pimsim.report.accuracy_table import append
from pimsim.report.evaluation import Evaluation, evaluated
from pimsim.report.evaluation_files import check_evaluation, write_evaluation
from pimsim.report.evaluation_input import Path_, Wish, source_of
from pimsim.report.evaluation_rows import rows_of_evaluation, template_of
from pimsim.report.evaluation_work import Work, amount, membrane_numerics, narrowed, whole_scene_map
from pimsim.report.picture import check_format, check_matplotlib
from pimsim.resources import MODEL, find
from pimsim.simulation import Progress


def evaluate(
    model: Path_,
    input: Path_ | None = None,  # noqa: A002 - the name that the command line has for it
    *,
    labels: Path_ | None = None,
    pixels: str | None = None,
    samples: int | None = None,
    membrane_bits: Sequence[int] = (),
    whole_scene: bool = False,
    out: Path_ | None = None,
    plot: str | None = None,
    results: Path_ | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Accuracy and spikes of a model on the pixels of a scene, on images, or on the samples of a trace.

    model          path or shipped name of a model, ``cnn3d_6b``
    input          a scene with labels, an image set, or a trace; None: what the model was trained on
    labels         file of the scene's labels; None: as `pimsim.scenes.load_scene` finds them
    pixels         ``test``, ``train`` or ``labelled``; None: the test pixels of the model's own split, or all
                   labelled ones where the model was not trained on this scene; of images the test images
    samples        that many of them, evenly spaced; of a trace its first ones; None: all
    membrane_bits  also the accuracy with membranes of that many bits, 4 … 32, each as `Membranes`
    whole_scene    also classify every pixel of the scene
    out            folder to write to, docs/evaluation.md; None: nothing is written
    plot           also draw confusion and spikes there, ``svg`` or ``png``
    results        table of results (`pimsim.report.accuracy_table`) to add the accuracies to
    threads        None: all cores; results do not depend on it
    progress       called with (samples done, samples in all)

    Raises a `PimsimError` that names what is wrong, before the long work wherever it can.
    """
    _check_output(out, plot, whole_scene=whole_scene)
    path = find(MODEL, model)
    network = load_network(path)
    words = [(bits, membrane_numerics(network, bits)) for bits in dict.fromkeys(membrane_bits)]
    source = source_of(network, path.stem, network_hash(network), Wish(input, labels, pixels, samples))
    if whole_scene and source.scene is None:
        what = {"trace": "a trace", "images": "an image set"}[source.subject.kind]
        raise SceneError(f"a map needs a whole scene, {source.subject.source} is {what}")
    template = None if results is None else template_of(path, source.subject, Path(results))
    work = Work(network, source, amount(source, len(words), whole_scene=whole_scene), threads, progress)
    found = work.run(source.indices)
    narrow = [narrowed(work, bits, numerics) for bits, numerics in words]
    scene = whole_scene_map(work, source.scene, found.predictions) if whole_scene and source.scene else None
    result = evaluated(source.subject, source.labels, found, narrow, scene)
    if out is not None:
        write_evaluation(result, out, plot=plot)
    if results is not None and template is not None:
        append(results, rows_of_evaluation(result, template))
    return result


def _check_output(out: Path_ | None, plot: str | None, *, whole_scene: bool) -> None:
    if plot is not None:
        check_format(plot)
    if plot is not None and out is None:
        raise OutputError(f'plot="{plot}" needs a folder to write to (out)')
    if out is None:
        return
    if plot is not None or whole_scene:
        check_matplotlib()
    check_evaluation(out)

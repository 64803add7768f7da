"""From a recipe to an exported network: ANN → conversion → Q-STDB → export, each stage resumable."""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import astuple
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pimsim import __version__
from pimsim.errors import OutputError
from pimsim.model import save_network
from pimsim.model.accuracy import Accuracy, accuracy
from pimsim.model.architecture import ARCHITECTURES
from pimsim.model.network import IntegerNetwork
from pimsim.simulation import execute
from pimsim.traces import Trace, save_trace, unpack_spikes
from pimsim.training.checkpoint import load_checkpoint, save_checkpoint
from pimsim.training.conversion import convert
from pimsim.training.data import Dataset, prepare
from pimsim.training.evaluate import evaluate
from pimsim.training.export import Agreement, agreement, export
from pimsim.training.network import Network, Precision
from pimsim.training.recipe import Recipe
from pimsim.training.stages import Report, Run, train_stage

Forward = Callable[[Tensor], Tensor]

#: steps at which the paper states the converted network's accuracy (Table II)
CONVERTED_STEPS = 50
#: samples of the shipped trace, and of the comparison of float and integer spikes
TRACE_SAMPLES = 200


def train(recipe: Recipe, out: Path, *, command: str, report: Report, threads: int | None = None) -> dict[str, object]:
    """Run every stage that is not done yet in ``out`` and export the network there.

    Writes ``<name>.npz``, ``<name>.json`` (command, seed, accuracies, agreement) and
    ``<name>_trace.npz``; returns the JSON's content.  Raises TrainingError, OutputError, SceneError.
    """
    _prepare_machine(threads)
    data = prepare(recipe)
    architecture = ARCHITECTURES[recipe.network](data.bands, data.classes, recipe.patch)
    run = Run(out, recipe.digest, recipe.seed, report)
    network = Network(architecture, data.grid, seed=recipe.seed)
    accuracies = _ann(network, data, recipe, run)
    accuracies |= _convert(network, data, recipe, run)
    accuracies |= _qstdb(network, data, recipe, run)
    return _export(network, data, recipe, run, accuracies, command)


def _prepare_machine(threads: int | None) -> None:
    """Keep freed memory: returning it to the system and faulting it in anew costs up to half of a step."""
    if threads is not None:
        torch.set_num_threads(threads)
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # glibc
        library.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        library.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD


def _measure(
    name: str, network: Network, data: Dataset, run: Run, forwards: Mapping[str, Forward]
) -> dict[str, Accuracy]:
    """Test accuracy of each forward pass, from the stage's checkpoint where an earlier run measured it."""
    path = run.folder / f"{name}.accuracy.ckpt"
    state = load_checkpoint(path, run.digest)
    if state is None:
        codes, labels = data.codes[data.test], data.labels[data.test]
        found = {key: evaluate(network, codes, labels, data.classes, forward) for key, forward in forwards.items()}
        state = {"digest": run.digest, "accuracies": {key: astuple(value) for key, value in found.items()}}
        save_checkpoint(path, state)
    accuracies = {key: Accuracy(*values) for key, values in state["accuracies"].items()}
    for key, value in accuracies.items():
        run.report(key, 1, 1, f"test OA {100 * value.overall:.2f} %")
    return accuracies


def _ann(network: Network, data: Dataset, recipe: Recipe, run: Run) -> dict[str, Accuracy]:
    fast, exact = (partial(network.forward_relu, precision=Precision(half=half)) for half in (True, False))
    codes, labels = data.codes[data.train], data.labels[data.train]
    network.dropout = recipe.ann.dropout
    train_stage("ann", network, lambda x, _: fast(x), codes, labels, recipe.ann, run)
    return _measure("ann", network, data, run, {"ann": exact})


def _convert(network: Network, data: Dataset, recipe: Recipe, run: Run) -> dict[str, Accuracy]:
    settings = recipe.conversion
    generator = torch.Generator().manual_seed(recipe.seed)
    batch = data.train[torch.randperm(len(data.train), generator=generator)[: settings.batch]]
    thresholds = convert(
        network,
        network.centre(data.codes[batch]),
        steps=settings.steps,
        percentile=settings.percentile,
        factor=settings.factor,
    )
    run.report("conversion", 1, 1, "thresholds " + " ".join(f"{value:.3f}" for value in thresholds))
    forwards = {
        f"converted_{steps}_steps": partial(network.forward_spiking, precision=Precision(), steps=steps)
        for steps in (CONVERTED_STEPS, recipe.time_steps)
    }
    return _measure("converted", network, data, run, forwards)


def _precision(recipe: Recipe, *, half: bool = False, floor_leak: bool = False) -> Precision:
    return Precision(recipe.weight_bits, recipe.scheme, recipe.leak_fraction_bits, half=half, floor_leak=floor_leak)


def _qstdb(network: Network, data: Dataset, recipe: Recipe, run: Run) -> dict[str, Accuracy]:
    stage = recipe.qstdb
    fast, exact = (
        partial(network.forward_spiking, precision=_precision(recipe, half=half), steps=recipe.time_steps)
        for half in (True, False)
    )

    def forward(x: Tensor, epoch: int) -> Tensor:
        return exact(x) if epoch >= stage.epochs - stage.exact_epochs else fast(x)

    network.dropout = stage.dropout
    train_stage("qstdb", network, forward, data.codes[data.train], data.labels[data.train], stage, run)
    return _measure("qstdb", network, data, run, {"qstdb": exact})


def _integer_accuracy(integer: IntegerNetwork, data: Dataset) -> Accuracy:
    codes, labels = data.codes[data.test].numpy(), data.labels[data.test].numpy()
    predictions = []
    for start in range(0, len(labels), 512):  # a trace of every test pixel at once would fill the memory
        predictions.append(execute(integer, codes[start : start + 512]).outputs.argmax(1))
    return accuracy(labels, np.concatenate(predictions), data.classes)


def _agreement(network: Network, integer: IntegerNetwork, trace: Trace, recipe: Recipe) -> dict[str, Agreement]:
    spikes = unpack_spikes(trace, integer.architecture)
    predictions = trace.outputs.argmax(1)
    codes = torch.from_numpy(trace.inputs)
    forms = {"as_trained": _precision(recipe), "with_leak_rounded": _precision(recipe, floor_leak=True)}
    return {name: agreement(network, codes, form, spikes, predictions) for name, form in forms.items()}


def _export(
    network: Network,
    data: Dataset,
    recipe: Recipe,
    run: Run,
    accuracies: dict[str, Accuracy],
    command: str,
) -> dict[str, object]:
    provenance = {
        "command": command,
        "tool": f"pimsim {__version__}",
        "scene": data.scene,
        "attribution": data.attribution,
        "seed": recipe.seed,
        "train_fraction": recipe.train_fraction,
    }
    plain = export(network, data.quantization, _precision(recipe), time_steps=recipe.time_steps)
    accuracies["export"] = _integer_accuracy(plain, data)
    scaled = export(network, data.quantization, _precision(recipe), time_steps=recipe.time_steps, scheme="scale")
    accuracies["export_scale_weights"] = _integer_accuracy(scaled, data)
    summary = {name: value.percent() for name, value in accuracies.items()}
    integer = export(
        network,
        data.quantization,
        _precision(recipe),
        time_steps=recipe.time_steps,
        provenance=provenance | {"accuracy": summary["export"]},
    )
    pick = data.test[torch.randperm(len(data.test), generator=torch.Generator().manual_seed(recipe.seed))]
    chosen = torch.sort(pick[:TRACE_SAMPLES]).values
    trace = execute(integer, data.codes[chosen].numpy(), data.labels[chosen].numpy())
    agreements = _agreement(network, integer, trace, recipe)
    result: dict[str, object] = {
        **provenance,
        "recipe": recipe.model_dump(),
        "test_samples": len(data.test),
        "accuracy": summary,
        "spike_agreement_percent": {name: value.describe() for name, value in agreements.items()},
        "thresholds": [layer.neuron.threshold for layer in integer.layers[:-1]],
        "leaks": [layer.neuron.leak for layer in integer.layers[:-1]],
    }
    save_network(integer, run.folder / f"{recipe.name}.npz")
    save_trace(trace, run.folder / f"{recipe.name}_trace.npz")
    _write_json(run.folder / f"{recipe.name}.json", result)
    return result


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error

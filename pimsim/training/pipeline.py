"""From a recipe to an exported network, each stage resumable.

A spiking network: ANN → conversion → Q-STDB → export; a CNN: ANN → quantization-aware training → export.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from pimsim import __version__
from pimsim.archive.writer import write_bytes
from pimsim.model import save_network
from pimsim.model.accuracy import Accuracy, accuracy
from pimsim.model.architecture import ARCHITECTURES
from pimsim.model.network import SCALE, IntegerNetwork
from pimsim.scenes.trained import KEY
from pimsim.simulation import execute
from pimsim.traces import Trace, save_trace, unpack_spikes
from pimsim.training import record, steps
from pimsim.training.data import Dataset, prepare
from pimsim.training.export import Agreement, activation_agreement, agreement, export
from pimsim.training.network import Network
from pimsim.training.recipe import Recipe
from pimsim.training.stages import Report, Run


def train(recipe: Recipe, out: Path, *, command: str, report: Report, threads: int | None = None) -> dict[str, object]:
    """Run every stage that is not done yet in ``out`` and export the network there.

    Writes ``<name>.npz``, ``<name>.json`` (command, seed, accuracies, agreement) and
    ``<name>_trace.npz``; returns the JSON's content.  Raises TrainingError, OutputError, SceneError.
    """
    steps.prepare_machine(threads)
    data = prepare(recipe)
    architecture = ARCHITECTURES[recipe.network](data.bands, data.classes, recipe.patch)
    run = Run(out, recipe.digest, recipe.seed, report)
    run.report("split", 1, 1, data.division.summary)
    bits = recipe.qat.activation_bits if recipe.qat else None
    network = Network(architecture, data.grid, seed=recipe.seed, activation_bits=bits)
    accuracies = steps.train_relu(network, data, recipe, run)
    if recipe.qat is not None:
        accuracies |= steps.train_quantized(network, data, recipe, recipe.qat, run)
    if recipe.qstdb is not None:
        accuracies |= steps.set_thresholds(network, data, recipe, run)
        accuracies |= steps.train_spiking(network, data, recipe, recipe.qstdb, run)
    return _export(network, data, recipe, run, accuracies, command)


def _integer_accuracy(integer: IntegerNetwork, data: Dataset) -> Accuracy:
    codes, labels = data.codes[data.test].numpy(), data.labels[data.test].numpy()
    return accuracy(labels, record.predictions(integer, codes), data.classes)


def _agreement(network: Network, integer: IntegerNetwork, trace: Trace, recipe: Recipe) -> dict[str, Agreement]:
    shapes = [(*layer.shape.out_size, layer.shape.out_channels) for layer in integer.layers[:-1]]
    if integer.is_cnn:
        maps = [values.reshape(-1, *shape) for values, shape in zip(trace.activations, shapes, strict=True)]
        arguments = (torch.from_numpy(trace.inputs), steps.recipe_precision(recipe), maps, trace.outputs.argmax(1))
        return {"as_trained": activation_agreement(network, *arguments)}
    spikes = [unpack_spikes(packed, shape) for packed, shape in zip(trace.spikes, shapes, strict=True)]
    predictions = trace.outputs.argmax(1)
    codes = torch.from_numpy(trace.inputs)
    forms = {
        "as_trained": steps.recipe_precision(recipe),
        "with_leak_rounded": steps.recipe_precision(recipe, floor_leak=True),
    }
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
        KEY: data.division.describe(),
    }
    passes = recipe.time_steps if recipe.qstdb is not None else 1
    convert = partial(export, network, data.quantization, steps.recipe_precision(recipe), time_steps=passes)
    accuracies["export"] = _integer_accuracy(convert(), data)
    if recipe.scheme != SCALE:
        accuracies["export_scale_weights"] = _integer_accuracy(convert(scheme=SCALE), data)
    summary = {name: value.percent() for name, value in accuracies.items()}
    integer = convert(provenance=provenance | {"accuracy": summary["export"], "float_accuracy": summary["ann"]})
    pick = data.test[torch.randperm(len(data.test), generator=torch.Generator().manual_seed(recipe.seed))]
    chosen = torch.sort(pick[: record.trace_samples(integer)]).values
    trace = execute(integer, data.codes[chosen].numpy(), data.labels[chosen].numpy())
    trace = replace(trace, provenance={key: provenance[key] for key in ("tool", "scene", "attribution", "seed", KEY)})
    values = "activation" if integer.is_cnn else "spike"
    agreements = _agreement(network, integer, trace, recipe)
    result: dict[str, object] = {
        **provenance,
        "recipe": recipe.settings,
        "test_samples": len(data.test),
        "classes": data.division.classes(),
        "accuracy": summary,
        f"{values}_agreement_percent": {name: value.describe() for name, value in agreements.items()},
        **_neurons(integer),
    }
    save_network(integer, run.folder / f"{recipe.name}.npz")
    save_trace(trace, run.folder / f"{recipe.name}_trace.npz")
    for name in [key for key in accuracies if key.startswith("export")]:
        run.report(name, 1, 1, f"test OA {100 * accuracies[name].overall:.2f} % in integer arithmetic")
    for name, value in agreements.items():
        shares = ", ".join(f"{layer} {share:.2f}" for layer, share in value.describe().items())
        run.report(f"{values} agreement {name}", 1, 1, f"% equal: {shares}")
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    write_bytes(run.folder / f"{recipe.name}.json", text.encode())
    return result


def _neurons(integer: IntegerNetwork) -> dict[str, object]:
    """What the hidden layers' neurons compute with, for the JSON file."""
    keys = (
        {"multipliers": "multiplier", "shifts": "shift"}
        if integer.is_cnn
        else {"thresholds": "threshold", "leaks": "leak"}
    )
    return {name: [getattr(layer.neuron, key) for layer in integer.layers[:-1]] for name, key in keys.items()}

"""From a recipe to its network, stage by stage; each is resumable, and can be taken over from another run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pimsim import __version__
from pimsim.errors import ModelError
from pimsim.model import save_network
from pimsim.model.accuracy import Accuracy, accuracy
from pimsim.model.architecture import Architecture
from pimsim.model.network import SCALE, IntegerNetwork
from pimsim.scenes.trained import KEY
from pimsim.simulation import execute
from pimsim.traces import Trace, save_trace, unpack_spikes
from pimsim.training import graph, record, steps
from pimsim.training.coding import Coding, firing_range
from pimsim.training.data import Dataset, prepare
from pimsim.training.export import Agreement, activation_agreement, agreement, export
from pimsim.training.network import Network
from pimsim.training.recipe import Recipe
from pimsim.training.result_file import write_result
from pimsim.training.run_folder import Effort, Report, Run, check_source, locked, take
from pimsim.training.stages import parameters
from pimsim.training.steps import Job


def train(
    recipe: Recipe,
    out: Path,
    *,
    command: str,
    report: Report,
    until: str | None = None,
    source: Path | None = None,
    threads: int | None = None,
    device: str = "auto",
) -> dict[str, object]:
    """Run every stage that is not done yet in ``out``, up to ``until``, and export the network there.

    ``source``: folder of another run, whose finished stages are taken over as far as they are this recipe's.  Writes
    ``<name>.json`` (command, seed, accuracies, effort) and, at an export, ``<name>.npz`` and ``<name>_trace.npz``;
    returns what the JSON says of these stages, which also keeps what a run of the same settings that went further left
    there.  Raises TrainingError, OutputError, SceneError, ModelError.
    """
    stages = graph.path_until(recipe, until)
    if source is not None:
        check_source(source, out)
    place = steps.prepare_machine(threads, device)
    data = prepare(recipe)
    network = _network(recipe, data).to(place)
    keys = graph.keys(recipe, _content(data, data.train))
    run = Run(out, keys, recipe.seed, report, place, _content(data, data.test))
    with locked(out):
        run.check()
        run.report("split", 1, 1, data.division.summary)
        if source is not None:
            take(run, source, tuple(stage for stage in stages if stage not in (graph.PTQ, graph.EXPORT)))
        result = _perform(Job(network, data, recipe, run), stages, command)
        write_result(out / f"{recipe.name}.json", result, graph.path(recipe))
    return result


def _perform(job: Job, stages: tuple[str, ...], command: str) -> dict[str, object]:
    """Carry out ``stages``; returns what the JSON file says."""
    accuracies: dict[str, Accuracy] = {}
    efforts: dict[str, Effort] = {}
    for stage in (stage for stage in stages if stage != graph.EXPORT):
        outcome = steps.perform(stage, job)
        accuracies |= outcome.accuracies
        efforts |= {} if outcome.effort is None else {stage: outcome.effort}
    job.network.to("cpu")
    product = _export(job, accuracies, command) if graph.EXPORT in stages else {}
    summary = {name: value.percent() for name, value in accuracies.items()}
    return _summary(job, command, stages, efforts) | {"accuracy": summary} | product


def _network(recipe: Recipe, data: Dataset) -> Network:
    """The network before training.  Raises ModelError where it does not fit, or dropout names a layer it lacks."""
    architecture = _architecture(recipe, data)
    bits = recipe.qat.activation_bits if recipe.qat else None
    coding = _coding(recipe, data)
    network = Network(architecture, data.grid, seed=recipe.seed, activation_bits=bits, coding=coding)
    for stage in (recipe.ann, recipe.snn, recipe.qstdb, recipe.qat):
        if stage is not None:  # a wrong name is told now, not after hours of training
            network.set_dropout(0.0, stage.dropout_layers)
    return network


def _coding(recipe: Recipe, data: Dataset) -> Coding:
    spikes = firing_range(data.codes[data.train], recipe.spike_percentiles, data.grid) if recipe.is_hybrid else None
    return Coding(spikes, recipe.neuron, recipe.readout)


def _architecture(recipe: Recipe, data: Dataset) -> Architecture:
    try:
        return recipe.network.architecture(data.input_shape, data.classes)
    except ModelError as error:
        channels, bands, height, width = data.input_shape
        sizes = f"patch={recipe.patch} and the {bands} bands of {data.scene}"
        if recipe.takes_images:
            sizes = f"the images of {data.scene}, {channels}×{height}×{width}"
        raise ModelError(f"network {recipe.network.name} does not fit {sizes}: {error}") from error


def _content(data: Dataset, chosen: Tensor) -> str:
    """Hash of what a network sees of the ``chosen`` samples: codes, their grid, and labels."""
    digest = hashlib.sha256(repr((data.grid, tuple(data.codes.shape[1:]), data.classes)).encode())
    for part in chosen.split(1024):
        digest.update(data.codes[part].numpy().tobytes())
        digest.update(data.labels[part].numpy().tobytes())
    return digest.hexdigest()[:32]


def _provenance(job: Job, command: str) -> dict[str, object]:
    recipe, data = job.recipe, job.data
    return {
        "command": command,
        "tool": f"pimsim {__version__}",
        "scene": data.scene,
        "attribution": data.attribution,
        "seed": recipe.seed,
        KEY: data.division.describe(),
    }


def _summary(job: Job, command: str, stages: tuple[str, ...], efforts: Mapping[str, Effort]) -> dict[str, object]:
    """What the JSON file says of every run, exported or not."""
    return {
        **_provenance(job, command),
        "recipe": job.recipe.settings,
        "test_samples": len(job.data.test),
        "train_samples": len(job.data.train),
        "split_label": job.data.division.label,
        "classes": job.data.division.classes(),
        "last_stage": stages[-1],
        "stages": {stage: asdict(effort) for stage, effort in efforts.items()},
    }


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


def _export(job: Job, accuracies: dict[str, Accuracy], command: str) -> dict[str, object]:
    """Write model and trace; adds the integer network's accuracies, returns what else the JSON file says of it."""
    network, data, recipe, run = job.network, job.data, job.recipe, job.run
    passes = 1 if recipe.qat is not None else recipe.time_steps
    convert = partial(export, network, data.quantization, steps.recipe_precision(recipe), time_steps=passes)
    accuracies |= _integer_accuracies(job, convert)
    summary = {name: accuracies[name].percent() for name in ("export", "ann")}
    provenance = _provenance(job, command)
    integer = convert(provenance=provenance | {"accuracy": summary["export"], "float_accuracy": summary["ann"]})
    pick = data.test[torch.randperm(len(data.test), generator=torch.Generator().manual_seed(recipe.seed))]
    chosen = torch.sort(pick[: record.trace_samples(integer)]).values
    trace = execute(integer, data.codes[chosen].numpy(), data.labels[chosen].numpy())
    trace = replace(trace, provenance={key: provenance[key] for key in ("tool", "scene", "attribution", "seed", KEY)})
    values = "activation" if integer.is_cnn else "spike"
    agreements = _agreement(network, integer, trace, recipe)
    save_network(integer, run.folder / f"{recipe.name}.npz")
    save_trace(trace, run.folder / f"{recipe.name}_trace.npz")
    for name, value in agreements.items():
        shares = ", ".join(f"{layer} {share:.2f}" for layer, share in value.describe().items())
        run.report(f"{values} agreement {name}", 1, 1, f"% equal: {shares}")
    return {
        f"{values}_agreement_percent": {name: value.describe() for name, value in agreements.items()},
        **_neurons(integer),
    }


def _integer_accuracies(job: Job, convert: Callable[..., IntegerNetwork]) -> dict[str, Accuracy]:
    """Of the integer network as trained, and with weights quantized without a zero point as the paper infers."""
    schemes = {"export": None} | ({} if job.recipe.scheme == SCALE else {"export_scale_weights": SCALE})
    network = parameters(job.network)
    known = job.run.measured(graph.EXPORT, graph.EXPORT, network)
    for name, scheme in schemes.items():
        if name not in known:
            known[name] = _integer_accuracy(convert(scheme=scheme), job.data)
            job.run.keep_measured(graph.EXPORT, graph.EXPORT, network, known)
        job.run.report(name, 1, 1, f"test OA {100 * known[name].overall:.2f} % in integer arithmetic")
    return {name: known[name] for name in schemes}


def _neurons(integer: IntegerNetwork) -> dict[str, object]:
    """What the hidden layers' neurons compute with, for the JSON file."""
    keys = (
        {"multipliers": "multiplier", "shifts": "shift"}
        if integer.is_cnn
        else {"thresholds": "threshold", "leaks": "leak"}
    )
    return {name: [getattr(layer.neuron, key) for layer in integer.layers[:-1]] for name, key in keys.items()}

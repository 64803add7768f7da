"""The training stages of a recipe, each with the test accuracy that it reached."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import astuple
from functools import partial

import torch
from torch import Tensor

from pimsim.model.accuracy import Accuracy
from pimsim.training.checkpoint import load_checkpoint, save_checkpoint
from pimsim.training.conversion import calibrate, convert
from pimsim.training.data import Dataset
from pimsim.training.evaluate import evaluate, spiking_forward
from pimsim.training.network import Network, Precision
from pimsim.training.recipe import QuantizedStage, Recipe, SpikingStage
from pimsim.training.stages import Run, train_stage

Forward = Callable[[Tensor], Tensor]

#: steps at which the paper states the converted network's accuracy (Table II)
CONVERTED_STEPS = 50


def prepare_machine(threads: int | None) -> None:
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


def train_relu(network: Network, data: Dataset, recipe: Recipe, run: Run) -> dict[str, Accuracy]:
    fast, exact = (partial(network.forward_relu, precision=Precision(half=half)) for half in (True, False))
    codes, labels = data.codes[data.train], data.labels[data.train]
    network.dropout = recipe.ann.dropout
    train_stage("ann", network, lambda x, _: fast(x), codes, labels, recipe.ann, run)
    return _measure("ann", network, data, run, {"ann": exact})


def set_thresholds(network: Network, data: Dataset, recipe: Recipe, run: Run) -> dict[str, Accuracy]:
    settings = recipe.conversion
    thresholds = convert(
        network,
        _one_batch(network, data, recipe, settings.batch),
        steps=settings.steps,
        percentile=settings.percentile,
        factor=settings.factor,
    )
    run.report("conversion", 1, 1, "thresholds " + " ".join(f"{value:.3f}" for value in thresholds))
    forwards = {
        # a spike is exact in bfloat16; over so many steps the rounding of the sums changes next to no prediction
        f"converted_{CONVERTED_STEPS}_steps": spiking_forward(network, Precision(half=True), CONVERTED_STEPS),
        f"converted_{recipe.time_steps}_steps": spiking_forward(network, Precision(), recipe.time_steps),
    }
    return _measure("converted", network, data, run, forwards)


def _one_batch(network: Network, data: Dataset, recipe: Recipe, samples: int) -> Tensor:
    """Centred codes of training samples that the seed chooses."""
    generator = torch.Generator().manual_seed(recipe.seed)
    batch = data.train[torch.randperm(len(data.train), generator=generator)[:samples]]
    return network.centre(data.codes[batch])


def train_quantized(
    network: Network, data: Dataset, recipe: Recipe, stage: QuantizedStage, run: Run
) -> dict[str, Accuracy]:
    """Clips from the ReLU network's activations, then quantization-aware training of weights and clips."""
    batch = _one_batch(network, data, recipe, stage.calibration)
    clips = calibrate(network, batch, percentile=stage.percentile)
    run.report("calibration", 1, 1, "clips " + " ".join(f"{value:.3f}" for value in clips))
    fast, exact = (
        partial(network.forward_quantized, precision=recipe_precision(recipe, half=half)) for half in (True, False)
    )
    accuracies = _measure("calibrated", network, data, run, {"calibrated": exact})

    def forward(x: Tensor, epoch: int) -> Tensor:
        return exact(x) if epoch >= stage.epochs - stage.exact_epochs else fast(x)

    network.dropout = stage.dropout
    train_stage("qat", network, forward, data.codes[data.train], data.labels[data.train], stage, run)
    return accuracies | _measure("qat", network, data, run, {"qat": exact})


def recipe_precision(recipe: Recipe, *, half: bool = False, floor_leak: bool = False) -> Precision:
    return Precision(recipe.weight_bits, recipe.scheme, recipe.leak_fraction_bits, half=half, floor_leak=floor_leak)


def train_spiking(
    network: Network, data: Dataset, recipe: Recipe, stage: SpikingStage, run: Run
) -> dict[str, Accuracy]:
    fast, exact = (
        partial(network.forward_spiking, precision=recipe_precision(recipe, half=half), steps=recipe.time_steps)
        for half in (True, False)
    )

    def forward(x: Tensor, epoch: int) -> Tensor:
        return exact(x) if epoch >= stage.epochs - stage.exact_epochs else fast(x)

    network.dropout = stage.dropout
    train_stage("qstdb", network, forward, data.codes[data.train], data.labels[data.train], stage, run)
    measured = spiking_forward(network, recipe_precision(recipe), recipe.time_steps)
    return _measure("qstdb", network, data, run, {"qstdb": measured})

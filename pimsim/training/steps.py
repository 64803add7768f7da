"""The training stages of a recipe, each with the test accuracy that it reached."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from pimsim.errors import TrainingError
from pimsim.model.accuracy import Accuracy
from pimsim.training import graph
from pimsim.training.conversion import calibrate, convert
from pimsim.training.data import Dataset
from pimsim.training.evaluate import evaluate, spiking_forward
from pimsim.training.network import Network, Precision
from pimsim.training.recipe import Recipe
from pimsim.training.run_folder import Effort, Run
from pimsim.training.stage_settings import QuantizedStage, SpikingStage
from pimsim.training.stages import Augment, load_network, parameters, train_stage

Forward = Callable[[Tensor], Tensor]

#: steps at which the paper states the converted network's accuracy (Table II)
CONVERTED_STEPS = 50
#: PyTorch's thread pool ends the process where the system cannot start as many as it is told to
MOST_THREADS = 1024


def prepare_machine(threads: int | None, device: str = "auto") -> torch.device:
    """Set the threads and choose the device, ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.

    Freed memory is kept: returning it to the system and faulting it in anew costs up to half of a step.  A GPU is told
    to compute float32 in float32, in which sums of spikes are exact, and the same way each time.  Raises TrainingError
    where the device is not there, or for more than `MOST_THREADS`.
    """
    if threads is not None and threads > MOST_THREADS:
        raise TrainingError(f"--threads {threads}: at most {MOST_THREADS}")
    if threads is not None:
        torch.set_num_threads(threads)
    library = _c_library()
    if library is not None and hasattr(library, "mallopt"):  # glibc
        library.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        library.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: PyTorch finds no such device here")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu")


def _c_library() -> ctypes.CDLL | None:
    """What this process was linked with; Windows does not tell."""
    return None if sys.platform == "win32" else ctypes.CDLL(None)


def _return_memory() -> None:
    """Give freed memory back to the system where the library can: evaluations hold more than training does."""
    library = _c_library()
    if library is not None and hasattr(library, "malloc_trim"):  # glibc
        library.malloc_trim(0)


@dataclass(frozen=True)
class Job:
    """What every stage works on: the network, which it changes, and the data, by the recipe, in the run's folder."""

    network: Network
    data: Dataset
    recipe: Recipe
    run: Run

    @property
    def training(self) -> tuple[Tensor, Tensor, Augment]:
        """Input codes and labels of the training samples, and how they are augmented."""
        return self.data.codes[self.data.train], self.data.labels[self.data.train], self.data.augment


@dataclass(frozen=True)
class Outcome:
    """Test accuracies by name, and what the stage took; None where it has nothing to train."""

    accuracies: dict[str, Accuracy] = field(default_factory=dict)
    effort: Effort | None = None


def _measure(job: Job, stage: str, forwards: Mapping[str, Forward], name: str | None = None) -> dict[str, Accuracy]:
    """Test accuracy of each forward pass after ``stage``; what an earlier sitting measured is not measured again."""
    data, name = job.data, name or stage
    network = parameters(job.network, neurons=stage != graph.ANN)
    known = job.run.measured(stage, name, network)
    for key, forward in forwards.items():
        if key not in known:
            codes, labels = data.codes[data.test], data.labels[data.test]
            known[key] = evaluate(job.network, codes, labels, data.classes, forward)
            _return_memory()
            job.run.keep_measured(stage, name, network, known)
        job.run.report(key, 1, 1, f"test OA {100 * known[key].overall:.2f} %")
    return {key: known[key] for key in forwards}


def train_relu(job: Job) -> Outcome:
    network = job.network
    fast, exact = (partial(network.forward_relu, precision=Precision(half=half)) for half in (True, False))
    effort = train_stage(
        graph.ANN, network, lambda x, _: fast(x), *job.training, job.recipe.ann, job.run, neurons=False
    )
    return Outcome(_measure(job, graph.ANN, {"ann": exact}), effort)


def set_thresholds(job: Job) -> Outcome:
    """Conversion, from its checkpoint where an earlier sitting did it."""
    network, run = job.network, job.run
    state = run.load(graph.CONVERSION)
    if state is None:
        effort = _convert(job)
        run.save(graph.CONVERSION, {"network": parameters(network), "finished": True}, effort)
    else:
        load_network(network, state, run.file(graph.CONVERSION))
        effort = Effort.of(state)
    thresholds = " ".join(f"{value.item():.3f}" for value in network.thresholds)
    run.report(graph.CONVERSION, 1, 1, f"thresholds {thresholds}")
    steps = job.recipe.time_steps
    forwards = {f"converted_{steps}_steps": spiking_forward(network, Precision(), steps)}
    if not job.recipe.tells_time:
        # a spike is exact in bfloat16; over so many steps the rounding of the sums changes next to no prediction
        many = spiking_forward(network, Precision(half=True), CONVERTED_STEPS)
        forwards = {f"converted_{CONVERTED_STEPS}_steps": many} | forwards
    return Outcome(_measure(job, graph.CONVERSION, forwards), effort)


def _convert(job: Job) -> Effort:
    """Thresholds and leaks from one batch; on the processor, whose percentiles do not depend on the device."""
    settings, began = job.recipe.conversion, time.perf_counter()
    job.network.to("cpu")
    convert(
        job.network,
        _one_batch(job, settings.batch),
        steps=job.recipe.conversion_steps,
        percentile=settings.percentile,
        factor=settings.factor,
    )
    job.network.to(job.run.device)
    return Effort().plus(epochs=0, wall_s=time.perf_counter() - began, device=torch.device("cpu"))


def _one_batch(job: Job, samples: int) -> Tensor:
    """Centred codes of training samples that the seed chooses."""
    data, generator = job.data, torch.Generator().manual_seed(job.recipe.seed)
    batch = data.train[torch.randperm(len(data.train), generator=generator)[:samples]]
    return job.network.centre(data.codes[batch])


def train_quantized(job: Job, stage: QuantizedStage) -> Outcome:
    """Clips from the ReLU network's activations, then quantization-aware training of weights and clips."""
    network = job.network.to("cpu")
    clips = calibrate(network, _one_batch(job, stage.calibration), percentile=stage.percentile)
    network.to(job.run.device)
    job.run.report("calibration", 1, 1, "clips " + " ".join(f"{value:.3f}" for value in clips))
    fast, exact = (
        partial(network.forward_quantized, precision=recipe_precision(job.recipe, half=half)) for half in (True, False)
    )
    accuracies = _measure(job, graph.QAT, {"calibrated": exact}, "calibrated")

    def forward(x: Tensor, epoch: int) -> Tensor:
        return exact(x) if epoch >= stage.epochs - stage.exact_epochs else fast(x)

    effort = train_stage(graph.QAT, network, forward, *job.training, stage, job.run)
    return Outcome(accuracies | _measure(job, graph.QAT, {"qat": exact}), effort)


def recipe_precision(recipe: Recipe, *, half: bool = False, floor_leak: bool = False) -> Precision:
    return Precision(recipe.weight_bits, recipe.scheme, recipe.leak_fraction_bits, half=half, floor_leak=floor_leak)


def train_float_spiking(job: Job, stage: SpikingStage) -> Outcome:
    """STDB: weights, thresholds and leaks in float."""
    return _train_through_time(job, graph.SNN, stage, Precision(half=True), Precision())


def train_spiking(job: Job, stage: SpikingStage) -> Outcome:
    """Q-STDB: fake-quantized weights, thresholds and leaks in the accelerator's integers."""
    fast, exact = (recipe_precision(job.recipe, half=half) for half in (True, False))
    return _train_through_time(job, graph.QSTDB, stage, fast, exact)


def _train_through_time(job: Job, name: str, stage: SpikingStage, fast: Precision, exact: Precision) -> Outcome:
    network, steps = job.network, job.recipe.time_steps

    def forward(x: Tensor, epoch: int) -> Tensor:
        return network.forward_spiking(x, exact if epoch >= stage.epochs - stage.exact_epochs else fast, steps)

    effort = train_stage(name, network, forward, *job.training, stage, job.run)
    return Outcome(_measure(job, name, {name: spiking_forward(network, exact, steps)}), effort)


def quantize_after_training(job: Job) -> Outcome:
    """The spiking network as it is, with weights, thresholds and leaks rounded: nothing is trained."""
    forward = spiking_forward(job.network, recipe_precision(job.recipe), job.recipe.time_steps)
    return Outcome(_measure(job, graph.PTQ, {graph.PTQ: forward}))


def perform(stage: str, job: Job) -> Outcome:
    """The work of one of the recipe's stages before the export."""
    recipe = job.recipe
    if stage == graph.ANN:
        return train_relu(job)
    if stage == graph.CONVERSION:
        return set_thresholds(job)
    if stage == graph.SNN and recipe.snn is not None:
        return train_float_spiking(job, recipe.snn)
    if stage == graph.QSTDB and recipe.qstdb is not None:
        return train_spiking(job, recipe.qstdb)
    if stage == graph.PTQ:
        return quantize_after_training(job)
    if stage == graph.QAT and recipe.qat is not None:
        return train_quantized(job, recipe.qat)
    raise ValueError(f"the recipe {recipe.name} has no stage {stage!r}")

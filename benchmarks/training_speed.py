"""Optimizer steps of training beside the same steps in plain torch, on one core, in alternating rounds.

    python benchmarks/training_speed.py [--network cnn3d cnn32h] [--earlier FOLDER] [--rounds N] [--batch N]

Contestants, each a process of its own with one thread:

* ``plain``: what one would write first. Float32, one conv3d per layer and time step (the first once), the neuron in
  torch operations, its gradient and that of the fake quantization by autograd, AdamW as the library has it.
* ``earlier``: the package in FOLDER, another checkout of this repository.
* ``now``: this package.

Stages: ``ann`` (ReLU network, bfloat16), ``exact`` and ``qstdb`` (5 time steps, 6 bits, in float32 and in bfloat16).
``plain`` has one spiking stage, which is the rival of both. A step is forward, loss, backward and optimizer on samples
of Indian Pines' shape; an epoch are the 4,098 samples of its random split. Times are of the processor, best of all
rounds: other work on the machine counts as little as it can. Needs torch (``pip install pimsim[train]``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

STAGES = ("ann", "exact", "qstdb")
SAMPLES, BANDS, CLASSES, STEPS, BITS = 4098, 200, 16, 5, 6
HERE = Path(__file__).resolve().parents[1]


def main() -> None:
    options = _options()
    if options.worker:
        sys.path.insert(0, str(options.earlier))  # before any installed package
        _work(options)
        return
    for network in options.network:
        times = _alternate(network, options)
        print(f"\n{network}, batch {options.batch}: ms per step (best, median of {options.rounds}), epochs per hour")
        for (contestant, stage), values in times.items():
            hourly = 3600e3 / (min(values) * SAMPLES / options.batch)
            print(f"  {contestant:<8} {stage:<6} {min(values):9.2f} {median(values):9.2f} {hourly:8.1f}")
        for (contestant, stage), values in times.items():
            if contestant != "now":
                rival = min(values) / min(times["now", stage])
                print(f"ratio training_vs_{contestant}_{network}_{stage} {rival:.3g}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Training steps beside plain torch.")
    parser.add_argument("--network", nargs="+", choices=("cnn3d", "cnn32h"), default=["cnn3d", "cnn32h"])
    parser.add_argument("--earlier", type=Path, help="another checkout of this repository")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--worker", choices=("plain", "package"), help=argparse.SUPPRESS)
    return parser.parse_args()


def _alternate(network: str, options: argparse.Namespace) -> dict[tuple[str, str], list[float]]:
    """Milliseconds of every step of every contestant and stage, the first round left out."""
    folders = {"plain": HERE, "now": HERE} | ({"earlier": options.earlier.resolve()} if options.earlier else {})
    workers = {name: _start(name, folder, network, options.batch) for name, folder in folders.items()}
    times: dict[tuple[str, str], list[float]] = {(name, stage): [] for name in workers for stage in STAGES}
    for number in range(options.rounds + 1):
        for (name, stage), values in times.items():
            took = _ask(workers[name], stage)
            if took is not None and number:  # the first compiles and warms up
                values.append(took)
    for worker in workers.values():
        worker.communicate()
    return {key: values for key, values in times.items() if len(values) == options.rounds}


def _start(name: str, folder: Path, network: str, batch: int) -> subprocess.Popen[str]:
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kind = "plain" if name == "plain" else "package"
    command = [sys.executable, __file__, "--worker", kind, "--network", network, "--batch", str(batch)]
    command += ["--earlier", str(folder)]
    return subprocess.Popen(command, env=os.environ | limits, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ask(worker: subprocess.Popen[str], stage: str) -> float | None:
    """Milliseconds of a step; None of a package that cannot do the stage."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    print(stage, file=worker.stdin, flush=True)
    answer: float | None = json.loads(worker.stdout.readline())
    return answer


def _work(options: argparse.Namespace) -> None:
    """Answer every stage that comes in with the milliseconds of one step."""
    import torch
    from training_rival import PlainTraining

    from pimsim.model.architecture import ARCHITECTURES
    from pimsim.training.steps import prepare_machine

    prepare_machine(1)
    torch.manual_seed(0)
    architecture = ARCHITECTURES[options.network[0]](BANDS, CLASSES)
    codes = torch.randint(0, 64, (options.batch, *architecture.input_shape), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (options.batch,))
    rival = options.worker == "plain"
    step = PlainTraining(architecture, STEPS, BITS).step if rival else _package_step(options.network[0])
    for line in sys.stdin:
        began = time.process_time()
        try:
            step(line.strip(), codes, labels)
        except RuntimeError as error:  # the library lacks an operation
            print(f"{options.earlier}: {line.strip()}: {error}", file=sys.stderr)
            print("null", flush=True)
            continue
        print(json.dumps((time.process_time() - began) * 1e3), flush=True)


def _package_step(name: str) -> Callable[..., None]:
    """One optimizer step of the package that this process imports."""
    import torch
    import torch.nn.functional as F

    from pimsim.model.architecture import ARCHITECTURES
    from pimsim.training import stages
    from pimsim.training.network import Network, Precision
    from pimsim.training.quantize import Grid

    network = Network(ARCHITECTURES[name](BANDS, CLASSES), Grid.affine(-4.0, 4.0, 6))
    with torch.no_grad():
        for threshold in network.thresholds:
            threshold.fill_(0.5)
    fused = "fused=True" in Path(stages.__file__).read_text("utf-8")  # as that version's own optimizer is made
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=fused)

    def step(stage: str, codes: torch.Tensor, labels: torch.Tensor) -> None:
        inputs = network.centre(codes)
        if stage == "ann":
            logits = network.forward_relu(inputs, Precision(half=True))
        else:
            logits = network.forward_spiking(inputs, Precision(BITS, half=stage == "qstdb"), STEPS)
        optimizer.zero_grad(set_to_none=True)
        loss: Any = F.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        network.clamp()

    return step


if __name__ == "__main__":
    main()

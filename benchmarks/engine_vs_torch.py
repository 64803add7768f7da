"""The engine beside the same network in torch, on the same samples and cores, in alternating rounds.

    python benchmarks/engine_vs_torch.py [--model NAME] [--random RATE] [--vgg RATE] [--samples N] [--rounds N]
                                         [--cores 1 2] [--plain]

Rivals with weights, thresholds and leaks of the integer network:

* ``torch``: float32, batches of 64, the dense step loop, one conv3d per layer and step; the first convolution once.
* ``torch_1d``: the same with the spectral axis innermost, where most convolutions are one-dimensional.
* ``compiled``: ``torch`` through torch.compile.
* ``gemm``: float32, layer by layer, all steps of a layer one matrix product; torch.compile; batches of 4, the fastest.
* ``int8``: the same with bytes and `torch._int_mm`, bit by bit equal to the engine.

Rivals of a hybrid network, which is given by ``--vgg`` or as a shipped model:

* ``torch``: float32, batches of 64, the dense step loop, one conv2d per layer and step, also of the first one.
* ``torch_last``: the same with channels innermost.

``--plain`` leaves the last three out, which need a C++ compiler and a minute to compile.
``engine_vs_strongest`` is the ratio to the fastest of them.

Every round times each of them on every sample; a ratio is that of the best rounds, since other processes only
ever add time (and add much more of it to torch's threads, which wait for each other after every layer).
``schedule_vs_execute`` is the time of scheduling and pricing the recorded samples / that of executing them.
Needs torch (``pip install pimsim[train]``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch_rivals import Codes, Rivals

    from pimsim.model.network import IntegerNetwork
    from pimsim.traces import Trace

BATCH = 64
#: as many receptive fields as stay in a second cache
GEMM_BATCH = 4
Timed = dict[str, list[float]]


def main() -> None:
    options = _options()
    if options.worker:
        print(json.dumps(measure(options)))
        return
    ratios: dict[str, float] = {}
    for cores in options.cores:
        times = _on_cores(cores)
        print(f"\n{cores} core{'s' if cores > 1 else ''}, ms per sample: best, median of {options.rounds} rounds")
        for name, values in times.items():
            print(f"  {name:<12} {min(values):8.4f} {median(values):8.4f}")
        suffix = f"{cores}core{'s' if cores > 1 else ''}"
        rivals = [name for name in times if name not in ("engine", "schedule")]
        for rival in rivals:
            ratios[f"engine_vs_{rival}_{suffix}"] = _ratio(times, rival, "engine")
        ratios[f"engine_vs_strongest_{suffix}"] = min(_ratio(times, rival, "engine") for rival in rivals)
        ratios[f"schedule_vs_execute_{suffix}"] = _ratio(times, "schedule", "engine")
    print()
    for name, value in ratios.items():
        print(f"ratio {name} {value:.3g}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The engine beside the same network in torch.")
    parser.add_argument("--model", default="cnn3d_6b", help="a model with a shipped trace")
    parser.add_argument("--random", type=float, help="a random CNN-3D with this many spikes per neuron instead")
    parser.add_argument("--vgg", type=float, help="a random hybrid VGG-6 with this many spikes per neuron instead")
    parser.add_argument("--hw", default="pim45nm", help="hardware file for scheduling and pricing")
    parser.add_argument("--samples", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--plain", action="store_true", help="without rivals that have to be compiled")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _on_cores(cores: int) -> Timed:
    """A process of its own, so that neither side's thread pools are sized for other cores."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(cores))
    command = [sys.executable, __file__, *sys.argv[1:], "--worker", str(cores)]
    done = subprocess.run(command, env=os.environ | limits, stdout=subprocess.PIPE, check=True, text=True)
    *told, result = done.stdout.splitlines()
    print(*told, sep="\n")
    times: Timed = json.loads(result)
    return times


def _ratio(times: Timed, above: str, below: str) -> float:
    return min(times[above]) / min(times[below])


def measure(options: argparse.Namespace) -> Timed:
    """Milliseconds per sample of every contestant in every round."""
    import torch
    from hybrid_rivals import HybridRivals
    from torch_rivals import Rivals

    from pimsim.cost import PriceBook, load_table, price
    from pimsim.hardware import load_hardware
    from pimsim.mapping import map_model
    from pimsim.simulation import execute, schedule

    torch.set_num_threads(options.worker)
    network, inputs = _network(options)
    rivals = HybridRivals(network, BATCH) if network.is_hybrid else Rivals(network, BATCH)
    contestants: dict[str, Callable[[], object]] = {
        "engine": lambda: execute(network, inputs, threads=options.worker)
    } | rivals.contestants(inputs)
    trace = execute(network, inputs, threads=options.worker)
    if isinstance(rivals, Rivals) and not options.plain:
        contestants |= _compiled(rivals, inputs, trace)
    spikes = rivals.agreement(trace, inputs)
    print(f"{network.name}, {len(inputs)} samples; torch gives {100 * spikes:.3f} % of the engine's spike bits")
    machine = load_hardware(options.hw)
    mapping, book = map_model(network, machine), PriceBook(load_table(machine.cost.table), machine.cost)

    def schedule_and_price() -> object:
        activity = schedule(trace, network, mapping, machine, threads=options.worker)
        return price(activity, book, clock_mhz=machine.clock_mhz)

    contestants["schedule"] = schedule_and_price
    for contestant in contestants.values():
        contestant()  # compile and warm up
    times: Timed = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant()
            times[name].append((time.perf_counter() - start) * 1e3 / len(inputs))
    return times


def _network(options: argparse.Namespace) -> tuple[IntegerNetwork, Codes]:
    from hybrid_rivals import random_vgg
    from torch_rivals import random_network, shipped

    if options.vgg:
        return random_vgg(options.vgg, options.samples)
    if options.random:
        return random_network(options.random, options.samples)
    return shipped(options.model, options.samples)


def _compiled(rivals: Rivals, inputs: Codes, trace: Trace) -> dict[str, Callable[[], object]]:
    """Rivals that a C++ compiler is needed for."""
    import torch
    from gemm_rivals import GemmRival

    compiled = torch.compile(rivals.conv3d, dynamic=False)
    gemm, exact = (GemmRival(rivals.network, exact=integers) for integers in (False, True))
    if (exact.in_batches(inputs, GEMM_BATCH) != trace.outputs).any():
        raise SystemExit("int8: other outputs than the engine's")
    return {
        "compiled": lambda: rivals.in_batches(compiled, inputs),
        "gemm": lambda: gemm.in_batches(inputs, GEMM_BATCH),
        "int8": lambda: exact.in_batches(inputs, GEMM_BATCH),
    }


if __name__ == "__main__":
    main()

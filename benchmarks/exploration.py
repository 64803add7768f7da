"""`pimsim explore` beside `pimsim run` for the same machines, as a user starts them, and the memory that it takes.

    python benchmarks/exploration.py [--rounds N] [--machines N] [--workers N]

The shipped CNN-3D, all 200 samples of its trace, machines around pim45nm.  Three spaces:

mixed          11,664 points: 1,944 organisations, each at three clocks with two device flavours
organisations  13,824 points, each an organisation of its own
scatter_gather 10,080 points: two dataflows, of which gather takes longest to schedule, each at several clocks

Rounds alternate: every space is explored once, then ``pimsim run`` is started for some machines drawn from it, whose
figures must be the exploration's to the last digit.  All times are those of whole commands, kernels compiled before;
the best round counts, since other processes only ever add time.  ``exploration_over_run`` is the time of a
``pimsim run`` over the time of a point in ``mixed``.

Memory is the largest resident set of any one process, at the end of explorations of 10,000 and 100,000 points.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import yaml

from pimsim.explore.machine_file import machine_yaml
from pimsim.explore.results import Results
from pimsim.explore.space_load import load_space

EVENT, PIM = "engines.event", "engines.pim"
ORGANISATIONS: dict[str, object] = {
    f"{EVENT}.lanes": [8, 12, 16, 21, 28, 42, 64, 84],
    f"{EVENT}.scan_width": [16, 32, 64],
    f"{EVENT}.fifo_depth": [4, 8, 16],
    f"{PIM}.rows": [64, 128, 256],
    f"{PIM}.arrays": [2, 4, 8],
    f"{PIM}.outputs_per_adc": [1, 2, 4],
}
SPACES: dict[str, dict[str, object]] = {
    "mixed": {**ORGANISATIONS, "clock_mhz": [200, 300, 400], "cost.device": ["lstp", "lop"]},
    "organisations": {
        **ORGANISATIONS,
        f"{EVENT}.scan_width": [32, 64],
        f"{EVENT}.sweep_depth": [4, 5],
        f"{EVENT}.pipeline_depth": [3, 4],
        "memories.macro_kib": [2, 8],
        "clock_gating": ["none", "units"],
        f"{PIM}.arrays": [4],
        f"{PIM}.rows": [128, 256],
        f"{PIM}.columns": [128, 192, 256],
    },
    "scatter_gather": {
        f"{EVENT}.dataflow": ["scatter", "gather"],
        f"{EVENT}.lanes": [8, 12, 16, 21, 28, 42, 84],
        f"{EVENT}.scan_width": [16, 32, 64, 128],
        f"{EVENT}.fifo_depth": [2, 4, 8, 16, 32],
        f"{PIM}.rows": [64, 128, 256],
        "clock_mhz": [100, 150, 200, 250, 300, 350],
        "cost.temperature_k": [300, 340],
    },
}
RUN = (sys.executable, "-m", "pimsim")
PEAK = (
    "import resource, subprocess, sys; print(subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True) and \
resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--machines", type=int, default=5, help="for which pimsim run is started, a round and space")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        explored, ran = timed(folder, options.rounds, options.machines, options.workers)
        report(folder, explored, ran)
        memory(folder, options.workers)


def timed(folder: Path, rounds: int, machines: int, workers: int) -> tuple[dict[str, float], float]:
    """Best seconds of every space, and of one run."""
    random = Random(0)
    best: dict[str, float] = {}
    run = float("inf")
    for turn in range(rounds):
        for name, axes in SPACES.items():
            space, out = write(folder, name, axes), folder / f"{name}-{turn}"
            taken = seconds("explore", space, "--out", out, "--workers", workers)
            best[name] = min(best.get(name, taken), taken)
            run = min(run, *(one_run(space, out, random) for _ in range(machines)))
    return best, run


def one_run(space: Path, out: Path, random: Random) -> float:
    """Seconds of ``pimsim run`` on a machine of the space, whose figures have to be those in ``out``."""
    loaded, results = load_space(space), Results.open(out)
    row = results.row(random.randrange(loaded.size or 0))
    machine = out / "machine.yaml"
    machine.write_text(machine_yaml(loaded, row))
    taken = seconds("run", "--model", "cnn3d_6b", "--hw", machine, "--out", out / "run")
    with (out / "run" / "summary.csv").open() as stream:
        full = next(item for item in csv.DictReader(stream) if (item["system"], item["accounting"]) == ("run", "full"))
    found = [float(full[key]) for key in ("energy_pj", "energy_low_pj", "energy_high_pj", "delay_ns", "area_um2")]
    known = [row[f"full_energy{end}_pj"] for end in ("", "_low", "_high")] + [row["delay_ns"], row["area_um2"]]
    if found != known:
        raise SystemExit(f"point {row['point']}: explored {known}, run {found}")
    return taken


def report(folder: Path, explored: dict[str, float], run: float) -> None:
    """Times and ratios."""
    print(f"pimsim run: {run:.2f} s")
    for name, taken in explored.items():
        points = load_space(folder / f"{name}.yaml").size or 0
        print(f"{name}: {points:,} points in {taken:.1f} s, {1e3 * taken / points:.2f} ms per point")
        print(f"ratio exploration_{name}_seconds {taken:.1f}")
        print(f"ratio exploration_{name}_over_run {run * points / taken:.0f}")
    mixed = load_space(folder / "mixed.yaml").size or 0
    print(f"ratio exploration_over_run {run * mixed / explored['mixed']:.0f}")


def memory(folder: Path, workers: int) -> None:
    """Largest resident sets for ten times the points."""
    peaks = []
    for clocks in (50, 500):
        axes = {f"{EVENT}.lanes": [8, 16], "cost.temperature_k": {"range": [250, 349], "step": 1}}
        space = write(folder, f"memory{clocks}", {**axes, "clock_mhz": {"range": [100, 300], "count": clocks}})
        command = [*RUN, "explore", space, "--out", folder / f"memory-{clocks}", "--workers", workers]
        told = subprocess.run(
            [sys.executable, "-c", PEAK, *map(str, command)], capture_output=True, text=True, check=True
        )
        peaks.append(int(told.stdout) / 1024)
        print(f"{200 * clocks:,} points: {peaks[-1]:.0f} MiB in the largest process")
    print(f"ratio exploration_memory_of_10_times_the_points {peaks[1] / peaks[0]:.2f}")


def write(folder: Path, name: str, axes: dict[str, object]) -> Path:
    path = folder / f"{name}.yaml"
    content = {"format": 1, "name": name, "hardware": "pim45nm", "models": "cnn3d_6b", "axes": axes}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def seconds(*arguments: object) -> float:
    """Of a whole command."""
    start = time.perf_counter()
    subprocess.run([*RUN, *map(str, arguments)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

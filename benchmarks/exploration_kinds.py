"""What a point of an exploration takes, by what its machine does not share with the points before.

    python benchmarks/exploration_kinds.py [--rounds N] [KIND ...]

The shipped CNN-3D and all 200 samples of its trace, on one core.  Every kind is a space of its own, walked through by
an evaluator that has seen one point; of the rounds, each with an evaluator that knows nothing, the best counts, since
other processes only ever add time.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Mapping
from pathlib import Path

from pimsim.explore.evaluator import Evaluator
from pimsim.explore.job import Job, prepare
from pimsim.explore.space_load import space_from_dict

EVENT, PIM = "engines.event", "engines.pim"
CORES: dict[str, object] = {f"{EVENT}.lanes": [8, 12, 16, 24, 32, 42, 64, 84], f"{EVENT}.fifo_depth": [4, 8, 16]}

KINDS: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "prices": ({"clock_mhz": {"range": [50, 149], "step": 1}, "cost.temperature_k": [280, 300, 320, 340]}, {}),
    "memories": ({"memories.macro_kib": [1, 2, 4, 8, 16], f"{EVENT}.sweep_depth": [2, 3, 4, 5, 6]}, {}),
    "crossbar": ({f"{PIM}.rows": [32, 64, 96, 128, 192, 256], f"{PIM}.columns": [64, 128, 192, 256]}, {}),
    "scatter": (CORES, {}),
    "gather": (CORES, {f"{EVENT}.dataflow": "gather"}),
    "not_forwarding": (CORES, {f"{EVENT}.forwarding": False}),
    "one_port": (CORES, {f"{EVENT}.membrane_ports": 1}),
    "numerics": ({f"{EVENT}.membrane_bits": [10, 11, 12, 13, 14, 15, 17, 18]}, {}),
}
"""Axes, and settings of every point."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for kind in options.kinds or KINDS:
        job = job_of(*KINDS[kind])
        best = min(walked(job) for _ in range(options.rounds))
        print(f"{kind:15} {1e3 * best:8.3f} ms per point", flush=True)
        print(f"ratio exploration_{kind}_per_second {1 / best:.0f}", flush=True)


def job_of(axes: Mapping[str, object], settings: Mapping[str, object]) -> Job:
    """A space on the shipped machine with a crossbar and an event core."""
    content = {"format": 1, "name": "kinds", "hardware": "pim45nm", "models": "cnn3d_6b", "axes": dict(axes)}
    content |= {"set": dict(settings)} if settings else {}
    return prepare(space_from_dict(content, origin="kinds", folder=Path()), threads=1)


def walked(job: Job) -> float:
    """Seconds per point behind the first one."""
    points = list(job.space.points(0, job.space.size or 0))
    evaluator = Evaluator(job)
    evaluator.evaluate(points[:1])
    gc.collect()
    gc.freeze()  # as a process does that only explores
    start = time.perf_counter()
    rows = evaluator.evaluate(points[1:]).rows
    taken = time.perf_counter() - start
    gc.unfreeze()
    wrong = {row["reason"] for row in rows if row["status"] != "ok"}
    if wrong:
        raise SystemExit(f"not every point could be evaluated: {wrong}")
    return taken / len(rows)


if __name__ == "__main__":
    main()

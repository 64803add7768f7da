"""How many organisations a second a recorded trace is put on: hardware file read, mapped, scheduled and priced.

    python benchmarks/rescheduling.py [--hw NAME] [--set PATH=VALUE ...] [--rounds N] [--other-rounds N] [--cores 1 2]

The shipped trace of CNN-3D on Indian Pines, all of its 200 samples.  Every design point reads the hardware file anew
with other lanes, scan widths and FIFO depths, maps the network, schedules every sample and step, and prices the
result; and again on event cores that gather, do not forward, or have one port.  From one point to the next only the
trace, the network, the book of prices and compiled kernels are kept.

A round walks through all points on each number of cores; of a point the best round counts, since other processes
only ever add time.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Mapping

from pimsim.cost import PriceBook, load_table, price
from pimsim.hardware import load_hardware
from pimsim.hardware.overrides import parse_override
from pimsim.mapping import map_model
from pimsim.model import load_network
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import schedule
from pimsim.traces import load_trace

STEPS = ("load_hardware", "map_model", "schedule", "price")
LANES, SCAN_WIDTHS, FIFO_DEPTHS = (8, 16, 32, 64), (32, 64), (4, 8, 16)


OTHERS: dict[str, dict[str, object]] = {
    "gather": {"engines.event.dataflow": "gather"},
    "not_forwarding": {"engines.event.forwarding": False},
    "one_port": {"engines.event.membrane_ports": 1},
}
"""Event cores that are scheduled by other kernels."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Design points per second of a recorded trace.")
    parser.add_argument("--hw", default="pim45nm")
    parser.add_argument("--set", action="append", default=[], help="another change to all hardware files")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--other-rounds", type=int, default=2, help="rounds with other event cores, 0 for none")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    changes = dict(parse_override(text) for text in options.set)
    measure("", Runner(options.hw, changes), options.rounds, options.cores)
    for name, other in OTHERS.items() if options.other_rounds else ():
        measure(f"_{name}", Runner(options.hw, {**other, **changes}), options.other_rounds, options.cores)


def measure(name: str, runner: Runner, rounds: int, every_cores: list[int]) -> None:
    """Print the time that all points take and the ratio line of each number of cores."""
    points = list(itertools.product(LANES, SCAN_WIDTHS, FIFO_DEPTHS))
    for cores in every_cores:
        runner.run(points[0], cores)  # compile
    best: dict[tuple[int, tuple[int, int, int]], list[float]] = {}
    for _ in range(rounds):
        for cores, point in itertools.product(every_cores, points):
            taken = runner.run(point, cores)
            best[cores, point] = min(best.get((cores, point), taken), taken, key=sum)
    for cores in every_cores:
        parts = [sum(step) / len(points) for step in zip(*(best[cores, point] for point in points), strict=True)]
        told = ", ".join(f"{step} {1e3 * part:.2f}" for step, part in zip(STEPS, parts, strict=True))
        print(f"cores: {cores}, ms per hardware file: {1e3 * sum(parts):.2f} ({told})")
        print(f"ratio rescheduling{name}_per_second_{cores}core{'s' if cores > 1 else ''} {1 / sum(parts):.0f}")


class Runner:
    """What stays the same from design point to design point."""

    def __init__(self, hardware: str, overrides: Mapping[str, object]) -> None:
        self.hardware, self.overrides = hardware, overrides
        self.network = load_network(find(MODEL, "cnn3d_6b"))
        self.trace = load_trace(find(TRACE, "cnn3d_indian_pines"))
        machine = load_hardware(hardware)
        self.book = PriceBook(load_table(machine.cost.table), machine.cost)

    def run(self, point: tuple[int, int, int], cores: int) -> list[float]:
        """Seconds that each step takes for other lanes, scan width and FIFO depth."""
        varied = zip(("lanes", "scan_width", "fifo_depth"), point, strict=True)
        times = [time.perf_counter()]
        overrides = {f"engines.event.{key}": value for key, value in varied}
        machine = load_hardware(self.hardware, {**overrides, **self.overrides})
        times.append(time.perf_counter())
        mapping = map_model(self.network, machine)
        times.append(time.perf_counter())
        activity = schedule(self.trace, self.network, mapping, machine, threads=cores)
        times.append(time.perf_counter())
        price(activity, self.book, clock_mhz=machine.clock_mhz)
        times.append(time.perf_counter())
        return [after - before for before, after in itertools.pairwise(times)]


if __name__ == "__main__":
    main()

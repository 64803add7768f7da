"""The roof over the engine: how fast rows of bytes can be added, by where they stand, and how near each layer comes.

    python benchmarks/roofline.py [--output FILE] [--samples N] [--rounds N]

Measures, on one core, adding rows of 128 bytes picked at random from tables that stay in the first, second and third
cache, in the engine's own vectors, without anything else (``bare``) and with the engine's loop, which also widens the
sums (``widened``).  Then draws docs/roofline.svg: accumulates per second over accumulates per byte of weights read.
Needs matplotlib (``pip install pimsim[plot]``).
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from engine_layers import LayerTime, timed
from matplotlib.axes import Axes
from numba import njit

from pimsim.simulation.kernels_execute import _add_events
from pimsim.simulation.lanes import add, add_row, few, halves, joined, spread, store
from pimsim.simulation.packing import aligned

ROW_BYTES, EVENTS = 128, 512
#: sizes that leave room beside them in caches of 32 KiB, 512 KiB and several MiB
PLACES = {"first cache": 2**14, "second cache": 2**18, "third cache": 2**22}
u64 = np.uint64


@njit(nogil=True)
def bare(events, table, vectors, sums, repeats):
    """Rows added in their own bytes, which may wrap: four sums, so that no addition waits for the one before."""
    zero = spread(0, sums, vectors)
    start = few(table, zero)
    a, b, c, d = start, start, start, start
    for _ in range(repeats):
        for i in range(u64(0), u64(events.shape[0]), u64(4)):
            a = add_row(a, table, u64(0), u64(events[i]))
            b = add_row(b, table, u64(0), u64(events[i + u64(1)]))
            c = add_row(c, table, u64(0), u64(events[i + u64(2)]))
            d = add_row(d, table, u64(0), u64(events[i + u64(3)]))
    store(add(add(a, b), add(c, d)), table, u64(0))


@njit(nogil=True)
def widened(events, table, vectors, sums, repeats):
    """The engine's own loop: four rows in bytes, then their pairs to 16 bits."""
    zero = spread(0, sums, vectors)
    low, high, start = halves(0, table, zero), halves(0, table, zero), few(table, zero)
    for _ in range(repeats):
        stop = u64(events.shape[0])
        low, high = _add_events(low, high, start, events, u64(0), stop, table, u64(0), u64(0), (0, 0, 0, 0))
    store(joined(low, high, zero), sums, u64(0))


def main() -> None:
    parser = argparse.ArgumentParser(description="What bounds the engine.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "docs" / "roofline.svg")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    roofs = measured(options.rounds)
    layers = [layer for layer in timed("cnn3d_6b", options.samples, options.rounds) if layer.way != "multiplied"]
    for place, (plain, loop) in roofs.items():
        print(f"{place:<13} {plain:6.0f} G adds of 8 bits per second bare, {loop:6.0f} widened")
    for layer in layers:
        intensity, reached = layer.accumulates / layer.bytes_read, layer.accumulates / layer.seconds / 1e9
        print(f"{layer.name:<13} {intensity:6.2f} accumulates per byte, {reached:6.1f} G accumulates per second")
    for place, (plain, loop) in roofs.items():
        name = place.replace(" ", "_")
        print(f"ratio {name}_gbytes_per_second {plain:.0f}")
        print(f"ratio {name}_widened_gadds_per_second {loop:.0f}")
    draw(roofs, layers, options.output)


def measured(rounds: int) -> dict[str, tuple[float, float]]:
    """10⁹ bytes per second, which are adds of 8 bits too, of both loops per place."""
    rng = np.random.default_rng(0)
    best = {(place, loop): np.inf for place in PLACES for loop in (bare, widened)}
    cases = {place: _case(rng, size) for place, size in PLACES.items()}
    for _ in range(rounds):
        for place, loop in best:
            events, table = cases[place]
            seconds = _seconds(loop, events, table)
            best[place, loop] = min(best[place, loop], seconds / (events.size * ROW_BYTES) * 1e9)
    return {place: (1 / best[place, bare], 1 / best[place, widened]) for place in PLACES}


def _case(rng: np.random.Generator, size: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int8]]:
    """Offsets of rows, each row of the table as often as any other, and the table."""
    rows = size // ROW_BYTES
    order = rng.permutation(np.resize(np.arange(rows), max(EVENTS, rows)))
    return (order * ROW_BYTES).astype(np.uint32), aligned((1, rows, ROW_BYTES), np.int8)


def _seconds(loop: Any, events: npt.NDArray[np.uint32], table: npt.NDArray[np.int8]) -> float:
    repeats = max(1, 2**22 // (events.size * ROW_BYTES))
    sums = aligned((ROW_BYTES,), np.int16)
    start = time.perf_counter()
    loop(events, table, (0, 0, 0, 0), sums, repeats)
    seconds: float = (time.perf_counter() - start) / repeats
    return seconds


def draw(roofs: dict[str, tuple[float, float]], layers: list[LayerTime], output: Path) -> None:
    mpl.rcParams.update(
        {"svg.hashsalt": "pimsim", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    _roofs(axes, roofs)
    for layer in layers:
        intensity, reached = layer.accumulates / layer.bytes_read, layer.accumulates / layer.seconds / 1e9
        axes.plot(intensity, reached, "o", color="#2a6f97")
        below = -9 if layer.name == "conv4" else 0  # beside conv5
        axes.annotate(layer.name, (intensity, reached), (6, below - 3), textcoords="offset points")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([0.25, 0.5, 1, 2], ["0.25", "0.5", "1", "2"])
    axes.set_yticks([10, 20, 50, 100, 200, 500], ["10", "20", "50", "100", "200", "500"])
    axes.minorticks_off()
    axes.set_xlabel("accumulates per byte of weights read")
    axes.set_ylabel("10⁹ accumulates per second, one core")
    figure.savefig(output, metadata={"Date": None})


def _roofs(axes: Axes, roofs: dict[str, tuple[float, float]]) -> None:
    intensity = np.array([0.2, 2.0])
    for (place, (plain, _)), shade in zip(roofs.items(), ("#222222", "#777777", "#bbbbbb"), strict=True):
        axes.plot(intensity, intensity * plain, color=shade)
        axes.annotate(
            f"{place}, {plain:.0f} GB/s",
            (intensity[0], intensity[0] * plain),
            (4, 2),
            textcoords="offset points",
            fontsize=8,
        )
    peak = max(loop for _, loop in roofs.values())
    axes.axhline(peak, color="#f4a259")
    axes.annotate(
        f"adding and widening, {peak:.0f} G/s", (intensity[0], peak), (4, 3), textcoords="offset points", fontsize=8
    )


if __name__ == "__main__":
    main()

"""What a search finds of the best machines, beside as many random points: shares of the front's hypervolume.

    python benchmarks/search_quality.py [--space FILE] [--points N] [--seeds N] [--samples N] [--method NAME ...]

Every point of a grid, by default the shipped space pim_or_digital, is evaluated once; methods then ask for rows that
are known.  Hypervolume is of the logarithms of energy and delay and of the error, below the largest of each: 1 is the
grid's whole front.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from statistics import mean

import numpy as np

from pimsim.explore.evaluator import Evaluator
from pimsim.explore.job import prepare
from pimsim.explore.methods import RANDOM, SEARCHES
from pimsim.explore.pareto import Costs, non_dominated
from pimsim.explore.point import OK, Cell, Row
from pimsim.explore.search import Search
from pimsim.explore.space import Space
from pimsim.explore.space_load import load_space, space_from_dict

SPACE = "pim_or_digital"
Known = dict[tuple[tuple[str, Cell], ...], Row]
OBJECTIVES = ("energy", "delay", "accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default=SPACE)
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--method", nargs="+", choices=(RANDOM, *SEARCHES), default=(RANDOM, *SEARCHES))
    options = parser.parse_args()
    start = time.perf_counter()
    file = load_space(options.space)
    changed = {"samples": options.samples, "objectives": list(OBJECTIVES)}
    space = space_from_dict({**file.content, **changed}, origin=options.space, folder=file.folder)
    rows = Evaluator(prepare(space, threads=1)).evaluate(list(space.points())).rows
    known = {tuple(space.cells(point).items()): row for point, row in zip(space.points(), rows, strict=True)}
    whole = costs_of(space, rows)
    print(f"{len(rows)} points, {len(whole)} evaluated, in {time.perf_counter() - start:.0f} s", flush=True)
    corner = whole.max(axis=0) + 0.01
    best = volume(whole, corner)
    for method in options.method:
        start = time.perf_counter()
        reached = [
            volume(costs_of(space, found(space, known, method, seed, options.points)), corner) / best
            for seed in range(options.seeds)
        ]
        seconds = (time.perf_counter() - start) / options.seeds
        print(
            f"{method:7} {options.points} points, {options.seeds} seeds: {mean(reached):.4f} of the hypervolume "
            f"({min(reached):.4f}–{max(reached):.4f}), {1e3 * seconds / options.points:.1f} ms per point",
            flush=True,
        )
        print(f"ratio search_{method}_hypervolume {mean(reached):.4f}", flush=True)


def found(space: Space, known: Known, method: str, seed: int, points: int) -> list[Row]:
    """The rows that a method asks for."""
    if method == RANDOM:
        return [known[tuple(space.cells(point).items())] for point in space.sample(points, seed=seed)]
    search, rows = Search(space, method, seed=seed, budget=points), list[Row]()
    while asked := search.ask():
        told = [known[tuple(space.cells(point).items())] | {"point": point.number} for point in asked]
        search.tell(told)
        rows += told
    return rows


def costs_of(space: Space, rows: Sequence[Row]) -> Costs:
    """(evaluated rows, objectives)."""
    names = [item.column for item in space.objectives]
    energy, delay, accuracy = np.array(
        [[float(row[name] or 0) for name in names] for row in rows if row["status"] == OK]
    ).T
    # a tenth of error is as much as a factor e
    return np.column_stack([np.log(energy), np.log(delay), 10 * (1 - accuracy)])


def volume(costs: Costs, corner: Costs) -> float:
    """What the front dominates below ``corner``: slabs along the last objective, each a volume in one fewer."""
    front = costs[non_dominated(costs)]
    if front.shape[1] == 1:
        return float(corner[0] - front.min())
    front = front[np.argsort(front[:, -1])]
    tops = [*front[1:, -1], corner[-1]]
    slabs = [
        (top - front[place, -1]) * volume(front[: place + 1, :-1], corner[:-1])
        for place, top in enumerate(tops)
        if top > front[place, -1]
    ]
    return float(sum(slabs))


if __name__ == "__main__":
    main()

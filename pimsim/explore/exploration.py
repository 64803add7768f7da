"""A whole exploration: space → points → rows in a folder, begun or gone on with."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pimsim.explore.evaluator import evaluate_chunk, failed_row
from pimsim.explore.identity import Identity
from pimsim.explore.job import Job, prepare
from pimsim.explore.local_workers import LocalProcesses
from pimsim.explore.methods import RANDOM
from pimsim.explore.plan import Plan, plan
from pimsim.explore.point import STATUSES
from pimsim.explore.results import Results
from pimsim.explore.row import row_columns
from pimsim.explore.sitting import Progress, Sitting
from pimsim.explore.space import Space
from pimsim.explore.space_load import load_space
from pimsim.explore.store import Store
from pimsim.explore.way import HERE, WHOLE_GRID, Place, Way
from pimsim.explore.work import Work
from pimsim.explore.workers import Inline, Workers
from pimsim.simulation import usable_cores

PACKAGES = ("numpy", "numba", "pyarrow")


@dataclass(frozen=True)
class Explored:
    """What is in the folder now.

    total     points that were asked for; a search that runs out of new ones stays below
    before    points that earlier sittings stored
    statuses  how many rows of each of `pimsim.explore.point.STATUSES`
    work      what this sitting's points took, summed over workers
    seconds   from the first point handed out to the last one stored
    dropped   one sentence per damaged segment whose points were computed again
    """

    folder: Path
    space: Space
    total: int
    before: int
    statuses: Mapping[str, int]
    work: Work
    seconds: float
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Exploration:
    """A checked space with all that its points need, and the way through it."""

    job: Job
    way: Way

    @property
    def space(self) -> Space:
        return self.job.space

    def plan(self) -> Plan:
        """What has to be computed, as far as it is known before: a search finds its points on the way."""
        if self.way.searches:
            return plan(self.job, self.way.points or 0)
        steps = self.way.walk(self.space)
        return plan(self.job, steps.total, lambda: steps.points(0, steps.total))

    def run(
        self,
        out: str | os.PathLike[str],
        *,
        place: Place = HERE,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> Explored:
        """Evaluate the points into the folder ``out``.

        resume    go on in a folder that has part of them, or all
        progress  called with (points stored, points in all) as rows are stored

        Interrupted at any moment, what is stored stays and ``resume`` goes on.  Results do not depend on ``place``.
        Raises a `PimsimError` that names what is wrong; of single points nothing is raised, their rows say it.
        """
        opened = Store.resume if resume else Store.create
        identity, columns = identity_of(self.job, self.way), row_columns(self.space)
        # workers first: a cluster that is not there leaves no folder behind
        with workers_at(place) as workers, opened(out, identity, columns) as store:
            sitting = Sitting(self.job, store, workers, progress)
            before, began = len(store.done), time.perf_counter()
            try:
                total = sitting.go(self.way)
            except BaseException:
                store.snapshot()
                raise
            seconds = time.perf_counter() - began
            store.finish()
            return Explored(
                folder=store.folder,
                space=self.space,
                total=total,
                before=before,
                statuses=_statuses(store.folder),
                work=sitting.work,
                seconds=seconds,
                dropped=tuple(store.dropped),
            )


def exploration(path: str | os.PathLike[str], way: Way = WHOLE_GRID) -> Exploration:
    """The exploration of a design space, given by path or by shipped name; docs/exploration.md.

    Raises a `PimsimError` that names file, key, value and limit.
    """
    space = load_space(path)
    way.check(space)
    return Exploration(prepare(space), way)


def identity_of(job: Job, way: Way) -> Identity:
    """What has to stay for results to be gone on with; more points of the same way may be asked for."""
    return Identity(
        space={**job.space.content, "machines": dict(job.space.machines)},
        method=way.method,
        seed=way.seed if way.searches or way.method == RANDOM else None,
        # another release of Optuna may ask for other points
        settings={"population": way.population, "optuna": version("optuna")} if way.searches else {},
        models=job.hashes["models"],
        inputs=job.hashes["inputs"],
        hardware=job.hashes["hardware"],
        tables=job.hashes["tables"],
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    )


def workers_at(place: Place) -> Workers:
    """The workers that a place stands for; only this process where one is enough."""
    if place.scheduler is not None:
        from pimsim.explore.dask_workers import DaskCluster  # half a second, and an extra

        return DaskCluster(place.scheduler, evaluate_chunk, failed_row)
    count = usable_cores() if place.workers is None else place.workers
    return Inline(evaluate_chunk) if count == 1 else LocalProcesses(count, evaluate_chunk, failed_row)


def _statuses(folder: Path) -> dict[str, int]:
    """Rows of each status, those without any too."""
    counts: Counter[str] = Counter()
    for batch in Results.open(folder).batches(["status"]):
        counts.update(batch.column(0).to_pylist())
    return {status: counts[status] for status in STATUSES}

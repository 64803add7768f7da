"""Evaluation in processes of this machine.

Pipes of our own rather than `concurrent.futures`: there the death of one process ends all of them, with the work of
all, does not say whose chunk it was, and processes outlive a parent that is killed.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from multiprocessing.connection import wait
from typing import Any, Self

from pimsim.errors import ExplorationError
from pimsim.explore.point import Chunk
from pimsim.explore.supply import Done, Supply
from pimsim.explore.worker_process import Died, WorkerProcess
from pimsim.explore.workers import Evaluate, FailedRow

IN_FLIGHT = 2
"""Chunks per worker: one that it works on, one that it need not wait for."""
DEATHS = 3
"""Of workers over one chunk before it is taken apart, and over one point before it is given up."""
MOST_DEATHS = 50
"""One after another without any result between them: then it is not the points, and they are not to be recorded."""
MOST_STILLBORN = 3
"""Likewise of workers that never came to listen."""


class LocalProcesses:
    """``count`` processes with one thread each, started with the context.

    One that dies (out of memory, killed) is replaced and its chunk repeated.  A chunk over which three died is taken
    apart into its points; a point over which three died is recorded as failed.  An interrupt reaches the parent alone,
    which ends them at once; they end by themselves where the parent is killed.
    """

    compile_alike = True

    def __init__(self, count: int, evaluate: Evaluate, failed_row: FailedRow) -> None:
        if count < 1:
            raise ExplorationError(f"workers={count}: must be at least 1")
        self._count = count
        self._evaluate = evaluate
        self._failed_row = failed_row
        self._workers: list[WorkerProcess] = []
        self._packed: tuple[object, bytes] = (None, b"")
        self._deaths = self._stillborn = 0

    def __enter__(self) -> Self:
        try:
            self._fill_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        while self._workers:
            self._workers.pop().end()

    def run(self, job: Any, chunks: Iterable[Chunk]) -> Iterator[Done]:
        """See `Workers`.  Raises ExplorationError where workers end whatever they are given."""
        supply = Supply(chunks, partial(self._failed_row, job))
        packed = self._pack(job)
        deaths: Counter[tuple[int, int]] = Counter()
        try:
            while self._hand_out(job, packed, supply):
                heard = set(wait([worker.connection for worker in self._workers]))
                for worker in [item for item in self._workers if item.connection in heard]:
                    done = self._hear(worker, supply, deaths)
                    if done is not None:
                        yield done
        finally:
            self._drop([worker for worker in self._workers if worker.given])

    def _hand_out(self, job: Any, packed: bytes, supply: Supply) -> bool:
        """Give every worker that listens its share; whether there is any answer to wait for."""
        self._fill_up()
        waiting = [worker for worker in self._workers if not worker.ready]
        for share in range(1, IN_FLIGHT + 1):
            for worker in self._workers:
                if worker.ready and len(worker.given) < share:
                    chunk = supply.next()
                    if chunk is None:
                        return any(worker.given for worker in self._workers)
                    worker.give(job, packed, chunk)
        return bool(waiting) or any(worker.given for worker in self._workers)

    def _hear(self, worker: WorkerProcess, supply: Supply, deaths: Counter[tuple[int, int]]) -> Done | None:
        try:
            answer = worker.answer()
        except Died as died:
            return self._bury(worker, str(died), supply, deaths)
        self._stillborn = 0
        if answer is None:
            return None
        self._deaths = 0
        return supply.finish(*answer)

    def _bury(self, worker: WorkerProcess, how: str, supply: Supply, deaths: Counter[tuple[int, int]]) -> Done | None:
        """What becomes of the chunks of a worker that died; it was the first of them that it worked on."""
        self._workers.remove(worker)
        self._deaths += 1
        self._stillborn += not worker.ready
        self._check(f"{how}, over points from {worker.given[0].start} on" if worker.given else how)
        if not worker.given:
            return None
        guilty, *others = worker.given
        for chunk in others:
            supply.put_back(chunk)
        deaths[guilty.start, guilty.stop] += 1
        if deaths[guilty.start, guilty.stop] < DEATHS:
            supply.put_back(guilty)
        elif len(guilty.points) > 1:
            supply.take_apart(guilty)
        else:
            return supply.give_up(guilty, f"{DEATHS} worker processes ended while they evaluated it, the last by {how}")
        return None

    def _check(self, how: str) -> None:
        if self._stillborn == MOST_STILLBORN:
            raise ExplorationError(
                f"worker processes end as they start ({how}; what they said stands above): "
                'a script has to explore below its line `if __name__ == "__main__":`'
            )
        if self._deaths == MOST_DEATHS:
            raise ExplorationError(
                f"{MOST_DEATHS} worker processes ended one after another without any result, the last by {how}"
            )

    def _pack(self, job: Any) -> bytes:
        if self._packed[0] is not job or not self._packed[1]:
            self._packed = (job, pickle.dumps(job, pickle.HIGHEST_PROTOCOL))
        return self._packed[1]

    def _fill_up(self) -> None:
        while len(self._workers) < self._count:
            self._workers.append(WorkerProcess(self._evaluate))

    def _drop(self, workers: Iterable[WorkerProcess]) -> None:
        for worker in workers:
            self._workers.remove(worker)
            worker.end()

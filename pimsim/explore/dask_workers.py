"""Evaluation on an existing Dask cluster."""

from __future__ import annotations

import pickle
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from pimsim.explore.dask_link import CONNECT_S, LOST, Link, check_distributed
from pimsim.explore.point import Chunk
from pimsim.explore.supply import Done, Supply
from pimsim.explore.workers import Evaluate, FailedRow

if TYPE_CHECKING:
    from distributed import Future

IN_FLIGHT = 2
"""Chunks per worker."""
PATIENCE_S = 60.0
"""How long there may be no worker at all."""
MOST_KILLING = 50
"""Chunks one after another that workers die of, without any result between them: then it is not the points."""


class DaskCluster:
    """The workers of the scheduler at ``address``, those that join later too.

    Dask repeats what a worker did that died.  A chunk that it gives up, since several workers died meanwhile, is taken
    apart into its points; a point of which it is given up again, with no other beside it, is recorded as failed.
    Raises MissingPackageError; in the context ExplorationError where the scheduler cannot be reached or is lost, a
    worker has another version of pimsim or Python, or there has been none for ``patience_s``.
    """

    compile_alike = False

    def __init__(
        self,
        address: str,
        evaluate: Evaluate,
        failed_row: FailedRow,
        *,
        connect_s: float = CONNECT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        check_distributed()
        self._address = address
        self._evaluate = evaluate
        self._failed_row = failed_row
        self._connect_s = connect_s
        self._patience_s = patience_s

    def __enter__(self) -> Self:
        self._link = Link(self._address, self._connect_s)
        try:
            self._link.workers()
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._link.close()

    def run(self, job: Any, chunks: Iterable[Chunk]) -> Iterator[Done]:
        """See `Workers`."""
        supply = Supply(chunks, partial(self._failed_row, job))
        run = _Run(self._link, self._evaluate, job, supply, self._patience_s)
        try:
            while run.hand_out():
                done = run.hear()
                if done is not None:
                    yield done
        finally:
            self._link.cancel(list(run.given))


@dataclass
class _Run:
    """What is under way in one run.

    given     what was handed out and to whom
    ended     futures that are done, in whatever way
    suspects  points that workers died of while others may have been at fault: they are left to the end, and then each
              is tried with nothing beside it, which is said by ``alone``
    """

    link: Link
    evaluate: Evaluate
    job: Any
    supply: Supply
    patience_s: float
    given: dict[Future[bytes], tuple[Chunk, str | None]] = field(default_factory=dict)
    ended: SimpleQueue[Future[bytes]] = field(default_factory=SimpleQueue)
    suspects: deque[Chunk] = field(default_factory=deque)
    alone: bool = False
    killing: int = 0
    alive: float = field(default_factory=time.monotonic)

    def hand_out(self) -> bool:
        """Give every worker its share; whether there is any answer to wait for."""
        workers = self._workers()
        load = Counter(worker for _, worker in self.given.values())
        for share in range(1, IN_FLIGHT + 1):
            for worker in workers:
                if load[worker] < share and not self.alone:
                    chunk = self._next()
                    if chunk is None:
                        return bool(self.given)
                    self._give(chunk, worker)
                    load[worker] += 1
        return True

    def _workers(self) -> list[str | None]:
        """Those that there are; where there are none, none by name, so that a cluster that grows sees what is to do."""
        workers = list(self.link.workers())
        if workers:
            self.alive = time.monotonic()
        elif time.monotonic() - self.alive > self.patience_s:
            raise self.link.error(f"no worker for {self.patience_s:g} s")
        return [*workers] or [None]

    def _next(self) -> Chunk | None:
        chunk = self.supply.next()
        if chunk is None and self.suspects and not self.given:
            self.alone = True
            return self.suspects.popleft()
        return chunk

    def _give(self, chunk: Chunk, worker: str | None) -> None:
        future = self.link.submit(self.evaluate, self.job, chunk, worker)
        self.given[future] = (chunk, worker)
        future.add_done_callback(self.ended.put)

    def hear(self) -> Done | None:
        """What has just been done, if the caller is to have it; None too where nothing comes for a while."""
        try:
            future = self.ended.get(timeout=1.0)
        except Empty:
            return None
        chunk, _ = self.given.pop(future)
        alone, self.alone = self.alone, False
        try:
            return self._answer(future, chunk, alone=alone)
        finally:
            future.release()

    def _answer(self, future: Future[bytes], chunk: Chunk, *, alone: bool) -> Done | None:
        from distributed import KilledWorker

        try:
            packed = future.result()
        except KilledWorker as killed:
            return self._killed(chunk, killed.allowed_failures + 1, alone=alone)
        except Exception:
            if future.status == "error":
                raise  # what the evaluation raised
            if self.link.is_lost:
                raise self.link.error(LOST) from None
            self.supply.put_back(chunk)
            return None
        self.killing = 0
        return self.supply.finish(chunk, pickle.loads(packed))

    def _killed(self, chunk: Chunk, workers: int, *, alone: bool) -> Done | None:
        if alone and len(chunk.points) == 1:
            return self.supply.give_up(chunk, f"{workers} workers of the cluster died while they evaluated it")
        self.killing += 1
        if self.killing == MOST_KILLING:
            raise self.link.error(
                f"{MOST_KILLING} chunks one after another of which {workers} workers each died, "
                f"the last from point {chunk.start} on"
            )
        if len(chunk.points) > 1:
            self.supply.take_apart(chunk)
        else:
            self.suspects.append(chunk)
        return None

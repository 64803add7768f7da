"""A connection to a Dask cluster, and what is sent over it.

Only functions of the standard library and bytes are named in what the scheduler reads, so that it needs no pimsim.
"""

from __future__ import annotations

import logging
import operator
import pickle
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pimsim.errors import ExplorationError, MissingPackageError
from pimsim.explore.edition import edition
from pimsim.explore.point import Chunk
from pimsim.explore.worker_process import portable
from pimsim.explore.workers import Evaluate

if TYPE_CHECKING:
    from distributed import Future

CONNECT_S = 10.0
LOOK_S = 1.0
"""Between two looks at which workers there are."""
EDITION = "__import__('pimsim.explore.edition', fromlist=['edition']).edition()"
"""What is asked of a worker, by `eval`, since it need not have pimsim."""
LOST = "lost; what is done so far is kept"
_TURN = Lock()


@dataclass(frozen=True)
class Duty:
    """A job as it lies on a worker, which gives chunks to it."""

    evaluate: Evaluate
    job: Any

    def __call__(self, packed: bytes) -> bytes:
        """Pickled chunk → pickled `Evaluated`; one after the other, however many threads the worker has."""
        with _TURN:
            try:
                return pickle.dumps(self.evaluate(self.job, pickle.loads(packed)), pickle.HIGHEST_PROTOCOL)
            except Exception as error:
                raise portable(error) from None


def check_distributed() -> None:
    """Raise MissingPackageError where no cluster can be used; for before the long work."""
    if find_spec("distributed") is None:
        raise MissingPackageError("a scheduler needs Dask, not installed here: pip install 'pimsim[explore]'")


class Link:
    """A client of the scheduler at ``address``.  Whatever it raises of the cluster is an ExplorationError."""

    def __init__(self, address: str, connect_s: float) -> None:
        from distributed import Client

        self.address = address
        self._seen: tuple[str, ...] = ()
        self._checked: set[str] = set()
        self._looked = -LOOK_S
        self._duty: tuple[object, Future[Any] | None] = (None, None)
        self._client = Client.__new__(Client)
        try:
            Client.__init__(self._client, address, timeout=connect_s, set_as_default=False, name="pimsim")
        except (OSError, ValueError, ImportError) as error:
            self._client.close()  # it has begun; left to itself, it ends wherever Python happens to collect it
            raise self.error(f"no connection within {connect_s:g} s ({error})") from None

    def error(self, what: str) -> ExplorationError:
        """The error to raise; says which scheduler."""
        return ExplorationError(f'scheduler "{self.address}": {what}')

    def close(self) -> None:
        """End the connection; what the cluster holds of it goes with it."""
        self._duty = (None, None)
        told = logging.getLogger("distributed.client")
        before, told.disabled = told.disabled, True  # it would show how its attempts to connect again end
        try:
            self._client.close()
        finally:
            told.disabled = before

    @property
    def is_lost(self) -> bool:
        """Whether the scheduler has gone."""
        return self._client.status != "running"

    def workers(self) -> Sequence[str]:
        """Addresses of those that there are, all with our versions."""
        if self.is_lost:
            raise self.error(LOST)
        if time.monotonic() - self._looked >= LOOK_S:
            try:
                self._seen = tuple(sorted(self._client.nthreads()))
                self._check([address for address in self._seen if address not in self._checked])
            except OSError:
                raise self.error(LOST) from None
            self._looked = time.monotonic()
        return self._seen

    def _check(self, new: Sequence[str]) -> None:
        if not new:
            return
        for address, found in self._client.run(eval, EDITION, workers=list(new), on_error="return").items():
            if isinstance(found, ImportError):
                raise self.error(f"worker {address} cannot import this pimsim ({found})")
            if isinstance(found, Exception):
                continue  # it has gone meanwhile
            self._compare(address, *found)
            self._checked.add(address)

    def _compare(self, address: str, python: str, pimsim: str, modules: str) -> None:
        our_python, our_pimsim, our_modules = edition()
        if python.split(".")[:2] != our_python.split(".")[:2]:
            raise self.error(f"worker {address} has Python {python}, here it is {our_python}")
        if (pimsim, modules) != (our_pimsim, our_modules):
            raise self.error(
                f"worker {address} has pimsim {pimsim} ({modules}), here it is {our_pimsim} ({our_modules})"
            )

    def submit(self, evaluate: Evaluate, job: Any, chunk: Chunk, worker: str | None) -> Future[bytes]:
        """Have ``chunk`` evaluated, by ``worker`` if that is still there."""
        duty = self._duty_of(evaluate, job)
        packed = pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)
        return self._client.submit(
            operator.call,
            duty,
            packed,
            key=f"pimsim-chunk-{uuid4().hex}",
            workers=worker and [worker],
            allow_other_workers=worker is not None,
        )

    def _duty_of(self, evaluate: Evaluate, job: Any) -> Future[Any]:
        """Sent to the scheduler once, as a task: workers that join get it from others, and it is made again where the
        last that held it has died, which data that were merely scattered are not."""
        import dask.config

        held, duty = self._duty
        if duty is None or held is not job or duty.cancelled():
            packed = pickle.dumps(Duty(evaluate, job), pickle.HIGHEST_PROTOCOL)
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": len(packed) * 2 + 10_000_000}):
                duty = self._client.submit(pickle.loads, packed, key=f"pimsim-job-{uuid4().hex}")
            self._duty = (job, duty)
        return duty

    def cancel(self, futures: Sequence[Future[bytes]]) -> None:
        """Give up what is not done; a cluster that has gone needs no telling."""
        if futures and not self.is_lost:
            with suppress(OSError):
                self._client.cancel(list(futures), force=True)

"""A process that evaluates chunks: what it does, and what its parent holds of it."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

from pimsim.explore.point import Chunk
from pimsim.explore.work import Evaluated
from pimsim.explore.workers import Evaluate
from pimsim.interrupts import held

#: not by fork: compiled kernels may have started threads
CONTEXT = get_context("spawn")
#: what libraries read when they are loaded: the processes share the cores, not their threads
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

ENDING_S = 1.0
"""How long a process that has let go of its pipe may take to say how it ended."""


class Died(Exception):
    """A worker that is no more."""


class WorkerProcess:
    """A process from its start to its end.

    ready   whether it has begun to listen: what it is sent before may fill the pipe
    given   chunks that it was sent and has not answered, the one it works on first
    """

    def __init__(self, evaluate: Evaluate) -> None:
        self.ready = False
        self.given: deque[Chunk] = deque()
        self._job: object = None
        self.connection, theirs = CONTEXT.Pipe()
        if sys.platform != "win32":  # which has none
            resource_tracker.ensure_running()  # started later on, it would let interrupts through to this process
        self._process = CONTEXT.Process(target=_serve, args=(theirs, evaluate), daemon=True)
        with held(), _one_thread():
            self._process.start()
        theirs.close()

    def give(self, job: object, packed: bytes, chunk: Chunk) -> None:
        """Send ``chunk``, and before it ``packed``, the pickled ``job``, where that is not the one it has."""
        self.given.append(chunk)
        try:
            if self._job is not job:
                self.connection.send_bytes(packed)
                self._job = job
            self.connection.send(chunk)
        except OSError:
            return  # it died: the next `answer` says so

    def answer(self) -> tuple[Chunk, Evaluated] | None:
        """What it has just sent; None where it says that it listens.  Raises `Died`, and what the evaluation raised."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            raise Died(self.end(grace_s=ENDING_S)) from None
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            self.ready = True
            return None
        return self.given.popleft(), answer

    def end(self, *, grace_s: float = 0) -> str:
        """Kill it, unless it ends by itself within ``grace_s``; how it ended.  It leaves nothing to be put in order."""
        self.connection.close()
        self._process.join(grace_s)
        self._process.kill()
        self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are started meanwhile compute in one thread; only what is in the environment before its first
    import tells a library so."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, evaluate: Evaluate) -> None:
    """Answer the chunks that come, until the parent closes its end or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be held: the parent ends its workers
    received: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_receive, args=(connection, received), daemon=True).start()
    connection.send(None)
    job: Any = None
    fresh = True
    while True:
        answer: object
        try:
            message = pickle.loads(received.get())
            if not isinstance(message, Chunk):
                job = message
                continue
            answer = evaluate(job, message)
        except Exception as error:
            answer = portable(error)
        connection.send(answer)
        if fresh:
            # what the first chunk has loaded stays: going through it again and again is a sixth of all time
            gc.collect()
            gc.freeze()
            fresh = False


def _receive(connection: Connection, received: SimpleQueue[bytes]) -> None:
    """Read whatever comes at once, so that the parent never waits for a worker that computes or waits for the parent.

    The end of the pipe is the parent's end, also where that was killed: the process stops in the middle of its work.
    """
    while True:
        try:
            received.put(connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)


def portable(error: Exception) -> Exception:
    """What the parent can raise, with where it happened."""
    where = "".join(traceback.format_exception(error))
    again = RuntimeError(f"{type(error).__name__}: {error}")
    with suppress(Exception):
        again = pickle.loads(pickle.dumps(error))
    again.add_note(f"in a worker:\n{where}")
    return again

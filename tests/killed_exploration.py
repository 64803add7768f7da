"""Explores in processes that are killed, and says how often: `python killed_exploration.py FOLDER MODE SEED`.

Every attempt is a fork that has imported everything and continues where the last one was killed, with chunks of other
sizes in another order.  MODE ``writes`` kills attempts just before and just after a file takes its name or is removed,
``moments`` at random moments.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from made_exploration import COLUMNS, IDENTITY, made_rows

from pimsim.archive import writer
from pimsim.explore import segments, store
from pimsim.explore.store import Store

POINTS = 60
MOST = 2000
ROWS = made_rows(0, POINTS)


def explore(folder: Path, rng: random.Random) -> None:
    """What is missing, in chunks of random size and order, with many snapshots, compactions and ends."""
    store.SMALL_SEGMENTS = 4
    store.SOONEST_S = store.REST = 0.0
    with (Store.resume if folder.exists() else Store.create)(folder, IDENTITY, COLUMNS) as running:
        for stop in (POINTS // 2, POINTS):
            chunks = []
            for first, last in running.done.gaps(0, stop):
                while first < last:
                    chunks.append((first, min(first + rng.randrange(1, 9), last)))
                    first = chunks[-1][1]
            rng.shuffle(chunks)
            for first, last in chunks:
                running.add(first, ROWS[first:last])
            running.finish()


def attempt(folder: Path, rng: random.Random, before: Callable[[], None], killer: Callable[[int], None]) -> bool:
    """Explore in a process of its own; whether it came to its end."""
    child = os.fork()
    if child == 0:
        before()
        explore(folder, rng)
        os._exit(0)
    killer(child)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status:
        sys.exit(f"an attempt ended with status {status}")
    return True


def dying_at_change(count: int, *, done: bool) -> Callable[[], None]:
    """Makes the change of a file's name number ``count`` the last thing that the process does, ``done`` or not."""

    def arrange() -> None:
        left = [count]

        def dying(change: Callable[..., None]) -> Callable[..., None]:
            def changed(*paths: Path) -> None:
                left[0] -= 1
                if left[0] >= 0 or done:
                    change(*paths)
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            return changed

        writer.os.replace = dying(os.replace)  # type: ignore[attr-defined]
        segments.os.unlink = dying(os.unlink)  # type: ignore[attr-defined]

    return arrange


def killed_at_writes(folder: Path, rng: random.Random) -> int:
    for count in range(MOST):
        # the first changes of a sitting, so that it is killed before each kind of them, but comes forward
        if attempt(folder, rng, dying_at_change(rng.randrange(9), done=bool(count % 2)), lambda _: None):
            return count
        rng.random()
    sys.exit(f"not done after {MOST} attempts")


def killed_at_moments(folder: Path, rng: random.Random) -> int:
    began = time.monotonic()
    attempt(folder.with_name(folder.name + "_timed"), random.Random(0), lambda: None, lambda _: None)
    length, killed = time.monotonic() - began, 0

    def kill_later(child: int) -> None:
        time.sleep(rng.uniform(0.02, 0.4) * length)
        os.kill(child, signal.SIGKILL)  # it stays a child, and its id its own, until it is waited for

    for _ in range(15):
        killed += not attempt(folder, rng, lambda: None, kill_later)
    attempt(folder, rng, lambda: None, lambda _: None)
    return killed


if __name__ == "__main__":
    where, mode, seed = sys.argv[1:]
    killed = {"writes": killed_at_writes, "moments": killed_at_moments}[mode]
    print(killed(Path(where), random.Random(int(seed))))  # noqa: T201

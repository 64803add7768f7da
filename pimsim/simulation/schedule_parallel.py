"""Independent pieces of work over threads; results go to fixed places, so the order never shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

Task = Callable[[], None]

LEAST_ROWS = 256
"""Maps per task: a thread takes some 50 µs to hand a task to, which is the work of about as many maps."""


def chunks(rows: int, threads: int) -> list[slice]:
    """Ranges of rows, at most one per thread.

    >>> chunks(600, 2), chunks(600, 1), chunks(300, 2)
    ([slice(0, 300, None), slice(300, 600, None)], [slice(0, 600, None)], [slice(0, 300, None)])
    """
    parts = max(1, min(threads, rows // LEAST_ROWS))
    edges = [rows * part // parts for part in range(parts + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def run_all(tasks: Iterable[Task], threads: int) -> None:
    """Run every task; the compiled kernels release the interpreter, so threads work at the same time."""
    listed = list(tasks)
    if threads == 1 or len(listed) < 2:
        for task in listed:
            task()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(task) for task in listed]:
            done.result()

"""Work in several processes, which an interrupt (Ctrl-C) ends at once and without a word from any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from typing import TypeVar

from pimsim.interrupts import held

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(work: Callable[[Item], Result], items: Sequence[Item], count: int) -> Iterator[Result]:
    """Results in the order of ``items``, from ``count`` processes; close it where the rest is not wanted.

    ``work`` has to be a function of a module.  What it raises is raised here, and ends the processes.
    """
    others = set(active_children())
    # not by fork: compiled kernels may have started threads
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        try:
            with held():
                futures = [pool.submit(work, item) for item in items]
            for future in futures:  # not by map: it cancels what is left, and a pool that is ended then never ends
                yield future.result()
        except BaseException:
            for process in set(active_children()) - others:
                process.terminate()
            raise

"""Where points are evaluated: here, in processes of this machine or on a cluster, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, Self

from pimsim.explore.point import Chunk, Point, Row
from pimsim.explore.supply import Done
from pimsim.explore.work import Evaluated

Evaluate = Callable[[Any, Chunk], Evaluated]
"""(job, chunk) → its rows.  A function of a module, which workers import by its name."""
FailedRow = Callable[[Any, Point, str], Row]
"""(job, point, reason) → what is recorded of a point that no worker survives."""


class Workers(Protocol):
    """Processes that evaluate chunks while the context lasts.

    `run` gives every chunk exactly once, in no order, however many workers die meanwhile.  Chunks are pulled when a
    worker has nothing left to do but one chunk, so that their sizes can follow what earlier ones took and memory does
    not grow with their number.  What the evaluation raises is raised here, with the worker's traceback as a note.
    Several runs may follow each other; whoever leaves one before its end has ended its work.

    compile_alike  whether they start with the compiled kernels that this process leaves: compiling is then done here,
                   once
    """

    compile_alike: bool

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def run(self, job: Any, chunks: Iterable[Chunk]) -> Iterator[Done]:
        """``job`` holds all that the evaluation needs, reaches every worker once and is the same object in all runs."""
        ...


class Inline:
    """Evaluation in this process."""

    compile_alike = False

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing to end."""

    def run(self, job: Any, chunks: Iterable[Chunk]) -> Iterator[Done]:
        """One chunk after the other."""
        for chunk in chunks:
            yield chunk, self._evaluate(job, chunk)

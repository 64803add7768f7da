"""Evaluations for tests of workers: a job says which points are slow, kill their process or raise."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pimsim.errors import MappingError
from pimsim.explore.point import FAILED, Chunk, Point, Row
from pimsim.explore.work import Evaluated, Work
from pimsim.explore.workers import Workers


@dataclass(frozen=True)
class Made:
    """A job.

    folder       where evaluations leave marks: `evaluations` reads them
    kills        points that kill their process, always
    kills_once   those that do so the first time
    raises       a point, and the name in `ERRORS` of what it raises
    slow_s       of every chunk
    waits_for    a file without which no chunk ends
    ballast      what makes the job large
    """

    folder: Path
    kills: frozenset[int] = frozenset()
    kills_once: frozenset[int] = frozenset()
    raises: tuple[int, str] = (-1, "")
    slow_s: float = 0.0
    waits_for: str | None = None
    ballast: bytes = b""


class UnportableError(Exception):
    """Cannot be rebuilt from its pickle."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} {second}")


ERRORS: dict[str, Exception] = {
    "refusal": MappingError("layer 3 has no room"),
    "defect": ZeroDivisionError("of a defect"),
    "unportable": UnportableError(1, 2),
}


def evaluate(job: Made, chunk: Chunk) -> Evaluated:
    """One row per point with its square, and the process that found it."""
    began = f"{chunk.start:04}-{chunk.stop:04}"
    (job.folder / f"{began}.{os.getpid()}.{time.monotonic_ns()}").touch()
    time.sleep(job.slow_s)
    while job.waits_for is not None and not (job.folder / job.waits_for).exists():
        time.sleep(0.02)
    return Evaluated(tuple(_row(job, point) for point in chunk.points), Work(pricings=len(chunk.points)))


def _row(job: Made, point: Point) -> Row:
    if point.number in job.kills or (point.number in job.kills_once and _first(job, point)):
        os.kill(os.getpid(), signal.SIGKILL)
    number, name = job.raises
    if number == point.number:
        raise ERRORS[name]
    return {"point": point.number, "status": "ok", "square": point.number**2, "pad": "x" * 1000}


def _first(job: Made, point: Point) -> bool:
    try:
        (job.folder / f"once.{point.number}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def failed_row(job: Made, point: Point, reason: str) -> Row:
    assert isinstance(job, Made)
    return {"point": point.number, "status": FAILED, "reason": reason}


def chunks(points: int, size: int) -> list[Chunk]:
    return [
        Chunk(start, tuple(Point(number, (("lanes", number),)) for number in range(start, min(start + size, points))))
        for start in range(0, points, size)
    ]


def evaluations(folder: Path) -> dict[str, int]:
    """How often each chunk or part of one, ``start-stop``, was begun."""
    names = [path.name.partition(".")[0] for path in folder.glob("*-*.*")]
    return {name: names.count(name) for name in names}


def processes(folder: Path) -> set[int]:
    """Those that began any."""
    return {int(path.name.split(".")[1]) for path in folder.glob("*-*.*")}


def rows_of(done: Iterable[tuple[Chunk, Evaluated]]) -> Iterator[Row]:
    for chunk, evaluated in sorted(done, key=lambda item: item[0].start):
        assert [row["point"] for row in evaluated.rows] == [point.number for point in chunk.points]
        yield from evaluated.rows


class Pulled:
    """Chunks that tell how many were pulled before their results came."""

    def __init__(self, gate: Path, opens_at: int) -> None:
        self.ahead: list[int] = []
        self.delivered = 0
        self._gate, self._opens_at = gate, opens_at

    def __iter__(self) -> Iterator[Chunk]:
        for count, chunk in enumerate(chunks(60, 1), 1):
            self.ahead.append(count - self.delivered)
            if count == self._opens_at:
                self._gate.touch()
            yield chunk

    def run(self, workers: Workers) -> None:
        with workers:
            for _ in workers.run(Made(self._gate.parent, waits_for=self._gate.name), self):
                self.delivered += 1

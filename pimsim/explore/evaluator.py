"""Points → rows: each as `pimsim.report.run` has it, with what neighbours share computed once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from pimsim.errors import HardwareError, PimsimError
from pimsim.explore.constraints import Constraint
from pimsim.explore.job import Job
from pimsim.explore.keys import Keys, Split
from pimsim.explore.machines import Machine, Machines, parameters
from pimsim.explore.organisations import Organisations
from pimsim.explore.point import FAILED, OK, REFUSED, VIOLATES, Chunk, Point, Row
from pimsim.explore.row import Rows
from pimsim.explore.tally import Tally
from pimsim.explore.work import Evaluated

_kept: list[Evaluator] = []
"""The evaluator of the job that this process works on."""


def evaluate_chunk(job: Job, chunk: Chunk) -> Evaluated:
    """Rows of a chunk, in a process that remembers what it knows of the job from one chunk to the next."""
    if not _kept or _kept[0].job.id != job.id:
        _kept[:] = [Evaluator(job)]
    return _kept[0].evaluate(chunk.points)


def failed_row(job: Job, point: Point, reason: str) -> Row:
    """What is recorded of a point that cannot be evaluated for a reason that is not its own."""
    return Rows(job).row(point, Split(job.space).keys(point), FAILED, _line(reason))


class Evaluator:
    """Evaluates points of one job, in any order.

    What is remembered is bounded, so memory does not grow with the points: `machines`, `organisations`,
    `executions` and `companions` say how much of each.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._rows, self._split, self._tally = Rows(job), Split(job.space), Tally()
        self._machines = Machines(job, self._split, self._tally)
        self._organisations = Organisations(job, self._tally)
        self._before = [item for item in job.space.constraints if not item.metric_columns]
        self._after = [item for item in job.space.constraints if item.metric_columns]

    def evaluate(self, points: Sequence[Point]) -> Evaluated:
        """One row per point in their order; columns are those of `pimsim.explore.row.row_columns`.

        No point raises: a machine that `pimsim.report.run` refuses is ``refused`` in its words, and any other error
        makes the point ``failed`` with its type and text.
        """
        start = time.perf_counter()
        keyed = [(point, self._split.keys(point)) for point in points]
        rows: dict[int, Row] = {}
        for place in _together([keys for _, keys in keyed]):
            rows[place] = self._row(*keyed[place])
        found = tuple(rows[place] for place in range(len(keyed)))
        return Evaluated(found, self._tally.taken(time.perf_counter() - start))

    def _row(self, point: Point, keys: Keys) -> Row:
        try:
            return self._evaluated(point, keys)
        except PimsimError as error:
            return self._rows.row(point, keys, REFUSED, _line(str(error)))
        except Exception as error:  # a defect must not take the other points with it
            return self._rows.row(point, keys, FAILED, _line(f"{type(error).__name__}: {error}"))

    def _evaluated(self, point: Point, keys: Keys) -> Row:
        try:
            machine = self._machines.machine(point, keys)
        except HardwareError:
            violated = self._violated(self._before, point, keys, self._machines.stated(point, keys), {})
            if violated:
                return self._rows.row(point, keys, VIOLATES, violated)
            raise
        violated = self._violated(self._before, point, keys, machine, {})
        if violated:
            return self._rows.row(point, keys, VIOLATES, violated)
        measured = self._organisations.measured(keys, machine)
        violated = self._violated(self._after, point, keys, machine, measured)
        return self._rows.row(point, keys, VIOLATES if violated else OK, violated, measured)

    def _violated(
        self,
        constraints: Sequence[Constraint],
        point: Point,
        keys: Keys,
        of: Machine | Mapping[str, object],
        measured: Row,
    ) -> str:
        """Why the point does not meet the constraints, of each of them; empty where it does."""
        found: list[str] = []
        for constraint in constraints:
            named = keys._replace(input=self.job.input_name(*keys.network))
            values = {**measured, **parameters(constraint.parameters, point, named, of)}
            found += filter(None, [constraint.violation(values)])
        return "; ".join(found)


def _together(keys: Sequence[Keys]) -> list[int]:
    """Places, those that share a schedule behind each other."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key.schedule, []).append(place)
    return [place for group in groups.values() for place in group]


def _line(text: str) -> str:
    return " ".join(text.split())

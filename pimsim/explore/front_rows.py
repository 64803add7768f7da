"""Points behind a front, few enough to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pimsim.explore.arrow import pa
from pimsim.explore.constraints import Constraint
from pimsim.explore.front import ParetoFront
from pimsim.explore.point import OK, VIOLATES, Row
from pimsim.explore.results import Results
from pimsim.explore.selection import Selection, figures
from pimsim.explore.thinning import Sample

DRAWN = 20_000
"""More points slow a browser down."""


@dataclass(frozen=True)
class Behind:
    """Points that are not on the front and have figures, at most `DRAWN`.

    ok, left_out, violates  rows that may be on it, those a constraint of the question leaves out, those of the space
    known                   how many points there are to choose from
    """

    ok: tuple[Row, ...]
    left_out: tuple[Row, ...]
    violates: tuple[Row, ...]
    known: int

    @property
    def rows(self) -> tuple[Row, ...]:
        return (*self.left_out, *self.violates, *self.ok)


def points_behind(results: Results, front: ParetoFront, where: Sequence[Constraint] = ()) -> Behind:
    """The same ones whatever batches results come in."""
    first = front.objectives[0].column
    on_front = np.array(front.points, dtype=np.int64)
    sample: Sample | None = None
    for batch in results.batches():
        sample = sample or Sample(DRAWN, batch.schema)
        known = ~np.isnan(figures(batch, [first])[:, 0])
        candidate = np.isin(batch["status"].to_numpy(zero_copy_only=False), [OK, VIOLATES]) & known
        candidate &= ~np.isin(batch["point"].to_numpy(), on_front)
        sample.add(batch.filter(pa.array(candidate)))
    if sample is None:
        return Behind((), (), (), 0)
    return _parted(sample, Selection(results, where))


def _parted(sample: Sample, selection: Selection) -> Behind:
    rows = sample.rows().to_batches()
    ok: list[Row] = []
    left_out: list[Row] = []
    violates: list[Row] = []
    for batch in rows:
        for row, chosen in zip(batch.to_pylist(), selection.of(batch), strict=True):
            (violates if row["status"] == VIOLATES else ok if chosen else left_out).append(row)
    return Behind(tuple(ok), tuple(left_out), tuple(violates), sample.seen)

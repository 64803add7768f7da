"""Rows of results that a question is about: the evaluated ones that hold every further constraint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import ExplorationError
from pimsim.explore.arrow import pa
from pimsim.explore.constraints import Constraint
from pimsim.explore.metrics import Objective, metric_columns
from pimsim.explore.point import OK, STATUSES
from pimsim.explore.results import Results

Mask = NDArray[np.bool_]


class Selection:
    """``ok`` rows for which all of ``where`` hold, and a count of what was seen.

    seen      rows by status
    left_out  ``ok`` rows for which a constraint does not hold
    reason    the first one of a row that is not ok
    """

    def __init__(self, results: Results, where: Sequence[Constraint] = ()) -> None:
        """Raises ExplorationError where a constraint names what these results do not have."""
        self.where = tuple(where)
        self.seen: Counter[str] = Counter()
        self.left_out = 0
        self.reason = ""
        named = dict.fromkeys(name for one in where for name in (*one.parameters, *one.metric_columns))
        names = {name for name, _ in results.columns}
        self._reasons = tuple({"reason"} & names)
        for name in named:
            if name not in names:
                raise ExplorationError(f'"{_text_of(where, name)}": results have no column "{name}"')
        self._path = results.path
        self._metrics = metric_columns()
        self._named = tuple(named)

    @property
    def columns(self) -> tuple[str, ...]:
        """That `of` reads."""
        return tuple(dict.fromkeys(("status", *self._reasons, *self._named)))

    def of(self, batch: pa.RecordBatch) -> Mask:
        """Rows of a batch that take part."""
        status = batch["status"]
        self.seen.update({item["values"]: item["counts"] for item in status.value_counts().to_pylist()})
        chosen = np.asarray(status.to_numpy(zero_copy_only=False) == OK)
        if self._reasons and not self.reason and not chosen.all():
            self.reason = batch["reason"][int(np.argmin(chosen))].as_py() or ""
        if self.where:
            holding = self._holding(batch, chosen)
            self.left_out += int(chosen.sum() - holding.sum())
            chosen = holding
        return chosen

    def _holding(self, batch: pa.RecordBatch, chosen: Mask) -> Mask:
        """A metric that is not known is there, as None; an axis that a point lacks is not."""
        holding = chosen.copy()
        rows = batch.select(self._named).filter(pa.array(chosen)).to_pylist()
        for place, row in zip(np.flatnonzero(chosen), rows, strict=True):
            values = {name: cell for name, cell in row.items() if cell is not None or name in self._metrics}
            holding[place] = all(one.holds(values) for one in self.where)
        return holding

    def counted(self) -> str:
        """``1,200 ok, 30 violates``."""
        return ", ".join(f"{self.seen[status]:,} {status}" for status in STATUSES if self.seen[status]) or "no rows"

    def check_any(self) -> None:
        """Raise ExplorationError where no row took part."""
        if self.seen[OK] > self.left_out:
            return
        if self.seen[OK]:
            texts = ", ".join(f'"{one.text}"' for one in self.where)
            raise ExplorationError(f'"{self._path}": none of the {self.seen[OK]:,} evaluated points holds {texts}')
        first = f"; the first reason: {self.reason}" if self.reason else ""
        raise ExplorationError(f'"{self._path}" has no evaluated point: {self.counted()}{first}')


def figures(batch: pa.RecordBatch, columns: Sequence[str]) -> NDArray[np.float64]:
    """(rows, columns) of a batch; NaN where a cell is empty."""
    found = [batch[column].to_numpy(zero_copy_only=False).astype(np.float64) for column in columns]
    return np.column_stack(found) if found else np.empty((batch.num_rows, 0))


def check_objectives(results: Results, objectives: Sequence[Objective]) -> None:
    """Raise ExplorationError for none, for one given twice, and for one that results have no column for."""
    if not objectives:
        raise ExplorationError("no objective is given")
    names = {name for name, _ in results.columns}
    given: dict[str, str] = {}
    for objective in objectives:
        if objective.column not in names:
            raise ExplorationError(f'objective "{objective.text}": results have no column "{objective.column}"')
        if objective.column in given:
            raise ExplorationError(f'objective "{objective.text}": the same as "{given[objective.column]}"')
        given[objective.column] = objective.text


def _text_of(where: Sequence[Constraint], name: str) -> str:
    return next(one.text for one in where if name in (*one.parameters, *one.metric_columns))

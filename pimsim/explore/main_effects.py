"""How much of a figure's spread an axis explains on its own: exact on a full grid, from one pass over its rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pimsim.explore.arrow import pa
from pimsim.explore.point import Cell

MOST_VALUES = 1000
"""An axis with more, one without steps, has no groups to compare."""

Figures = NDArray[np.float64]


class MainEffects:
    """Sums by value of each axis; memory does not grow with the rows.

    The share of an axis is the variance of the means of its values, each counted as often as it occurs, over the
    variance of all rows.  On a full grid that is the first-order index of Sobol; without interactions the shares of
    all axes add up to 1.  An axis that some points lack counts for those that have it.
    """

    def __init__(self, axes: Sequence[str], figures: int) -> None:
        """``figures`` is how many there are of a row."""
        self.axes = tuple(axes)
        self.rows = 0
        self._figures = figures
        self._origin: Figures | None = None
        self._all = np.zeros((3, figures))
        self._groups: dict[str, dict[Cell, Figures] | None] = {axis: {} for axis in axes}

    def add(self, batch: pa.RecordBatch, figures: Figures) -> None:
        """Rows with the axes as columns, and their (rows, figures), all known."""
        if batch.num_rows == 0:
            return
        if self._origin is None:
            # near all others, so that differences of squares keep their digits
            self._origin = figures[0].copy()
        with np.errstate(invalid="ignore"):
            centred = figures - self._origin
        self.rows += len(figures)
        self._all += [np.full(self._figures, len(figures)), centred.sum(axis=0), (centred**2).sum(axis=0)]
        for axis in self.axes:
            self._add_to(axis, batch[axis], centred)

    def known(self, figure: int) -> bool:
        """Whether a figure is a number in all rows."""
        return bool(np.isfinite(self._all[2, figure]))

    def share(self, axis: str, figure: int) -> float | None:
        """0 … 1; None where nothing varies, a figure is no number, or the axis has more than `MOST_VALUES` values."""
        groups = self._groups[axis]
        count, total, squares = (float(part) for part in self._all[:, figure])
        spread = squares - total**2 / count if count else 0.0
        if groups is None or not spread > 1e-12 * squares:
            return None
        if not groups:
            return 0.0
        counts = np.array([sums[0, 0] for sums in groups.values()])
        totals = np.array([sums[1, figure] for sums in groups.values()])
        between = (totals**2 / counts).sum() - totals.sum() ** 2 / counts.sum()
        return min(max(float(between) / spread, 0.0), 1.0)

    def values(self, axis: str) -> int | None:
        """How many values it has; None above `MOST_VALUES`."""
        groups = self._groups[axis]
        return None if groups is None else len(groups)

    def _add_to(self, axis: str, column: pa.Array, centred: Figures) -> None:
        groups = self._groups[axis]
        if groups is None:
            return
        encoded = column.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for code, value in enumerate(encoded.dictionary.to_pylist()):
            chosen = centred[codes == code] if len(encoded.dictionary) > 1 else centred[codes >= 0]
            sums = groups.setdefault(value, np.zeros((2, self._figures)))
            sums += [np.full(self._figures, len(chosen)), chosen.sum(axis=0)]
        if len(groups) > MOST_VALUES:
            self._groups[axis] = None


def chance(values: int, rows: int) -> float:
    """Share that an axis without any effect has on average among rows drawn at random."""
    return (values - 1) / max(rows - 1, 1)

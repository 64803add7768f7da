"""Rows of results: their columns, and the figures of one machine in them."""

from __future__ import annotations

from pimsim.cost import ACCOUNTINGS, PARTS, Cost, Range, Repriced, edp_uj_us, power_mw
from pimsim.explore.axis import HARDWARE, INPUT, MODEL
from pimsim.explore.job import Job
from pimsim.explore.keys import Keys
from pimsim.explore.metrics import metric_columns
from pimsim.explore.point import Cell, Point, Row
from pimsim.explore.space import Space
from pimsim.model.accuracy import Accuracy

_METRICS = tuple(metric_columns())
_NONE: Row = dict.fromkeys(_METRICS)


def row_columns(space: Space) -> tuple[tuple[str, type], ...]:
    """Columns of every row of a space with their types; cells of numbers may be None, of text empty."""
    axes = [(name, kind) for name, kind in space.columns if name not in (MODEL, HARDWARE, INPUT)]
    return (
        ("point", int),
        *((name, str) for name in ("status", "reason", MODEL, HARDWARE, INPUT)),
        *axes,
        *((name, float) for name in _METRICS),
        ("bottleneck", str),
        ("executed", bool),
    )


class Rows:
    """Makes the rows of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._axes = tuple((name, kind) for name, kind in job.space.columns if name not in (MODEL, HARDWARE, INPUT))

    def row(self, point: Point, keys: Keys, status: str, reason: str, measured: Row | None = None) -> Row:
        """Cells in the order of `row_columns`; ``measured`` those of `figures` and behind them."""
        values = dict(point.values)
        row: Row = {
            "point": point.number,
            "status": status,
            "reason": reason,
            MODEL: keys.model,
            HARDWARE: keys.hardware,
            INPUT: self._job.input_name(*keys.network),
        }
        for name, kind in self._axes:
            row[name] = kind(values[name]) if name in values else None
        return row | (measured or _NOT_MEASURED)


_NOT_MEASURED: Row = {**_NONE, "bottleneck": "", "executed": False}


def figures(priced: Repriced | Cost, latency_cycles: float, accuracy: Accuracy | None) -> Row:
    """The columns of `metric_columns`."""
    energies = [priced.energy(name).pj for name in ACCOUNTINGS]
    reached = (accuracy.overall, accuracy.average, accuracy.kappa) if accuracy else (None, None, None)
    cells: list[Cell] = [
        *_ends(energies),
        *_ends([edp_uj_us(energy, priced.delay_ns) for energy in energies]),
        *_ends([power_mw(energy, priced.interval_ns) for energy in energies]),
        priced.delay_ns,
        priced.interval_ns,
        priced.inferences_per_second,
        *_ends([priced.area_um2]),
        *reached,
        *_ends([priced.part(name).pj for name in PARTS]),
        latency_cycles,
    ]
    return dict(zip(_METRICS, cells, strict=True))


def _ends(ranges: list[Range]) -> list[float]:
    """Nominal, low and high of each."""
    found: list[float] = []
    for low, nominal, high in ranges:
        found += (nominal, low, high)
    return found

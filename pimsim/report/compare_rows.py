"""A comparison as a table: one row per system and accounting; docs/report-format.md explains every column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pimsim.cost import ACCOUNTINGS, COMPUTE_ONLY, Cost
from pimsim.report.analysis import PaperEnergy, cnn_energy
from pimsim.report.comparison import Compared, digital_snn
from pimsim.report.rows import (
    ACCURACIES,
    COSTS,
    Cell,
    Table,
    accuracy_cells,
    cost_cells,
    energy_ratio,
    ranged_cells,
    ranged_columns,
)

REFERENCES = ("cnn_6b", "cnn_32b", "digital_snn")
"""What every system is held against; a ratio above 1 says that the system is the better one."""


def _ratio_columns(name: str) -> tuple[str, ...]:
    return *ranged_columns(f"{name}_over"), f"{name}_edp_over"


COLUMNS = (
    "system",
    "hardware",
    "first_layer",
    "other_layers",
    "schedule",
    "accounting",
    *COSTS,
    *(column for name in REFERENCES for column in _ratio_columns(name)),
    *ACCURACIES,
    "samples",
    "paper",
    "paper_energy_pj",
    "paper_energy_incoming_pj",
    *(f"paper_{name}_over" for name in REFERENCES),
)


def table(systems: Sequence[Compared]) -> Table:
    """Every system in every accounting, in the order given."""
    digital = digital_snn(systems)
    return Table(COLUMNS, tuple(row for system in systems for row in _rows(system, digital)))


def _rows(system: Compared, digital: Compared | None) -> Iterator[tuple[Cell, ...]]:
    for accounting in ACCOUNTINGS:
        yield (
            *_placement(system),
            accounting,
            *cost_cells(system.cost, accounting),
            *(cell for cost in references(system, digital).values() for cell in _ratios(cost, system.cost, accounting)),
            *accuracy_cells(system.accuracy, system.accuracy_source),
            system.samples,
            *(_papers(system, digital) if accounting == COMPUTE_ONLY else (None,) * (3 + len(REFERENCES))),
        )


def references(system: Compared, digital: Compared | None) -> dict[str, Cost | None]:
    """Cost of everything that the system is held against, by `REFERENCES`; nothing that is priced in another way."""
    narrow, wide = system.cnns
    alike = digital is not None and digital.hardware.cost.prices_as(system.hardware.cost)
    return dict(zip(REFERENCES, (narrow.cost, wide.cost, digital.cost if digital and alike else None), strict=True))


def _placement(system: Compared) -> tuple[Cell, ...]:
    machine = system.hardware
    return system.name, machine.name, system.first_engines, system.other_engines, machine.schedule


def _ratios(reference: Cost | None, cost: Cost, accounting: str) -> tuple[Cell, ...]:
    ratio = energy_ratio(reference, cost, accounting) if reference else None
    if reference is None or ratio is None:
        return (None,) * 4
    return *ranged_cells(ratio), ratio.nominal * reference.delay_ns / cost.delay_ns


def _papers(system: Compared, digital: Compared | None) -> tuple[Cell, ...]:
    """The papers count arithmetic alone, so they stand beside that accounting and no other."""
    paper = system.paper
    if paper is None:
        return (None,) * (3 + len(REFERENCES))
    return paper.paper, paper.own_pj, paper.incoming_pj, *paper_ratios(system, digital).values()


def paper_ratios(system: Compared, digital: Compared | None) -> dict[str, float | None]:
    """The papers' own ratios by `REFERENCES`, layers weighed with their own spikes, as printed."""
    paper, shapes = system.paper, system.shapes
    others: tuple[PaperEnergy | None, ...] = (
        cnn_energy(shapes, 6),
        cnn_energy(shapes, 32),
        digital.paper if digital else None,
    )
    return {
        name: other.own_pj / paper.own_pj if other and paper else None
        for name, other in zip(REFERENCES, others, strict=True)
    }

"""A run as tables of plain values; docs/report-format.md explains every column.

Energies are `Attojoules`, exact integers that print as pJ with six decimals, so that the printed rows of a
column add up to the printed total to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pimsim.activity.activity import Activity
from pimsim.cost import ACCOUNTINGS, CATEGORIES, FULL, MACHINE, Cost, EnergyAj, Range
from pimsim.cost.prices import CLOCK, COMPUTE_ENERGY, LEAK, MEMORY_ENERGY, STATIC_ENERGY
from pimsim.model.accuracy import Accuracy
from pimsim.report.analysis import Analysis
from pimsim.units import AJ_PER_PJ, pj_from_aj


class Attojoules(int):
    """Energy that prints in pJ.

    >>> Attojoules(1_234_567)
    1.234567
    """

    def __repr__(self) -> str:
        whole, part = divmod(int(self), AJ_PER_PJ)
        return f"{whole}.{part:06d}"

    __str__ = __repr__


Cell = str | int | float | Attojoules | None


@dataclass(frozen=True)
class Table:
    """Columns and rows of one CSV file."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class System:
    """What one group of rows of the summary speaks of."""

    name: str
    hardware: str
    cost: Cost
    accuracy: Accuracy | None = None
    accuracy_source: str = ""


def ranged_columns(name: str, unit: str = "") -> tuple[str, str, str]:
    """Nominal, low and high column of one quantity."""
    behind = f"_{unit}" if unit else ""
    return f"{name}{behind}", f"{name}_low{behind}", f"{name}_high{behind}"


COSTS = (
    *ranged_columns("energy", "pj"),
    "compute_pj",
    "adc_pj",
    "memory_pj",
    "static_pj",
    "leakage_pj",
    "clock_pj",
    "delay_ns",
    *ranged_columns("edp", "uj_us"),
    *ranged_columns("power", "mw"),
    "inferences_per_s",
    *ranged_columns("inferences_per_j"),
    *ranged_columns("dense_tops_per_w"),
    *ranged_columns("done_tops_per_w"),
    *ranged_columns("dense_tops_per_mm2"),
    *ranged_columns("area", "um2"),
)
"""What a system costs in one accounting: in ``summary.csv`` as in ``compare.csv``."""
ACCURACIES = ("overall_accuracy", "average_accuracy", "kappa", "accuracy_source")
SUMMARY = (
    "system",
    "hardware",
    "accounting",
    *COSTS,
    *ranged_columns("energy_ratio"),
    "delay_ratio",
    "edp_ratio",
    *ACCURACIES,
    "samples",
)
LAYERS = (
    "layer",
    "engine",
    "dense_macs",
    "accumulates",
    "neurons",
    "input_spikes",
    "output_spikes",
    "spikes_per_neuron",
    "output_activations",
    "cycles",
    "utilization",
    "layout",
    "saturations",
    "energy_pj",
    "energy_low_pj",
    "energy_high_pj",
    "compute_pj",
    "memory_pj",
    "static_pj",
    "energy_share",
)
COMPONENTS = (
    "layer",
    "engine",
    "component",
    "action",
    "bits",
    "second_bits",
    "capacity_bits",
    "ports",
    "count",
    "unit_energy_pj",
    "unit_energy_low_pj",
    "unit_energy_high_pj",
    "energy_pj",
    "energy_low_pj",
    "energy_high_pj",
    "category",
    "kind",
    "source",
)
PAPERS = ("paper", "quantity", "value", "unit", "meaning")


NOTHING = EnergyAj(0, 0, 0)


def plain(cell: Cell) -> str | int | float | None:
    """A cell as a frame holds it: energies in pJ as floats."""
    return pj_from_aj(cell) if isinstance(cell, Attojoules) else cell


def summary(systems: Sequence[System]) -> Table:
    """Every system in every accounting; ratios are that system over the first one."""
    return Table(SUMMARY, tuple(_summary_rows(systems)))


def _summary_rows(systems: Sequence[System]) -> Iterable[tuple[Cell, ...]]:
    first = systems[0].cost
    for system in systems:
        cost = system.cost
        for accounting in ACCOUNTINGS:
            ratio = energy_ratio(cost, first, accounting)
            yield (
                system.name,
                system.hardware,
                accounting,
                *cost_cells(cost, accounting),
                *ranged_cells(ratio),
                cost.delay_ns / first.delay_ns,
                None if ratio is None else ratio.nominal * cost.delay_ns / first.delay_ns,
                *accuracy_cells(system.accuracy, system.accuracy_source),
                first.samples,
            )


def cost_cells(cost: Cost, accounting: str) -> tuple[Cell, ...]:
    """The cells of `COSTS`; a part that the accounting leaves out is 0."""
    parts = {name: cost.category(name) if name in ACCOUNTINGS[accounting] else NOTHING for name in CATEGORIES}
    static = accounting == FULL
    return (
        *energy_cells(cost.energy(accounting)),
        Attojoules(parts[COMPUTE_ENERGY].nominal),
        Attojoules(cost.action("adc", "convert").nominal),
        Attojoules(parts[MEMORY_ENERGY].nominal),
        Attojoules(parts[STATIC_ENERGY].nominal),
        *(Attojoules(cost.static(action).nominal if static else 0) for action in (LEAK, CLOCK)),
        cost.delay_ns,
        *ranged_cells(cost.edp_uj_us(accounting)),
        *ranged_cells(cost.power_mw(accounting)),
        cost.inferences_per_second,
        *ranged_cells(cost.inferences_per_joule(accounting)),
        *ranged_cells(cost.dense_tops_per_watt(accounting)),
        *ranged_cells(cost.done_tops_per_watt(accounting)),
        *ranged_cells(cost.dense_tops_per_mm2),
        *ranged_cells(cost.area_um2),
    )


def accuracy_cells(known: Accuracy | None, source: str) -> tuple[Cell, ...]:
    """The cells of `ACCURACIES`; ``source`` says of what network and samples."""
    return (known.overall, known.average, known.kappa, source) if known else (None,) * 4


def energy_ratio(cost: Cost, reference: Cost, accounting: str) -> Range | None:
    """Energy of one system over another's; None where the reference has none.

    Both are priced by one table, whose sources err alike: low is compared with low and high with high.
    """
    above, below = cost.energy(accounting), reference.energy(accounting)
    if min(below) <= 0:
        return None
    low, nominal, high = (a / b for a, b in zip(above, below, strict=True))
    return Range(min(low, nominal, high), nominal, max(low, nominal, high))


def layers(
    activity: Activity, cost: Cost, saturations: Sequence[float], active: Sequence[float], *, spiking: bool
) -> Table:
    """Every layer per inference, then the machine's leakage and clock; energies add up to the full total.

    saturations  per record, membrane writes of one inference that saturated
    active       per hidden layer of a CNN, activations of one inference that are not 0; () where none was executed
    spiking      False of a CNN: its layers have no spikes
    """
    total, samples = cost.energy(FULL).nominal, activity.samples
    rows: list[tuple[Cell, ...]] = []
    behind = (*active, None) if active else (None,) * len(activity.layers)
    for layer, saturated, values in zip(activity.layers, saturations, behind, strict=True):
        spikes: tuple[Cell, ...] = (None,) * 3
        if spiking:
            # the sums of codes of a hybrid first layer have no neurons of their own
            zeta = spikes_per_neuron(layer.output_spikes, layer.neurons, samples) if layer.neurons else None
            spikes = (layer.input_spikes / samples, layer.output_spikes / samples, zeta)
        rows.append(
            (
                layer.layer,
                layer.engine,
                layer.dense_macs // samples,
                layer.accumulates / samples,
                layer.neurons,
                *spikes,
                values,
                layer.cycles / samples,
                layer.utilization,
                layer.layout or None,
                saturated,
                *_layer_energy(cost, layer.layer, total),
            )
        )
    rows.append((MACHINE, "static", *(None,) * 11, *_layer_energy(cost, MACHINE, total)))
    return Table(LAYERS, tuple(rows))


def spikes_per_neuron(spikes: int, neurons: int, samples: int) -> float:
    """ζ: spikes of a neuron over all time steps of one inference."""
    return spikes / (neurons * samples)


def _layer_energy(cost: Cost, layer: str, total: int) -> tuple[Cell, ...]:
    energy = cost.layer(layer)
    parts = (Attojoules(cost.layer(layer, category).nominal) for category in CATEGORIES)
    return (*energy_cells(energy), *parts, energy.nominal / total if total else 0.0)


def components(cost: Cost) -> Table:
    """Every counted action per inference; of leakage and clock the count is cycles."""
    return Table(
        COMPONENTS,
        tuple(
            (
                line.layer,
                line.engine,
                line.component,
                line.action,
                line.bits,
                line.second_bits,
                line.capacity_bits,
                line.ports,
                line.count / cost.samples,
                *ranged_cells(line.unit_pj),
                *energy_cells(line.energy),
                line.category,
                line.kind,
                line.source,
            )
            for line in cost.lines
        ),
    )


def papers(analysis: Analysis) -> Table:
    """The papers' formulas, one figure per row."""
    return Table(
        PAPERS, tuple((item.paper, item.quantity, item.value, item.unit, item.meaning) for item in analysis.figures)
    )


def energy_cells(energy: EnergyAj) -> tuple[Attojoules, Attojoules, Attojoules]:
    """Nominal, low, high."""
    return Attojoules(energy.nominal), Attojoules(energy.low), Attojoules(energy.high)


def ranged_cells(value: Range | None) -> tuple[Cell, Cell, Cell]:
    """Nominal, low, high; nothing where there is no such figure."""
    return (None, None, None) if value is None else (value.nominal, value.low, value.high)

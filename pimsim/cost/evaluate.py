"""Activity × prices → cost."""

from __future__ import annotations

from collections.abc import Iterator

from pimsim.activity.activity import ActionCount, Activity, LayerActivity
from pimsim.cost.cost import MACHINE, Cost, CostLine, EnergyAj
from pimsim.cost.prices import CLOCK, LEAK, STATIC_ENERGY, PriceBook
from pimsim.cost.ranges import Range, total
from pimsim.cost.table import CostTable
from pimsim.cost.timing import timings
from pimsim.errors import CostError
from pimsim.hardware import CostSettings
from pimsim.units import aj_from_pj, ns_from_cycles, pj_from_uw_ns

SYSTEM = "static"
"""Engine name of the lines that belong to the whole machine."""


def evaluate(activity: Activity, settings: CostSettings, table: CostTable, *, clock_mhz: float) -> Cost:
    """Price a run with a table under the choices of a hardware file.

    Leakage is paid for the time the run takes, shared by its samples; the clock for its cycles.
    Raises CostError for an action, converter model, device, rule or component that the table does not know, and
    for an operation that is not over in its cycles.
    """
    return price(activity, PriceBook(table, settings), clock_mhz=clock_mhz)


def price(activity: Activity, book: PriceBook, *, clock_mhz: float) -> Cost:
    """`evaluate` with a book that remembers: for pricing many runs by one table."""
    check_activity(activity)
    dynamic = (_line(layer, item, book, activity.samples) for layer in activity.layers for item in layer.actions)
    return Cost(
        samples=activity.samples,
        dense_macs=sum(layer.dense_macs for layer in activity.layers) / activity.samples,
        accumulates=sum(layer.accumulates for layer in activity.layers) / activity.samples,
        lines=(*dynamic, *_static_lines(activity, book, clock_mhz)),
        delay_ns=ns_from_cycles(activity.latency_cycles, clock_mhz),
        interval_ns=ns_from_cycles(activity.interval_cycles, clock_mhz),
        run_ns=ns_from_cycles(activity.total_cycles, clock_mhz),
        area_um2=total(book.storage(item).area_um2 for item in activity.storage),
        choices=_choices(book, clock_mhz),
        timings=timings(activity.deadlines, book, clock_mhz=clock_mhz),
    )


def check_activity(activity: Activity) -> None:
    """Whether the run has inferences that took time.  Raises CostError."""
    if activity.samples < 1 or activity.total_cycles < 1 or activity.interval_cycles <= 0:
        raise CostError(
            f"an activity of {activity.samples} samples in {activity.total_cycles} cycles "
            f"(one every {activity.interval_cycles:g}) has no cost per inference"
        )


def energy_aj(count: int, unit_pj: Range, samples: int) -> EnergyAj:
    """``count`` actions over ``samples`` inferences, rounded once to attojoules per inference."""
    low, nominal, high = (aj_from_pj(count * unit / samples) for unit in unit_pj)
    return EnergyAj(low, nominal, high)


def _line(layer: LayerActivity, item: ActionCount, book: PriceBook, samples: int) -> CostLine:
    unit = book.action(item)
    return CostLine(
        layer.layer,
        layer.engine,
        item.component,
        item.action,
        item.bits,
        item.second_bits,
        item.capacity_bits,
        item.ports,
        item.count,
        unit.energy_pj,
        energy_aj(item.count, unit.energy_pj, samples),
        unit.category,
        unit.kind,
        unit.source,
    )


def _static_lines(activity: Activity, book: PriceBook, clock_mhz: float) -> Iterator[CostLine]:
    cycle_ns = ns_from_cycles(1, clock_mhz)
    for item, clocked in zip(activity.storage, activity.clocked_cycles, strict=True):
        standing = book.storage(item)
        low, nominal, high = (pj_from_uw_ns(power, cycle_ns) for power in standing.leakage_uw)
        leak = Range(low, nominal, high)
        charges = [(LEAK, activity.total_cycles, leak, standing.leakage_kind, standing.leakage_source)]
        if standing.clock_pj is not None:
            charges.append((CLOCK, clocked, standing.clock_pj, standing.clock_kind, standing.clock_source))
        for action, cycles, unit_pj, kind, source in charges:
            yield CostLine(
                MACHINE,
                SYSTEM,
                item.component,
                action,
                item.width_bits,
                0,
                item.capacity_bits * item.instances,
                item.ports,
                cycles,
                unit_pj,
                energy_aj(cycles, unit_pj, activity.samples),
                STATIC_ENERGY,
                kind,
                source,
            )


def _choices(book: PriceBook, clock_mhz: float) -> tuple[tuple[str, str], ...]:
    """Every named choice with what it means; the table's own rules by their names."""
    table, settings = book.table, book.settings
    return (
        ("table", f"{table.name}: {table.title}"),
        ("adc_model", f"{settings.adc_model}: {table.entries[table.adc_entry(settings.adc_model)].source}"),
        ("adc_range", ", ".join(table.adc_spread)),
        *((kind, table.rule_text(kind, getattr(settings, kind))) for kind in table.rules),
        ("node_scaling", table.node_scaling),
        ("device", f"{settings.device}: {table.flavours[settings.device].source}"),
        ("temperature_k", f"{settings.temperature_k:g}"),
        ("clock_mhz", f"{clock_mhz:g}"),
    )

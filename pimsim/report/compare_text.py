"""A comparison as text for a terminal of 100 columns or more."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pimsim.cost import ACCOUNTINGS, FULL, Cost
from pimsim.cost.prices import CLOCK, COMPUTE_ENERGY, LEAK, MEMORY_ENERGY
from pimsim.hardware.hardware import ISO_CNN, RULES
from pimsim.report import numerals
from pimsim.report.accuracies import FLOAT
from pimsim.report.compare_rows import paper_ratios, references
from pimsim.report.comparison import Compared, Comparison, digital_snn
from pimsim.report.render import ACCOUNTING_TITLES, aligned_table, plain_text
from pimsim.report.rows import energy_ratio

NONE = "–"
_TITLES = [title.split(":")[0] for title in ACCOUNTING_TITLES.values()]
_RATIO_TITLES = {
    "cnn_6b": "6-bit CNN / system, energy",
    "cnn_32b": "32-bit CNN / system, energy",
    "digital_snn": "{name} / system, energy",
}


def compare_text(result: Comparison, width: int | None = None) -> str:
    """Tables of a comparison as plain text, ``width`` columns wide (by default the terminal's, 100 to 120)."""
    return plain_text(_parts(result), width)


def _parts(result: Comparison) -> Iterable[RenderableType]:
    yield Text(_headline(result))
    yield Text("\nEnergy of one inference, nominal (low–high)")
    yield _energies(result)
    yield Text("Where it goes, nominal")
    yield _shares(result)
    yield Text("Energy × delay, nominal (low–high)")
    yield _products(result)
    floats = any(system.accuracy_source == FLOAT for system in result.systems)
    noted = "; in brackets the float network on all test samples, as its training noted" if floats else ""
    yield Text(f"Speed, area, accuracy{noted}")
    yield _speeds(result)
    yield Text("Efficiency in full accounting, nominal (low–high); two operations per multiply-accumulate")
    yield _efficiencies(result)
    digital = digital_snn(result.systems)
    for name, title in _RATIO_TITLES.items():
        if name != "digital_snn" or digital is not None:
            yield Text(
                title.format(name=digital.name if digital else "")
                + ", nominal (low–high), and full energy × delay; above 1 the system is better"
            )
            yield _ratios(result, name, digital)
    yield Text(_notes(result))


def _headline(result: Comparison) -> str:
    lines = [f"{result.model} on {len(result.systems)} systems, {result.systems[0].samples} samples, per inference"]
    reasons = dict.fromkeys(system.execution for system in result.systems if system.accuracy_source != FLOAT)
    wider = dict.fromkeys(
        f"{system.hardware.name}: {key}={bits}, which the network's sums need"
        for system in result.systems
        for key, bits in system.widened.items()
    )
    encoding = [result.encoding] if result.encoding else []
    return "\n".join([*lines, *encoding, *reasons, *wider])


def _energies(result: Comparison) -> Table:
    unit, factor = numerals.energy_unit(_median_energy(result))
    table = aligned_table("system", right=[f"{title} {unit}" for title in _TITLES])
    for system in result.systems:
        ranges = [system.cost.energy(accounting) for accounting in ACCOUNTINGS]
        table.add_row(system.name, *(numerals.ranged(one.pj.times(1e6 / factor)) for one in ranges))
    return table


def _shares(result: Comparison) -> Table:
    unit, factor = numerals.energy_unit(_median_energy(result))
    titles = ("arithmetic", "of it ADC", "memory", "leakage", "clock")
    table = aligned_table("system", right=[f"{title} {unit}" for title in titles])
    for system in result.systems:
        cost = system.cost
        parts = (
            cost.category(COMPUTE_ENERGY),
            cost.action("adc", "convert"),
            cost.category(MEMORY_ENERGY),
            cost.static(LEAK),
            cost.static(CLOCK),
        )
        cells = (numerals.digits(part.nominal / factor) if part.nominal else NONE for part in parts)
        table.add_row(system.name, *cells)
    return table


def _median_energy(result: Comparison) -> int:
    """One unit serves all systems best when it suits the one in the middle."""
    return sorted(system.cost.energy(FULL).nominal for system in result.systems)[len(result.systems) // 2]


def _products(result: Comparison) -> Table:
    middle = sorted(system.cost.edp_uj_us(FULL).nominal for system in result.systems)[len(result.systems) // 2]
    unit, size = numerals.product_unit(middle)
    table = aligned_table("system", right=[f"{title} {unit}" for title in _TITLES])
    for system in result.systems:
        ranges = [system.cost.edp_uj_us(accounting).times(1 / size) for accounting in ACCOUNTINGS]
        table.add_row(system.name, *(numerals.ranged(one) for one in ranges))
    return table


def _speeds(result: Comparison) -> Table:
    table = aligned_table("system", "layer 1", "others", "schedule", right=("delay", "inf./s", "area mm2", "OA %"))
    for system in result.systems:
        table.add_row(
            system.name,
            system.first_engines,
            system.other_engines,
            system.hardware.schedule,
            numerals.time(system.cost.delay_ns),
            f"{system.cost.inferences_per_second:,.0f}",
            numerals.ranged(system.cost.area_um2.times(1e-6)),
            _overall(system),
        )
    return table


def _overall(system: Compared) -> str:
    """Overall accuracy in percent; of a float network in brackets."""
    if system.accuracy is None:
        return NONE
    percent = f"{system.accuracy.percent()['overall_percent']:.2f}"
    return f"({percent})" if system.accuracy_source == FLOAT else percent


def _efficiencies(result: Comparison) -> Table:
    titles = ("power mW", "dense TOPS/W", "done TOPS/W", "dense GOPS/mm2")
    table = aligned_table("system", right=titles)
    for system in result.systems:
        cost = system.cost
        ranged = (cost.power_mw(FULL), cost.dense_tops_per_watt(FULL))
        nominal = ((cost.done_tops_per_watt(FULL), 1.0), (cost.dense_tops_per_mm2, 1e3))
        table.add_row(
            system.name,
            *(numerals.ranged(figure) if figure else NONE for figure in ranged),
            *(numerals.digits(figure.nominal * scale) if figure else NONE for figure, scale in nominal),
        )
    return table


def _ratios(result: Comparison, name: str, digital: Compared | None) -> Table:
    table = aligned_table("system", right=[*_TITLES, "EDP", "paper"])
    for system in result.systems:
        reference = references(system, digital)[name]
        if reference is None or system.name == name or (name == "digital_snn" and _is_other(system, digital)):
            continue
        paper = paper_ratios(system, digital)[name]
        table.add_row(
            system.name,
            *(_ratio(reference, system.cost, accounting) for accounting in ACCOUNTINGS),
            numerals.factor(reference.edp_uj_us(FULL).nominal / system.cost.edp_uj_us(FULL).nominal),
            numerals.factor(paper) if paper is not None else NONE,
        )
    return table


def _is_other(system: Compared, digital: Compared | None) -> bool:
    """Itself, and CNNs: they have tables of their own."""
    return system is digital or system.hardware.network == ISO_CNN


def _ratio(reference: Cost, cost: Cost, accounting: str) -> str:
    ratio = energy_ratio(reference, cost, accounting)
    return NONE if ratio is None else numerals.ranged(ratio, numerals.factor)


def _notes(result: Comparison) -> str:
    names = {system.cost.choices: None for system in result.systems}
    tables = dict.fromkeys(dict(choices)["table"].split(":")[0] for choices in names)
    devices = dict.fromkeys(dict(choices)["device"].split(":")[0] for choices in names)
    converters = [
        f"{system.name} {dict(system.cost.choices)['adc_model'].split(':')[0]}"
        for system in result.systems
        if system.cost.action("adc", "convert").nominal
    ]
    papers = dict.fromkeys(system.paper.paper for system in result.systems if system.paper)
    kelvins = dict.fromkeys(dict(choices)["temperature_k"] for choices in names)
    rules = [
        f"{kind} {', '.join(dict.fromkeys(dict(choices)[kind].split(':')[0] for choices in names))}" for kind in RULES
    ]
    return (
        f"cost table {', '.join(tables)}; device {', '.join(devices)} at {', '.join(kelvins)} K; "
        f"converters: {', '.join(converters) or 'none'}\n{'; '.join(rules)}\n"
        f"paper: {', '.join(papers)}; they count arithmetic alone, on the same spikes, and are no part of the totals"
    )

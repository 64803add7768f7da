"""A run as text for a terminal of 100 columns or more."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pimsim.cost import ACCOUNTINGS, COMPUTE_ONLY, FULL, MACHINE, WITH_MEMORY, Cost, Range
from pimsim.cost.prices import CLOCK, COMPUTE_ENERGY, MEMORY_ENERGY
from pimsim.cost.timing import TIGHT, UNKNOWN, Timing
from pimsim.hardware.hardware import NONE, UNITS
from pimsim.model.accuracy import Accuracy
from pimsim.report import numerals
from pimsim.report.accuracies import SIMULATED
from pimsim.report.chips import MEASURES, Chips
from pimsim.report.firing import LayerFiring, firing_title
from pimsim.report.result import RunResult
from pimsim.report.rows import energy_ratio

NARROW, WIDE = 100, 120
ACCOUNTING_TITLES = {
    COMPUTE_ONLY: "compute only",
    WITH_MEMORY: "with memory",
    FULL: "full: + leakage, clock",
}
CLOCKED = {NONE: "clocked in every cycle", UNITS: "clocked while their unit works"}


def text(result: RunResult, width: int | None = None) -> str:
    """Tables of a run as plain text, ``width`` columns wide (by default the terminal's, 100 to 120)."""
    return plain_text(_parts(result), width)


def plain_text(parts: Iterable[RenderableType], width: int | None = None) -> str:
    """What rich would print, without colours and without spaces at line ends."""
    columns = width or min(max(shutil.get_terminal_size((WIDE, 24)).columns, NARROW), WIDE)
    stream = io.StringIO()
    # no markup: sources carry brackets
    console = Console(
        file=stream, width=columns, color_system=None, markup=False, highlight=False, legacy_windows=False
    )
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _parts(result: RunResult) -> Iterable[RenderableType]:
    yield Text(_headline(result))
    yield _layers(result)
    if result.firing:
        yield Text(firing_title(result.firing))
        yield firing_lines(result.firing)
    yield Text("One inference, nominal (low–high)")
    yield _totals(result)
    if result.baselines:
        yield Text("The same layers as a CNN without spikes, nominal (low–high)")
        yield _comparison(result)
    yield Text(_speed(result))
    if result.chips is not None:
        yield Text(f"\nAccuracy of {len(result.chips.reached)} chips, seed {result.chips.seed}; costs are chip 0's")
        yield _chips(result.chips)
    if result.analysis.figures:
        yield Text("\nThe papers' formulas on the same spikes (their accounting, no part of the totals above)")
        yield _papers(result)
    yield Text("Cost choices")
    yield _choices(result.cost)


def _headline(result: RunResult) -> str:
    encoding = f"\n{result.encoding}" if result.encoding else ""
    return (
        f"{result.model} on {result.hardware.name}: {result.hardware.description}\n"
        f"{result.activity.samples} samples, per inference; {result.execution}{encoding}"
    )


def _layers(result: RunResult) -> Table:
    unit, factor = numerals.energy_unit(result.cost.energy(FULL).nominal)
    values = "active/\nneuron" if result.active else "spikes/\nneuron"
    counts = ("dense\nMACs", "accum.\ndone", values, "\ncycles", "util.\n%")
    energies = (f"compute\n{unit}", f"memory\n{unit}", f"energy\n{unit}", "share\n%")
    table = aligned_table("\nlayer", "\nengine", right=(*counts, *energies))
    samples, last = result.activity.samples, result.activity.layers[-1]
    known = result.active or result.spiking
    active = result.active or [layer.output_spikes / samples for layer in result.activity.layers[:-1]]
    for layer, handed_on in zip(result.activity.layers, (*active, 0.0), strict=True):
        table.add_row(
            layer.layer,
            layer.engine,
            _macs(layer.dense_macs // samples),
            numerals.count(layer.accumulates / samples),
            # neither the classifier nor the sums of a hybrid first layer's codes spike
            f"{handed_on / layer.neurons:.3f}" if known and layer.neurons and layer is not last else "–",
            numerals.count(layer.cycles / samples),
            f"{100 * layer.utilization:.1f}",
            *_energy_cells(result.cost, layer.layer, factor),
        )
    table.add_row("leak, clock", *[""] * 6, *_energy_cells(result.cost, MACHINE, factor), end_section=True)
    table.add_row(*_layer_totals(result, factor))
    return table


def _layer_totals(result: RunResult, factor: float) -> list[str]:
    layers, cost, samples = result.activity.layers, result.cost, result.activity.samples
    parts = (cost.category(COMPUTE_ENERGY).nominal, cost.category(MEMORY_ENERGY).nominal, cost.energy(FULL).nominal)
    return [
        "total",
        "",
        _macs(sum(layer.dense_macs for layer in layers) // samples),
        numerals.count(sum(layer.accumulates for layer in layers) / samples),
        "",
        numerals.count(result.activity.latency_cycles),
        "",
        *(numerals.digits(part / factor) for part in parts),
        "100.0",
    ]


def _energy_cells(cost: Cost, layer: str, factor: float) -> list[str]:
    total, energy = cost.energy(FULL).nominal, cost.layer(layer).nominal
    parts = (cost.layer(layer, name).nominal for name in (COMPUTE_ENERGY, MEMORY_ENERGY))
    share = f"{100 * energy / total:.1f}" if total else "–"
    return [
        *(numerals.digits(part / factor) if part else "–" for part in parts),
        numerals.digits(energy / factor),
        share,
    ]


def firing_lines(lines: Sequence[LayerFiring]) -> Table:
    """Inputs that fire, and hidden layers."""
    table = aligned_table("layer", "neuron", right=("neurons", "spikes/neuron", "fired %", "mean step", "fired twice"))
    for line in lines:
        table.add_row(
            line.layer,
            line.neuron,
            f"{line.neurons:,}",
            f"{line.spikes_per_neuron:.3f}",
            f"{100 * line.fired_share:.1f}",
            "–" if line.mean_step is None else f"{line.mean_step:.2f}",
            "–" if line.twice is None else f"{line.twice:,} of {line.occasions:,}",
        )
    return table


def _totals(result: RunResult) -> Table:
    cost = result.cost
    unit, factor = numerals.energy_unit(cost.energy(FULL).nominal)
    product, scale = numerals.product_unit(cost.edp_uj_us(FULL).nominal)
    table = aligned_table("accounting", right=(f"energy {unit}", f"EDP {product}", "power mW"))
    for accounting in ACCOUNTINGS:
        table.add_row(
            ACCOUNTING_TITLES[accounting],
            numerals.ranged(_energies(cost, accounting, factor)),
            numerals.ranged(cost.edp_uj_us(accounting).times(1 / scale)),
            numerals.ranged(cost.power_mw(accounting)),
        )
    return table


def _comparison(result: RunResult) -> Table:
    """Energy of every baseline, and how many times the run's it is."""
    unit, factor = numerals.energy_unit(result.baselines[0].cost.energy(FULL).nominal)
    titles = [title for item in result.baselines for title in (f"{item.title} {unit}", "/ this run")]
    table = aligned_table("accounting", right=titles)
    for accounting in ACCOUNTINGS:
        cells = []
        for item in result.baselines:
            ratio = energy_ratio(item.cost, result.cost, accounting)
            energy = numerals.digits(item.cost.energy(accounting).nominal / factor)
            cells += [energy, "–" if ratio is None else numerals.ranged(ratio)]
        table.add_row(ACCOUNTING_TITLES[accounting], *cells)
    return table


def _energies(cost: Cost, accounting: str, factor: float) -> Range:
    low, nominal, high = (part / factor for part in cost.energy(accounting))
    return Range(low, nominal, high)


def aligned_table(*left: str, right: Sequence[str] = ()) -> Table:
    """Columns of words, then columns of figures."""
    # a divider and one space between columns: more would not fit eleven of them into 100
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _speed(result: RunResult) -> str:
    cost, activity = result.cost, result.activity
    lines = [
        f"delay       {numerals.time(cost.delay_ns)}, {numerals.count(activity.latency_cycles)} cycles at "
        f"{result.hardware.clock_mhz:g} MHz; {cost.inferences_per_second:,.0f} inferences/s",
        f"bottleneck  {activity.bottleneck}",
        f"clocking    {_clock_share(cost):.0%} of the energy, registers {CLOCKED[result.hardware.clock_gating]}",
    ]
    for item in result.baselines[:1]:  # wider words take the same cycles
        slower = numerals.digits(item.cost.delay_ns / cost.delay_ns)
        lines.append(f"CNN delay   {numerals.time(item.cost.delay_ns)} on {item.hardware}, {slower} × this run's")
    saturated = [
        f"{layer.layer} {numerals.count(count)}"
        for layer, count in zip(activity.layers, result.saturations, strict=True)
        if count
    ]
    if saturated:
        lines.append(f"saturated   membrane writes per inference: {', '.join(saturated)}")
    lines.append(f"area        {numerals.ranged(cost.area_um2.times(1e-6))} mm2")
    lines += [f"efficiency  {_efficiency(cost)}", f"timing      {_timing(cost)}"]
    if result.accuracy is not None:
        lines.append(f"accuracy    {_accuracy(result.accuracy)}")
    for item in result.baselines:
        if item.accuracy is not None:
            of = (
                item.execution
                if item.accuracy_source == SIMULATED
                else "float network on all test samples, as its training noted"
            )
            lines.append(f"            {_accuracy(item.accuracy)}: {item.title}, {of}")
    return "\n".join(lines)


def _accuracy(known: Accuracy) -> str:
    percent = known.percent()
    return (
        f"OA {percent['overall_percent']:.2f} %, AA {percent['average_percent']:.2f} %, "
        f"kappa {percent['kappa_percent']:.2f} %"
    )


def _efficiency(cost: Cost) -> str:
    """In full accounting, nominal; docs/costs.md says what counts as an operation."""
    figures = (
        (cost.inferences_per_joule(FULL), 1e-3, "inferences/mJ"),
        (cost.dense_tops_per_watt(FULL), 1.0, "TOPS/W of dense MACs"),
        (cost.done_tops_per_watt(FULL), 1.0, "TOPS/W of additions done"),
        (cost.dense_tops_per_mm2, 1e3, "dense GOPS/mm2"),
    )
    return ", ".join(f"{numerals.digits(value.nominal * scale)} {unit}" for value, scale, unit in figures if value)


def _timing(cost: Cost) -> str:
    """How near the slowest operation comes to its cycles, and what is not known to fit."""
    known = [(timing.needed_ns.nominal / timing.available_ns, timing) for timing in cost.timings if timing.needed_ns]
    parts = []
    if known:
        _, slowest = max(known, key=lambda pair: pair[0])
        parts.append(
            f"{_operation(slowest)} takes {numerals.digits(slowest.needed_ns.nominal if slowest.needed_ns else 0.0)} "
            f"of {numerals.digits(slowest.available_ns)} ns"
        )
    for verdict, meaning in ((TIGHT, "fast enough by some sources only"), (UNKNOWN, "no source states a time")):
        if names := list(dict.fromkeys(_operation(item) for item in cost.timings if item.verdict == verdict)):
            parts.append(f"{meaning}: {', '.join(names)}")
    return "; ".join(parts) or "no operation is timed"


def _operation(timing: Timing) -> str:
    return f"{timing.deadline.component}.{timing.deadline.action}"


def _clock_share(cost: Cost) -> float:
    """Of the energy of one inference, all accounted."""
    return cost.static(CLOCK).nominal / cost.energy(FULL).nominal


def _chips(chips: Chips) -> Table:
    table = aligned_table("", right=("exact sums", "mean", "sigma", "worst"))
    for measure, title in zip(MEASURES, ("OA %", "AA %", "kappa %"), strict=True):
        spread = chips.spread(measure)
        cells = (getattr(chips.exact, measure), spread.mean, spread.sigma, spread.worst)
        table.add_row(title, *("–" if cell is None else f"{100 * cell:.2f}" for cell in cells))
    return table


def _papers(result: RunResult) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for figure in result.analysis.figures:
        value = numerals.energy(figure.value) if figure.unit == "pJ" else numerals.digits(figure.value)
        value += " ×" if figure.unit == "x" else ""
        table.add_row(figure.paper, figure.quantity, value, figure.meaning)
    return table


def _choices(cost: Cost) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, choice in cost.choices:
        table.add_row(name, choice)
    return table


def _macs(count: int) -> str:
    return f"{count:,}" if count < 100_000_000 else numerals.count(count)

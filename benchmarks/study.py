"""Explores the spaces of docs/study.md and writes the page's tables and pictures anew.

    python benchmarks/study.py [--results FOLDER]

Explorations that FOLDER (runs/study) has already are read, not run again.  The prose around the tables is written by
hand: read it again where a figure has moved.  Needs the extras ``explore`` and ``plot``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import study_pictures
import study_runs
from study_data import (
    BITS,
    CYCLES,
    DIGITAL,
    FELT,
    FITTED,
    KINDS,
    MODEL,
    PRODUCTS,
    SHARED,
    SHIPPED,
    SHIPPED_CNN,
    STUDY,
    TEN,
    UJ,
    Study,
    as_table,
    best_row,
    row_with,
    studied,
)

from pimsim.explore.corners import Corners, corners
from pimsim.explore.metrics import ENDS, NOMINAL, parse_objective
from pimsim.explore.question import constraints_on
from pimsim.explore.results import Results
from pimsim.explore.sensitivity import Effect, sensitivities
from pimsim.report import made_parts, numerals
from pimsim.report.paper_tables import TextTable

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "study.md"
OURS = ('model == "cnn3d_6b"', 'cost.adc_model != "murmann_survey"')
"""Most questions are about the 6-bit network; at the ends of its range a conversion's price is every model's."""
CONTEXT = ("core", "engines.event.lanes", "memories.macro_kib", "clock_mhz", "cost.device", "schedule")
"""Axes that machines with other first layers share."""


def statuses(study: Study) -> TextTable:
    """How many machines there are, and why some cannot be built."""
    rows = study.rows
    reason = rows["reason"].fillna("").str.extract(r"(macro of|adc\.convert)")[0]
    counted = [
        (
            name,
            len(own),
            sum(own["status"] == "ok"),
            sum(reason[own.index] == "adc.convert"),
            sum(reason[own.index] == "macro of"),
        )
        for name, own in rows.groupby("hardware", sort=False)
    ]
    whole = ("all", *(sum(column) for column in list(zip(*counted, strict=True))[1:]))
    columns = ("first layer", "machines", "evaluated", "converter too slow", "memory too slow")
    return as_table(columns, [(str(name), *(f"{count:,}" for count in counts)) for name, *counts in [*counted, whole]])


def best_of(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The least figure of each kind (columns) among otherwise equal machines (rows)."""
    return rows.groupby([*CONTEXT, "kind"])[column].min().unstack("kind")


ENERGIES = {"arithmetic": "compute_only", "with memory": "with_memory", "full": "full"}


def first_layers(study: Study) -> TextTable:
    """Best crossbar against best multipliers in every surrounding: how much better it is, and how often."""
    lines = []
    for title, column in _compared():
        best = best_of(study.exact, column)
        lines.append((title, *(_advantage(best[DIGITAL] / best[kind]) for kind in KINDS[1:])))
    dear = study.exact[(study.exact[MODEL] == "murmann_survey") | (study.exact["kind"] == DIGITAL)]
    best = best_of(dear, "full_energy_pj")
    cells = (_advantage(best[DIGITAL] / best[kind]) for kind in (TEN, FITTED))
    lines.append(("energy, full, murmann_survey's conversions", *cells, "–"))
    return as_table(("multipliers over", *KINDS[1:]), lines)


def _compared() -> Iterator[tuple[str, str]]:
    for title, accounting in ENERGIES.items():
        for end in ENDS:
            yield (
                f"energy, {title}{'' if end == NOMINAL else f', {end} end'}",
                parse_objective(f"energy:{accounting}:{end}").column,
            )
    for title, text in (("delay", "delay"), ("energy × delay, full", "edp"), ("area", "area")):
        yield title, parse_objective(text).column


def _advantage(ratios: pd.Series[float]) -> str:
    known = ratios.dropna()
    three = [f"{value:.3f}" for value in (known.median(), known.min(), known.max())]
    return f"{three[0]} ({three[1]}–{three[2]}), {int((known > 1).sum())} of {len(known)}"


def surroundings(study: Study) -> TextTable:
    """How a fitted crossbar does, in full energy: by event core, memory and device."""
    best = best_of(study.exact, "full_energy_pj")
    ratio = (best[DIGITAL] / best[FITTED]).rename("ratio").reset_index()
    table = ratio.pivot_table(index=["core", "cost.device", "schedule"], columns="memories.macro_kib", values="ratio")
    columns = ("core, device, schedule", *(f"{size} KiB" for size in table.columns))
    lines = [
        (", ".join(map(str, name)), *("–" if pd.isna(cell) else f"{cell:.3f}" for cell in cells))
        for name, cells in zip(table.index, table.to_numpy(), strict=True)
    ]
    return as_table(columns, lines)


def accuracies(study: Study) -> TextTable:
    """Share of samples told right, by bits, full scale and products per conversion."""
    felt = study.converters.drop_duplicates(["full_scale", PRODUCTS, BITS])
    table = felt.pivot_table(index=["full_scale", PRODUCTS], columns=BITS, values="overall_accuracy")
    lines = [
        (f"{scale}, {products} products", *(f"{100 * cell:.1f}" for cell in cells))
        for (scale, products), cells in zip(table.index, table.to_numpy(), strict=True)
    ]
    return as_table(("%", *(f"{bits} bits" for bits in table.columns)), lines)


def conversions(study: Study) -> TextTable:
    """Energy of all conversions of an inference by bits and model."""
    own = study.converters[(study.converters["full_scale"] == "ideal") & (study.converters[SHARED] == 1)]
    table = own.pivot_table(index=[PRODUCTS, MODEL], columns=BITS, values="adc_pj", aggfunc="min") / 1e3
    lines = [
        (f"{model}, {products} products", *(numerals.digits(cell) for cell in cells))
        for (products, model), cells in zip(table.index, table.to_numpy(), strict=True)
    ]
    return as_table(("nJ per inference", *(f"{bits} bits" for bits in table.columns)), lines)


def sharing(study: Study) -> TextTable:
    """The whole machine by bits and sharing, with ideal resolution and the fewest cycles that the conversion needs."""
    own = study.converters[(study.converters["full_scale"] == "ideal") & (study.converters[MODEL] == "neurosim_sar")]
    lines = []
    for (products, shared, bits), rows in own.groupby([PRODUCTS, SHARED, BITS]):
        if bits in (4, 6, 8, 10):
            row = best_row(rows, CYCLES)
            figures = (row["full_energy_pj"] * UJ, row["delay_ns"] / 1e3, row["area_um2"] / 1e6)
            lines.append(
                (
                    f"{products} products, {bits} bits",
                    str(shared),
                    str(row[CYCLES]),
                    *(f"{value:.2f}" for value in figures),
                )
            )
    return as_table(("converter", "outputs sharing it", "cycles", "µJ", "µs", "mm²"), lines)


QUESTIONS = (
    ("energy", "delay"),
    ("energy", "area"),
    ("energy", "delay", "area"),
    ("energy", "delay", "area", "accuracy"),
)


def fronts(study: Study) -> TextTable:
    """How much of the front stays where all prices are at their low or high end, and how much of it has a crossbar."""
    crossbars = set(study.ours["point"][study.ours["kind"] != DIGITAL])
    lines = []
    for question in QUESTIONS:
        found = cornered(study, question)
        sizes = [f"{len(points)} ({sum(point in crossbars for point in points)})" for points in found.fronts.values()]
        stays = [f"{len(found.staying(end))} + {len(found.joining(end))}" for end in ENDS[1:]]
        lines.append((", ".join(question), *sizes, *stays, str(len(found.staying(*ENDS[1:])))))
    return as_table(("front in", *ENDS, "low: stay + join", "high: stay + join", "stay at both"), lines)


def cornered(study: Study, question: Sequence[str]) -> Corners:
    results = Results.open(study.folder / STUDY)
    return corners(results, [parse_objective(text) for text in question], constraints_on(results, OURS))


def orders(study: Study) -> TextTable:
    """Whether ends order all machines alike."""
    objectives = [f"energy:{accounting}" for accounting in ENERGIES.values()]
    found = cornered(study, [*objectives, "edp", "area"])
    lines: dict[str, list[str]] = {}
    for one in found.agreements:
        lines.setdefault(one.objective.text, []).append(f"{one.spearman:.3f} / {one.kendall:.3f}")
    return as_table(
        ("Spearman / Kendall", "nominal, low", "nominal, high", "low, high"),
        [(name, *cells) for name, cells in lines.items()],
    )


GROUPS = {
    "first layer": ("kind", None),
    "event core": ("core", None),
    "macro": ("memories.macro_kib", " KiB"),
    "schedule": ("schedule", None),
    "device": ("cost.device", None),
    "lanes": ("engines.event.lanes", None),
}


def conclusions(study: Study) -> TextTable:
    """Full energy of the best machine of each kind at each end, and the CNN's: does the order stay?"""
    columns = [parse_objective(f"energy:full:{end}").column for end in ENDS]
    lines = [("CNN", "best", *_least(study.cnn, columns))]
    for title, (axis, unit) in GROUPS.items():
        for value, rows in study.exact.groupby(axis, sort=False):
            lines.append((title, f"{value}{unit or ''}", *_least(rows, columns)))
    return as_table(("best machine with", "", *(f"µJ, {end}" for end in ENDS)), lines)


def _least(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return [f"{rows[column].min() * UJ:.2f}" for column in columns]


OBJECTIVES = ("energy", "delay", "area", "accuracy")


def knobs(study: Study) -> TextTable:
    """Share of the spread that each axis explains alone, and importance for being among the best tenth."""
    results = Results.open(study.folder / STUDY)
    found = sensitivities(results, [parse_objective(text) for text in OBJECTIVES], constraints_on(results, OURS[:1]))
    effects = {one.objective.text: {effect.axis: effect for effect in one.effects} for one in found.objectives}
    axes = {axis: max(_share(of[axis]) for of in effects.values()) for axis in effects["energy"]}
    lines = [
        (axis, *(f"{100 * _share(of[axis]):.0f} / {100 * (of[axis].importance or 0):.0f}" for of in effects.values()))
        for axis in sorted(axes, key=lambda axis: -axes[axis])
        if axes[axis] >= 0.01
    ]
    return as_table(("share / importance, %", *OBJECTIVES), lines)


def _share(effect: Effect) -> float:
    return effect.share or 0.0


def turned(study: Study) -> TextTable:
    """Each knob alone, around the shipped leanpim45nm."""
    results = Results.open(study.folder / STUDY)
    texts = ("energy", "delay", "area")
    at = int(row_with(study.ours, SHIPPED["leanpim45nm"])["point"])
    found = sensitivities(results, [parse_objective(text) for text in texts], constraints_on(results, OURS[:1]), at=at)
    effects = {one.objective.text: {effect.axis: effect for effect in one.effects} for one in found.objectives}
    swing = {axis: max(_swing(of[axis]) for of in effects.values()) for axis in effects["energy"]}
    lines = [
        (axis, *(_bar(of[axis]) for of in effects.values()))
        for axis in sorted(swing, key=lambda axis: -swing[axis])
        if swing[axis] >= 0.005
    ]
    return as_table(("turned alone", *texts), lines)


def _swing(effect: Effect) -> float:
    return effect.bar.swing if effect.bar else 0.0


def _bar(effect: Effect) -> str:
    if effect.bar is None or effect.bar.ratios is None or not effect.bar.swing:
        return "–"
    ends = zip(effect.bar.ratios, (effect.bar.least_at, effect.bar.greatest_at), strict=True)
    return ", ".join(f"× {ratio:.3f} at {value}" for ratio, value in ends if ratio != 1)


BESTS = (
    ("energy", "full_energy_pj"),
    ("energy × delay", "full_edp_uj_us"),
    ("delay", "delay_ns"),
    ("area", "area_um2"),
)


def machines(study: Study) -> TextTable:
    """Shipped machines, the best of the space and the CNN's."""
    felt = study.ours[study.ours["converter"].isin(FELT)]
    chosen = [(name, row_with(study.ours, where)) for name, where in SHIPPED.items()]
    chosen += [(f"best in {title}", best_row(study.exact, column)) for title, column in BESTS]
    crossbars = study.exact[study.exact["kind"] != DIGITAL]
    chosen += [(f"best crossbar in {title}", best_row(crossbars, column)) for title, column in BESTS]
    chosen += [("best felt crossbar in energy", best_row(felt[felt["overall_accuracy"] >= 0.98], "full_energy_pj"))]
    lines = [_machine(name, row) for name, row in chosen]
    rivals = [("CNN on ann45nm", row_with(study.cnn, SHIPPED_CNN))]
    rivals += [(f"CNN, best in {title}", best_row(study.cnn, column)) for title, column in BESTS]
    lines += [_machine(name, row) for name, row in rivals]
    return as_table(("machine", "point", "µJ (low–high)", "µs", "µJ·µs", "mm²", "%"), lines)


def _machine(name: str, row: pd.Series[Any]) -> tuple[str, ...]:
    ends = [row[parse_objective(f"energy:full:{end}").column] * UJ for end in ENDS]
    return (
        name,
        str(row["point"]),
        f"{ends[0]:.2f} ({ends[1]:.2f}–{ends[2]:.2f})",
        f"{row['delay_ns'] / 1e3:,.1f}",
        f"{row['full_edp_uj_us']:,.0f}",
        f"{row['area_um2'] / 1e6:.2f}",
        f"{100 * row['overall_accuracy']:.1f}",
    )


def rivals(study: Study) -> TextTable:
    """Both networks on their own best machines, with the same memories."""
    lines = []
    for size in (1, 8, 32):
        ours, cnn = (rows[rows["memories.macro_kib"] == size] for rows in (study.exact, study.cnn))
        pairs = [(ours[column].min(), cnn[column].min()) for _, column in BESTS]
        lines.append((f"{size} KiB", *(f"{cnn / own:.2f}" for own, cnn in pairs)))
    return as_table(("CNN over spiking network, each at its best", *(title for title, _ in BESTS)), lines)


PARTS: dict[str, Callable[[Study], TextTable]] = {
    "statuses": statuses,
    "first layers": first_layers,
    "surroundings": surroundings,
    "anatomy": study_runs.anatomy,
    "tuned": study_runs.tuned,
    "accuracies": accuracies,
    "conversions": conversions,
    "sharing": sharing,
    "fronts": fronts,
    "orders": orders,
    "conclusions": conclusions,
    "knobs": knobs,
    "turned": turned,
    "machines": machines,
    "rivals": rivals,
}


def _block(part: Callable[[Study], TextTable], study: Study) -> list[str]:
    return [made_parts.markdown(part(study))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("runs/study"), help="folder of the explorations")
    study = studied(parser.parse_args().results)
    page = made_parts.refreshed(
        PAGE.read_text(encoding="utf-8"), {name: partial(_block, part, study) for name, part in PARTS.items()}
    )
    pictures = {
        "study_machines.svg": study_pictures.machines(study.exact, study.cnn, KINDS),
        "study_converters.svg": study_pictures.converters(study.converters),
    }
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    for name, picture in pictures.items():
        (DOCS / name).write_bytes(picture)


if __name__ == "__main__":
    main()

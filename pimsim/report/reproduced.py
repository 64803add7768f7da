"""A table or figure of the paper as text and picture, from what was reproduced of it so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from pimsim.report import paper_figures
from pimsim.report.accuracy_table import QSTDB, Summary
from pimsim.report.network_energies import (
    NetworkEnergy,
    absolute,
    advantages,
    identity,
    measured,
    shipped_snns,
    spikes,
)
from pimsim.report.paper_tables import (
    SPLIT_TITLES,
    TextTable,
    export_table,
    figure_4a,
    figure_4b,
    series_table,
    table_ii,
    table_iii,
)
from pimsim.report.published import TITLES, scene_title
from pimsim.report.render import aligned_table, plain_text
from pimsim.report.reproduction import FIG_4A, FIG_4B, FIG_5, FIG_6, TABLE_2, TABLE_3, Family, Wish

MEASURED = (FIG_5, FIG_6)
"""Targets that are made from networks and their spikes instead of from rows."""


def energies(wish: Wish, *, threads: int | None = None) -> list[NetworkEnergy]:
    """The 6-bit networks of a wish that are at hand: of its own runs, else shipped ones."""
    known = {(one.network, one.scene): one for one in _shipped(wish, threads)}
    for network in wish.networks:
        for scene in wish.scenes:
            family = Family(wish, network, scene, wish.splits[0], wish.seeds[0])
            model = family.model(family.trained(6).kind)
            trace = model.with_name(f"{model.stem}_trace.npz")
            if model.is_file() and trace.is_file():
                known[network, scene_title(scene)] = measured(model, trace, threads=threads)
    return list(known.values())


def _shipped(wish: Wish, threads: int | None) -> Iterator[NetworkEnergy]:
    titles = {scene_title(scene) for scene in wish.scenes}
    for name in shipped_snns():
        if identity(name) in {(network, title) for network in wish.networks for title in titles}:
            yield measured(name, threads=threads)


def text(target: str, wish: Wish, summaries: Sequence[Summary], found: Sequence[NetworkEnergy]) -> str:
    """Tables beside the paper's, for a terminal; ``found`` are the networks of `energies`."""
    return plain_text(_parts(list(_tables(target, wish, _started(wish, summaries), found))))


def _started(wish: Wish, summaries: Sequence[Summary]) -> list[Summary]:
    """Without those of other settings of a split, and networks whose training began at another stage, than wished."""
    labels = {(one, kind): wish.split_label(kind, one) for one in wish.networks for kind in wish.splits}
    return [
        one
        for one in summaries
        if one.example.split == labels.get((one.example.network, one.example.split_kind), one.example.split)
        and (one.example.row != QSTDB or one.example.start == wish.start)
    ]


def _parts(tables: Sequence[TextTable]) -> Iterator[RenderableType]:
    for table in tables:
        yield Text(table.title)
        shown = aligned_table(table.columns[0], right=table.columns[1:])
        for row in table.rows:
            shown.add_row(*row)
        yield shown


def _tables(
    target: str, wish: Wish, summaries: Sequence[Summary], found: Sequence[NetworkEnergy]
) -> Iterator[TextTable]:
    if target == FIG_5:
        table = advantages(found, wish.networks, [scene_title(scene) for scene in wish.scenes])
        yield from _columns("Energy of the CNN over the SNN's (Fig. 5)", table, 3, 4)
        yield from _columns("Energy of one inference", absolute(found), 3, 2)
    elif target == FIG_6:
        yield _titled("Spikes of a neuron over all steps (Fig. 6)", spikes(found))
    elif target == TABLE_3:
        table = table_iii(summaries, wish.networks, [scene_title(scene) for scene in wish.scenes])
        close = TextTable("", table.columns, tuple(tuple(map(_close, row)) for row in table.rows))
        yield from _columns("6-bit SNNs, as exported (Table III)", close, 3, 4)
    else:
        for network in wish.networks:
            for scene in wish.scenes:
                yield from _of_one(target, wish, summaries, network, scene)


def _of_one(target: str, wish: Wish, summaries: Sequence[Summary], network: str, scene: str) -> Iterator[TextTable]:
    name = f"{TITLES.get(network, network)}, {scene_title(scene)}"
    for split in wish.splits:
        title = f"{name}, {SPLIT_TITLES[split]}"
        if target == TABLE_2:
            table = table_ii(summaries, network, scene, [split])
            columns = ("", "paper", "epochs", "here", *table.columns[4:])
            rows = tuple(tuple(_close(cell) for cell in row) for row in table.rows)
            yield TextTable(f"{title}, OA/AA/κ in % (Table II)", columns, rows)
        elif target == FIG_4A:
            yield series_table(f"{title} (Fig. 4a)", figure_4a(summaries, network, scene, split))
        elif target == FIG_4B:
            yield series_table(f"{title} (Fig. 4b)", figure_4b(summaries, network, scene, split))
    if target == TABLE_2 and (exported := export_table(summaries, network, scene)).rows:
        yield _titled(f"{name}: what export keeps", exported)


def _close(cell: str) -> str:
    """Figures without spaces between them: three with their deviations would not fit a terminal."""
    return cell.replace(" ± ", "±").replace(" / ", "/")


def _titled(title: str, table: TextTable) -> TextTable:
    return TextTable(title, table.columns, table.rows)


def _columns(title: str, table: TextTable, *counts: int) -> Iterator[TextTable]:
    """A wide table as several, of as many columns of figures as ``counts`` says, each with the labels."""
    start = 1
    for count in counts:
        part = slice(start, start + count)
        rows = tuple((row[0], *row[part]) for row in table.rows)
        yield TextTable(title, (table.columns[0], *table.columns[part]), rows)
        start += count


def pictures(
    target: str, wish: Wish, summaries: Sequence[Summary], found: Sequence[NetworkEnergy], plot: str
) -> dict[str, bytes]:
    """File name → picture of a figure; none of a table."""
    if target == FIG_5:
        return {f"{target}.{plot}": paper_figures.energy(found, plot)}
    if target == FIG_6:
        return {f"{target}.{plot}": paper_figures.spikes(found, plot)}
    if target not in (FIG_4A, FIG_4B):
        return {}
    return {
        f"{target}_{network}_{Path(scene).stem.lower()}_{split}.{plot}": paper_figures.quantization(
            _started(wish, summaries), network, scene, plot, split
        )
        for network in wish.networks
        for scene in wish.scenes
        for split in wish.splits
    }

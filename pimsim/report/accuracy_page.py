"""The generated parts of docs/accuracy.md: tables of a results file in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from pimsim.report import made_parts
from pimsim.report.accuracy_table import AccuracyRow, Summary, summarise
from pimsim.report.made_parts import markdown, titled
from pimsim.report.paper_tables import (
    ALL_SCENES,
    NONE,
    RANDOM,
    SPLITS,
    TextTable,
    export_table,
    figure_4a,
    figure_4b,
    series_table,
    table_ii,
    table_iii,
)
from pimsim.report.published import NETWORKS, TITLES, scene_title

Part = Callable[[Sequence[AccuracyRow], Sequence[Summary]], Iterable[str]]
"""(rows, their summaries) → blocks of Markdown"""


def refreshed(page: str, rows: Sequence[AccuracyRow]) -> str:
    """The page with its generated parts as they come out of ``rows``; text between them is kept.

    Raises ResultsError for a part of an unknown name.
    """
    summaries = summarise(rows)
    return made_parts.refreshed(page, {name: partial(part, rows, summaries) for name, part in PARTS.items()})


def _table_ii(network: str) -> Part:
    return lambda _, summaries: [titled(table_ii(summaries, network, scene)) for scene in ALL_SCENES]


def _table_iii(_: Sequence[AccuracyRow], summaries: Sequence[Summary]) -> Iterable[str]:
    return [markdown(table_iii(summaries, NETWORKS, ALL_SCENES))]


def _exported(_: Sequence[AccuracyRow], summaries: Sequence[Summary]) -> Iterable[str]:
    tables = [export_table(summaries, network, scene) for network in NETWORKS for scene in ALL_SCENES]
    return [titled(table) for table in tables if table.rows]


def _figure_4(rows: Sequence[AccuracyRow], summaries: Sequence[Summary]) -> Iterable[str]:
    for network, scene in _run(rows):
        for name, figure in (("4a", figure_4a), ("4b", figure_4b)):
            for split in SPLITS:
                series = figure(summaries, network, scene, split)
                if sum(any(one.points) for one in series) > 1:  # a single series compares nothing
                    beside = "" if split == RANDOM else f", {split}"
                    title = f"Fig. {name}: {TITLES.get(network, network)}, {scene}{beside}"
                    yield titled(series_table(title, series))


def _run(rows: Sequence[AccuracyRow]) -> list[tuple[str, str]]:
    """Networks and scenes of which there is a row, in order of appearance."""
    return list(dict.fromkeys((row.network, scene_title(row.scene)) for row in rows))


def _runs(rows: Sequence[AccuracyRow], _: Sequence[Summary]) -> Iterable[str]:
    """Every command that made rows, with its time."""
    lines: dict[tuple[str, str], list[AccuracyRow]] = {}
    for row in rows:
        lines.setdefault((row.name, row.command), []).append(row)
    made = tuple(
        (f"`{command}`", name, _hours([row.wall_s for row in group]), _threads(group))
        for (name, command), group in lines.items()
    )
    return [markdown(TextTable("runs", ("command", "run", "hours", "threads"), made))]


def _hours(walls: Sequence[float | None]) -> str:
    """The longest, since a later stage's time holds the earlier ones'."""
    known = [wall for wall in walls if wall is not None]
    return f"{max(known) / 3600:.2f}" if known else NONE


def _threads(group: Sequence[AccuracyRow]) -> str:
    return ", ".join(sorted({str(row.threads) for row in group if row.threads is not None})) or NONE


PARTS: dict[str, Part] = {
    **{f"table2 {network}": _table_ii(network) for network in NETWORKS},
    "table3": _table_iii,
    "export": _exported,
    "figure 4": _figure_4,
    "runs": _runs,
}
"""Name of a part of the page → what makes it."""

"""Tables II and III and the figures' series of HYPER-SNN, paper beside pimsim, from a file of results.

Where several settings of a row were run (other epochs, another start, another size of blocks), the one with the
most seeds stands in the table, then the one with the most epochs, then the earliest in the file: never the one that
came out best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pimsim.report.accuracy_table import (
    FLOAT_BITS,
    FLOAT_INFERENCE,
    INTEGER,
    PTQ,
    QAT,
    QSTDB,
    SCALE_WEIGHTS,
    SNN,
    AccuracyRow,
    Statistic,
    Summary,
    membrane_inference,
)
from pimsim.report.published import (
    BITS,
    EPOCHS,
    MEMBRANE_BITS,
    SCENES,
    TABLE_II_LINES,
    TITLES,
    Line,
    Printed,
    printed,
    scene_title,
)
from pimsim.scenes.catalogue import INDIAN_PINES as BUNDLED
from pimsim.scenes.catalogue import PUBLISHED

NONE = "–"
RANDOM, BLOCKS, FILE = SPLITS = ("random", "blocks", "file")
SPLIT_TITLES = {RANDOM: "random split", BLOCKS: "disjoint blocks", FILE: "published disjoint split"}
AFFINE, SCALE = "affine", "scale"
DISJOINT_PUBLISHED = ("Indian Pines", "Pavia University")
"""Scenes of which a disjoint split is published."""
OWN_SCENES = ("Salinas-A",)
"""Scenes that the paper does not have."""
ALL_SCENES = (*SCENES, *OWN_SCENES)
ACCURACY = "OA / AA / κ, %"
FORMS = {
    FLOAT_INFERENCE: "as trained, float",
    INTEGER: "as exported, integers",
    SCALE_WEIGHTS: "plain scale weights",
    membrane_inference(MEMBRANE_BITS): f"{MEMBRANE_BITS}-bit membranes",
}
"""Forms in which a quantized network is evaluated."""


@dataclass(frozen=True)
class TextTable:
    """A table of texts; the first column is a label, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Cell:
    """One thing that is measured; None where anything will do."""

    network: str
    scene: str
    split: str
    row: str
    weight_bits: int
    inference: str
    scheme: str | None = None
    time_steps: int | None = None
    start: str | None = None

    def holds(self, row: AccuracyRow) -> bool:
        """Whether a row is a measurement of this, with any seed, epochs and settings of the split."""
        exact = (row.network, row.row, row.weight_bits, row.inference, row.split_kind)
        return (
            exact == (self.network, self.row, self.weight_bits, self.inference, self.split)
            and scene_title(row.scene) == scene_title(self.scene)
            and self.scheme in (None, row.scheme)
            and self.time_steps in (None, row.time_steps)
            and self.start in (None, row.start)
        )


def chosen(summaries: Sequence[Summary], cell: Cell) -> Summary | None:
    """The summary that stands for a cell, by the rule of this module; None where nothing was run."""
    fitting = [found for found in summaries if cell.holds(found.example)]
    return max(fitting, key=lambda found: (len(found.seeds), total_epochs(found)), default=None)


def total_epochs(found: Summary) -> int:
    """Epochs of all stages."""
    return sum(int(part) for part in found.example.epochs.split("+") if part)


def line_cell(network: str, scene: str, split: str, line: Line) -> Cell:
    """What one of our rows of Table II is: quantized networks as exported, trained affinely as the paper's."""
    quantized = line.row == QSTDB
    form, scheme = (INTEGER, AFFINE) if quantized else (FLOAT_INFERENCE, None)
    return Cell(network, scene, split, line.row, line.weight_bits, form, scheme, line.time_steps)


def table_ii(summaries: Sequence[Summary], network: str, scene: str, splits: Sequence[str] | None = None) -> TextTable:
    """Every stage of one network on one scene: the paper's figures, ours on each of ``splits``.

    By default those are the random one, blocks and, where it was run, a published disjoint one.
    """
    if splits is None:
        file = any(_on(found, network, scene, FILE) for found in summaries)
        splits = (RANDOM, BLOCKS, FILE) if file else (RANDOM, BLOCKS)
    columns = ["", f"paper: {ACCURACY}", "epochs"]
    for split in splits:
        over = ["OA − paper's"] if split == RANDOM else []
        columns += [f"{SPLIT_TITLES[split]}: {ACCURACY}", *over, "seeds", "epochs"]
    rows = [_table_ii_row(summaries, network, scene, splits, line) for line in TABLE_II_LINES]
    return TextTable(f"{TITLES.get(network, network)}, {scene_title(scene)}", tuple(columns), tuple(rows))


def _table_ii_row(
    summaries: Sequence[Summary], network: str, scene: str, splits: Sequence[str], line: Line
) -> tuple[str, ...]:
    known = printed(network, scene, line.row, line.weight_bits)
    cells = [line.title, printed_text(known), EPOCHS[line.row] if known else NONE]
    for split in splits:
        found = chosen(summaries, line_cell(network, scene, split, line))
        reached, *others = found_cells(found, absent(summaries, scene))
        cells += [reached, *([_difference(found, known)] if split == RANDOM else []), *others]
    return tuple(cells)


def _difference(found: Summary | None, known: Printed | None) -> str:
    """Points of overall accuracy over the paper's, which is of a random split too."""
    return NONE if found is None or known is None else f"{found.overall.mean - known.overall:+.2f}".replace("-", "−")


def _on(found: Summary, network: str, scene: str, split: str) -> bool:
    example = found.example
    here = (example.network, scene_title(example.scene), example.split_kind)
    return here == (network, scene_title(scene), split)


def table_iii(summaries: Sequence[Summary], networks: Sequence[str], scenes: Sequence[str]) -> TextTable:
    """The 6-bit SNNs of every network and scene: the paper's figures, ours on every kind of split."""
    columns = ["", f"paper: {ACCURACY}"]
    for split in SPLITS:
        columns += [f"{SPLIT_TITLES[split]}: {ACCURACY}", "seeds"]
    line = TABLE_II_LINES[-1]
    rows = tuple(_table_iii_row(summaries, network, scene, line) for network in networks for scene in scenes)
    return TextTable("6-bit SNNs, as exported", tuple(columns), rows)


def _table_iii_row(summaries: Sequence[Summary], network: str, scene: str, line: Line) -> tuple[str, ...]:
    known = printed(network, scene, line.row, line.weight_bits)
    cells = [f"{TITLES.get(network, network)}, {scene_title(scene)}", printed_text(known)]
    for split in SPLITS:
        instead = absent(summaries, scene) if split != FILE or scene_title(scene) in DISJOINT_PUBLISHED else NONE
        cells += found_cells(chosen(summaries, line_cell(network, scene, split, line)), instead)[:2]
    return tuple(cells)


def export_table(summaries: Sequence[Summary], network: str, scene: str) -> TextTable:
    """What export keeps: overall accuracy of one and the same quantized networks in every form of inference."""
    rows = [row for split in SPLITS for row in _export_rows(summaries, network, scene, split)]
    columns = ("overall accuracy, %", *FORMS.values(), "seeds")
    return TextTable(f"{TITLES.get(network, network)}, {scene_title(scene)}", columns, tuple(rows))


def _export_rows(summaries: Sequence[Summary], network: str, scene: str, split: str) -> Iterator[tuple[str, ...]]:
    kinds = [
        (QSTDB, AFFINE, "SNN"),
        (QSTDB, SCALE, "SNN trained with scale"),
        (PTQ, None, "SNN rounded after training"),
    ]
    for row, scheme, title in (*kinds, (QAT, None, "CNN")):
        for bits in BITS:
            exported = chosen(summaries, Cell(network, scene, split, row, bits, INTEGER, scheme))
            if exported is not None:
                cells = [_beside(summaries, exported, form) for form in FORMS]
                yield (f"{title}, {bits} bits, {SPLIT_TITLES[split]}", *cells, str(len(exported.seeds)))


def _beside(summaries: Sequence[Summary], found: Summary, form: str) -> str:
    """Overall accuracy of the same networks in another form; in brackets its seeds where they are other ones."""
    other = in_form(summaries, found, form)
    if other is None:
        return NONE
    return overall_text(other) + ("" if other.seeds == found.seeds else f" ({len(other.seeds)})")


def in_form(summaries: Sequence[Summary], found: Summary | None, form: str) -> Summary | None:
    """The measurements of the networks of ``found`` in another form of inference; None where there are none."""
    if found is None:
        return None
    wanted = replace(found.example, inference=form, seed=0).identity
    return next((one for one in summaries if replace(one.example, seed=0).identity == wanted), None)


@dataclass(frozen=True)
class Series:
    """Bars of one colour: overall accuracy at every number of weight bits; None where nothing was run."""

    title: str
    points: tuple[Summary | None, ...]


def figure_4a(summaries: Sequence[Summary], network: str, scene: str, split: str = RANDOM) -> tuple[Series, ...]:
    """Affine against scale quantization in training, and at inference, by `BITS`."""
    affine, scale = (
        tuple(_at(summaries, network, scene, split, QSTDB, bits, INTEGER, scheme) for bits in BITS)
        for scheme in (AFFINE, SCALE)
    )
    plain = tuple(in_form(summaries, found, SCALE_WEIGHTS) for found in affine)
    return (
        Series("affine in training, zero points corrected", affine),
        Series("affine in training, plain scale at inference", plain),
        Series("scale in training and at inference", scale),
    )


def figure_4b(summaries: Sequence[Summary], network: str, scene: str, split: str = RANDOM) -> tuple[Series, ...]:
    """Quantizing the trained 32-bit SNN against training with the quantization, by `BITS`; then the 32-bit SNN."""
    kinds = (("quantized after training", PTQ), ("Q-STDB", QSTDB))
    bars = [
        Series(title, tuple(_at(summaries, network, scene, split, row, bits, INTEGER, AFFINE) for bits in BITS))
        for title, row in kinds
    ]
    wide = _at(summaries, network, scene, split, SNN, FLOAT_BITS, FLOAT_INFERENCE, None)
    return (*bars, Series("32-bit SNN", (wide,) * len(BITS)))


def _at(
    summaries: Sequence[Summary],
    network: str,
    scene: str,
    split: str,
    row: str,
    bits: int,
    form: str,
    scheme: str | None,
) -> Summary | None:
    return chosen(summaries, Cell(network, scene, split, row, bits, form, scheme))


def series_table(title: str, series: Sequence[Series]) -> TextTable:
    """The bars of a figure as a table: overall accuracy, %, with the seeds behind it."""
    rows = [(one.title, *(_bar_text(point) for point in one.points)) for one in series]
    columns = ("overall accuracy, % (seeds)", *(f"{bits} bits" for bits in BITS))
    return TextTable(title, columns, tuple(rows))


def _bar_text(found: Summary | None) -> str:
    return NONE if found is None else f"{overall_text(found)} ({len(found.seeds)})"


def found_cells(found: Summary | None, instead: str) -> list[str]:
    """Accuracies, number of seeds, epochs; ``instead`` where nothing was run."""
    if found is None:
        return [instead, NONE, NONE]
    parts = (found.overall, found.average, found.kappa)
    return [" / ".join(statistic_text(part) for part in parts), str(len(found.seeds)), found.example.epochs or NONE]


def overall_text(found: Summary | None) -> str:
    """Overall accuracy, %, mean ± σ."""
    return NONE if found is None else statistic_text(found.overall)


def statistic_text(value: Statistic) -> str:
    """Mean ± σ with two digits; of one seed the value alone."""
    return f"{value.mean:.2f}" if value.deviation is None else f"{value.mean:.2f} ± {value.deviation:.2f}"


def printed_text(known: Printed | None) -> str:
    """OA / AA / κ as the paper prints them."""
    return NONE if known is None else f"{known.overall:.2f} / {known.average:.2f} / {known.kappa:.2f}"


def absent(summaries: Sequence[Summary], scene: str) -> str:
    """What stands in place of a figure that no run has: of a scene without any run, the file that it needs."""
    title = scene_title(scene)
    known = any(scene_title(found.example.scene) == title for found in summaries)
    return "not run" if known else needed_file(scene) or "not run"


def needed_file(scene: str) -> str:
    """``needs PaviaU.mat`` for a public scene that no package carries; else empty."""
    title = scene_title(scene)
    if title == BUNDLED.title:
        return ""
    return next((f"needs {one.file}" for one in PUBLISHED if one.title == title), "")

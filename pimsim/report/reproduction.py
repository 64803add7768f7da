"""Which commands give the rows of HYPER-SNN's tables and figures that a file of results does not hold yet.

A family is one network on one scene, one split and one seed.  Its runs share a base: the ReLU network, the conversion
and, where rows need it, the float spiking network are trained once, and every quantized network takes them from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pimsim.errors import ResultsError
from pimsim.hardware import parse_override
from pimsim.report.accuracy_table import (
    FLOAT_INFERENCE,
    INTEGER,
    PTQ,
    QSTDB,
    SCALE_WEIGHTS,
    SNN,
    AccuracyRow,
    membrane_inference,
)
from pimsim.report.paper_tables import AFFINE, BLOCKS, RANDOM, SCALE, Cell
from pimsim.report.published import BITS, CNN_3D, CNN_32H, MEMBRANE_BITS, NETWORKS, TABLE_II_LINES, TIME_STEPS
from pimsim.scenes import chosen_split
from pimsim.scenes.split import MEANT_FOR

TABLE_2, TABLE_3, FIG_4A, FIG_4B, FIG_5, FIG_6 = TARGETS = ("table2", "table3", "fig4a", "fig4b", "fig5", "fig6")
SCENES = ("indian_pines", "PaviaU", "Salinas", "SalinasA")
"""By names that `pimsim.scenes.load_scene` knows; the last is not in the paper."""
CONVERSION = "conversion"
PATCHES = {CNN_3D: 5, CNN_32H: 3}
"""Side of the patches of a network's recipes, unless a setting changes it."""
STAGES = ("ann", CONVERSION, SNN, QSTDB, PTQ, "qat")
"""Sections of a recipe that train."""
_FIXED = ("name", "network", "scene", "seed", "weight_bits", "scheme", "time_steps", "snn", QSTDB, PTQ, "qat")
_FIXED_SPLIT = ("split", "split.kind", "split.seed")
"""Settings that tell rows of a table apart, so that no row may change them."""
_OF_SPLITS = {"train_fraction": (RANDOM, BLOCKS), **{f"split.{key}": kinds for key, kinds in MEANT_FOR.items()}}
"""Settings by the kinds of split that have them."""


@dataclass(frozen=True)
class Wish:
    """What is to be reproduced, and how.

    scenes    by any name or path; ``seeds`` of training and split; ``bits`` of the quantized networks
    start     stage that the quantized networks are trained from; the paper's is ``conversion``
    settings  ``PATH=VALUE`` for every training that has the setting
    runs      folder of the run folders; ``results`` the file that rows are kept in
    options   of every training, such as ``--threads 1``
    """

    networks: tuple[str, ...] = NETWORKS
    scenes: tuple[str, ...] = SCENES
    splits: tuple[str, ...] = (RANDOM, BLOCKS)
    bits: tuple[int, ...] = BITS
    seeds: tuple[int, ...] = (0,)
    start: str = CONVERSION
    settings: tuple[str, ...] = ()
    runs: Path = Path("runs")
    results: Path = Path("runs/accuracy.csv")
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for setting in self.settings:
            path, found, _ = setting.partition("=")
            if not found:
                raise ResultsError(f'"{setting}": a setting is PATH=VALUE, such as ann.epochs=100')
            if path in (*_FIXED, *_FIXED_SPLIT) or path.split(".")[0] == "network":
                raise ResultsError(f'"{setting}": {path} tells the rows of a table apart; change it with pimsim train')

    def split_label(self, kind: str, network: str = CNN_3D) -> str:
        """What a network's rows of a kind of split carry under these settings, see `pimsim.scenes.Division.label`."""
        values: dict[str, Any] = dict(parse_override(setting) for setting in self.settings)
        given = {path: value for path, value in values.items() if kind in _OF_SPLITS.get(path, ())}
        try:
            split = chosen_split(kind, **{path.removeprefix("split."): value for path, value in given.items()})
            if split.train is not None:
                split = replace(split, train=replace(split.train, name=split.train.found_name))
            return split.label(values.get("patch", PATCHES[network]))
        except (TypeError, ValueError):
            return kind  # a wrong value: the recipe that takes it says so


@dataclass(frozen=True)
class Job:
    """One command: arguments behind ``pimsim``, and the folder that it works in."""

    arguments: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Family:
    """One network, scene, split and seed of a wish."""

    wish: Wish
    network: str
    scene: str
    split: str
    seed: int

    def name(self, kind: str) -> str:
        """Of a run: ``cnn3d_indian_pines_random_6b_seed0``; settings of the split stand behind its kind."""
        split = re.sub(r"[^A-Za-z0-9.]+", "_", self.wish.split_label(self.split, self.network))
        return f"{self.network}_{Path(self.scene).stem.lower()}_{split}_{kind}_seed{self.seed}"

    def folder(self, kind: str) -> Path:
        return self.wish.runs / self.name(kind)

    def model(self, kind: str) -> Path:
        """The exported network of a run."""
        return self.folder(kind) / f"{self.name(kind)}.npz"

    def holds(self, cell: Cell, rows: Sequence[AccuracyRow]) -> bool:
        """Whether one of ``rows`` measures a cell of this family, on the very split."""
        found = (row for row in rows if row.seed == self.seed and cell.holds(row))
        return any(row.split == self.wish.split_label(self.split, self.network) for row in found)

    def cell(self, row: str, bits: int, inference: str, scheme: str | None, steps: int | None = None) -> Cell:
        start = self.wish.start if row == QSTDB else None
        return Cell(self.network, self.scene, self.split, row, bits, inference, scheme, steps, start)

    def trained(
        self, bits: int, scheme: str = AFFINE, forms: tuple[str, ...] = (INTEGER,), *, membranes: bool = False
    ) -> Need:
        """A quantized network that is trained from the start that was wished for."""
        return Need(QSTDB, self.wish.start, bits, scheme, forms, membranes)

    def train(self, recipe: str, kind: str, stages: Sequence[str], *more: str) -> Job:
        """A training; ``stages`` are those that its recipe has, ``more`` further arguments."""
        settings = [f"name={self.name(kind)}", f"scene={self.scene}", f"seed={self.seed}"]
        settings += [] if self.split == RANDOM else [f"split.kind={self.split}"]
        settings += [one for one in self.wish.settings if _meant(one, stages, self.split)]
        sets = [part for setting in settings for part in ("--set", setting)]
        folder = self.folder(kind)
        where = ("--out", str(folder), "--results", str(self.wish.results))
        return Job(("train", recipe, *sets, *more, *where, *self.wish.options), folder)


def _meant(setting: str, stages: Sequence[str], split: str) -> bool:
    """A setting of a stage is for trainings that have the stage, one of a kind of split for that, others for all."""
    path = setting.split("=")[0].strip()
    section = path.split(".")[0]
    return (section not in STAGES or section in stages) and split in _OF_SPLITS.get(path, (split,))


@dataclass(frozen=True)
class Need:
    """One quantized network of a family, by the cells that are wanted of it.

    row     ``qstdb`` or ``ptq``; ``start`` the stage that it is made from
    membranes   whether it is also wanted with narrow membranes
    """

    row: str
    start: str
    bits: int
    scheme: str = AFFINE
    forms: tuple[str, ...] = (INTEGER,)
    membranes: bool = False

    @property
    def kind(self) -> str:
        """The part of a run's name that tells it from its family's others."""
        made = "_ptq" if self.row == PTQ else "_snn" if self.start == SNN else ""
        return f"{self.bits}b{made}" + ("_scale" if self.scheme == SCALE else "")


BASE = "base"


def jobs(target: str, wish: Wish, rows: Sequence[AccuracyRow], *, have: Sequence[tuple[str, str]] = ()) -> list[Job]:
    """Commands for what ``rows`` lack of a target, in the order in which they are to run.

    have  (network, scene) pairs whose 6-bit network is at hand without a training, for `FIG_5` and `FIG_6`
    """
    families = [
        Family(wish, network, scene, split, seed)
        for network in wish.networks
        for scene in wish.scenes
        for split in _splits(target, wish)
        for seed in _seeds(target, wish)
    ]
    if target in (FIG_5, FIG_6):
        lacking = [one for one in families if (one.network, one.scene) not in have]
        lacking = [one for one in lacking if not one.model(one.trained(6).kind).is_file()]
        return [job for family in lacking for job in _family_jobs(family, [], [family.trained(6)], ())]
    return [job for one in families for job in _family_jobs(one, *_wanted(target, one), rows)]


def _splits(target: str, wish: Wish) -> tuple[str, ...]:
    """Figures 5 and 6 are of one network each: the first split, the first seed."""
    return wish.splits[:1] if target in (FIG_5, FIG_6) else wish.splits


def _seeds(target: str, wish: Wish) -> tuple[int, ...]:
    return wish.seeds[:1] if target in (FIG_5, FIG_6) else wish.seeds


def _wanted(target: str, family: Family) -> tuple[list[Cell], list[Need]]:
    """Cells of the base, and quantized networks."""
    bits = family.wish.bits
    float_lines = [
        family.cell(line.row, line.weight_bits, FLOAT_INFERENCE, None, line.time_steps)
        for line in TABLE_II_LINES
        if line.row != QSTDB
    ]
    if target == TABLE_2:
        forms = (FLOAT_INFERENCE, INTEGER, SCALE_WEIGHTS)
        return float_lines, [family.trained(each, forms=forms, membranes=True) for each in bits]
    if target == TABLE_3:
        return [], [family.trained(6)]
    if target == FIG_4A:
        affine = [family.trained(each, forms=(INTEGER, SCALE_WEIGHTS)) for each in bits]
        return [], [*affine, *(family.trained(each, SCALE) for each in bits)]
    # what is quantized after training is the float spiking network
    return float_lines[-1:], [*(Need(PTQ, SNN, each) for each in bits), *map(family.trained, bits)]


def _family_jobs(
    family: Family, base: Sequence[Cell], needs: Sequence[Need], rows: Sequence[AccuracyRow]
) -> Iterator[Job]:
    """The base first, then the quantized networks, each followed by its evaluation with narrow membranes."""
    chosen = [need for need in needs if _to_train(family, need, rows)]
    wide = any(cell.row == SNN and not family.holds(cell, rows) for cell in base)
    from_snn = any(need.start == SNN for need in chosen)
    if chosen or not all(family.holds(cell, rows) for cell in base):
        until = () if wide or from_snn else ("--until", CONVERSION)
        yield family.train(f"{family.network}_snn", BASE, ("ann", CONVERSION, SNN), *until)
    for need in needs:
        if need in chosen:
            yield _quantized(family, need)
        if need.membranes and not family.holds(_membrane_cell(family, need), rows):
            yield _evaluation(family, need)


def _to_train(family: Family, need: Need, rows: Sequence[AccuracyRow]) -> bool:
    """Whether a figure of the network itself is missing, or the network for an evaluation that is."""
    cells = [family.cell(need.row, need.bits, form, need.scheme, TIME_STEPS) for form in need.forms]
    if not all(family.holds(cell, rows) for cell in cells):
        return True
    evaluated = not need.membranes or family.holds(_membrane_cell(family, need), rows)
    return not evaluated and not family.model(need.kind).is_file()


def _quantized(family: Family, need: Need) -> Job:
    recipe = {PTQ: "ptq", QSTDB: "6b" if need.start == CONVERSION else "snn_6b"}[need.row]
    stages = ("ann", CONVERSION, *([SNN] if need.start == SNN else []), need.row)
    settings = [f"weight_bits={need.bits}", *([f"scheme={SCALE}"] if need.scheme == SCALE else [])]
    sets = [part for setting in settings for part in ("--set", setting)]
    more = (*sets, "--from", str(family.folder(BASE)))
    return family.train(f"{family.network}_{recipe}", need.kind, stages, *more)


def _membrane_cell(family: Family, need: Need) -> Cell:
    return family.cell(need.row, need.bits, membrane_inference(MEMBRANE_BITS), need.scheme, TIME_STEPS)


def _evaluation(family: Family, need: Need) -> Job:
    folder = family.folder(need.kind) / "evaluation"
    arguments = ("evaluate", "--model", str(family.model(need.kind)), "--scene", family.scene)
    more = ("--membrane-bits", str(MEMBRANE_BITS), "--out", str(folder), "--results", str(family.wish.results))
    return Job((*arguments, *more), folder)

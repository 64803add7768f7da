"""What docs/study.md is made of: rows of its three explorations, and where the shipped machines are among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pimsim.explore.exploration import exploration
from pimsim.report.paper_tables import TextTable

STUDY, CONVERTERS, CNN = SPACES = ("study", "study_converters", "study_cnn")
DIGITAL, TEN, FITTED, SERIAL = "multipliers", "IMAC's crossbar", "fitted crossbar", "bit-serial crossbar"
KINDS = (DIGITAL, TEN, FITTED, SERIAL)
FELT = ("10 in 4 bits", "27 in 6 bits")
"""Converters that change values, and with them the spikes of all layers behind."""
BITS, CYCLES, MODEL = "engines.pim.adc_bits", "engines.pim.adc_cycles", "cost.adc_model"
PRODUCTS, SHARED = "engines.pim.products_per_conversion", "engines.pim.outputs_per_adc"
UJ = 1e-6

_SURROUNDING = {
    "model": "cnn3d_6b",
    "engines.event.lanes": 42,
    "memories.macro_kib": 8,
    "clock_mhz": 400,
    "cost.device": "lstp",
    "schedule": "shared",
}
_MULTIPLIERS = {
    **_SURROUNDING,
    "engines.mac.multipliers": 175,
    "engines.mac.weight_port_bits": 16,
    "engines.mac.neuron_lanes": 42,
}
_CROSSBAR = {**_SURROUNDING, "engines.pim.neuron_lanes": 42, "engines.pim.arrays": 4}
_ANALOG = {**_CROSSBAR, "converter": "10 ideally", "analog_adc_cycles_at_400": 2, SHARED: 1, MODEL: "imac"}
_SERIAL = {**_CROSSBAR, "reading": "31 rows in 5 bits", "engines.pim.columns_per_adc": 8}
SHIPPED: Mapping[str, Mapping[str, object]] = {
    "digital45nm": {**_MULTIPLIERS, "core": "scatter"},
    "pim45nm": {**_ANALOG, "core": "scatter"},
    "pim45nm_bitserial": {**_SERIAL, "core": "scatter"},
    "gather45nm": {**_MULTIPLIERS, "core": "gather"},
    "lean45nm": {**_MULTIPLIERS, "core": "lean"},
    "leanpim45nm": {**_ANALOG, "core": "lean"},
}
SHIPPED_CNN: Mapping[str, object] = {
    "engines.mac.multipliers": 175,
    "engines.mac.weight_port_bits": 16,
    "engines.mac.weight_banks": 4,
    "engines.mac.overlap_fetch": False,
    "engines.mac.accumulator_bits": 28,
    "memories.macro_kib": 8,
    "clock_mhz": 400,
    "cost.device": "lstp",
    "schedule": "shared",
}


@dataclass(frozen=True, eq=False)
class Study:
    """Rows of the three explorations, of which ``folder`` has the results; ``rows`` has refused machines too."""

    folder: Path
    rows: pd.DataFrame
    converters: pd.DataFrame
    cnn: pd.DataFrame

    @property
    def ours(self) -> pd.DataFrame:
        """Machines of the 6-bit network that were evaluated, with the kind of their first layer."""
        known = self.rows[(self.rows["status"] == "ok") & (self.rows["model"] == "cnn3d_6b")]
        return known.assign(kind=_kinds(known), schedule=known["schedule"].fillna("shared"))

    @property
    def exact(self) -> pd.DataFrame:
        """Those that compute the same values as digital ones: they differ in costs alone."""
        return self.ours[~self.ours["converter"].isin(FELT)]


def studied(folder: Path) -> Study:
    """The explorations in ``folder``; those that are not there are run."""
    for name in SPACES:
        if not (folder / name / "results.parquet").exists():
            exploration(name).run(folder / name)
    rows, converters, cnn = (pd.read_parquet(folder / name / "results.parquet").replace("", None) for name in SPACES)
    return Study(folder, rows, converters[converters["status"] == "ok"], cnn[cnn["status"] == "ok"])


def _kinds(rows: pd.DataFrame) -> pd.Series[Any]:
    """What the first layer runs on."""
    kind = rows["converter"].map({"10 ideally": TEN, "27 ideally": FITTED, **{felt: felt for felt in FELT}})
    kind = kind.mask(rows["hardware"] == "digital45nm", DIGITAL)
    return kind.mask(rows["hardware"] == "pim45nm_bitserial", SERIAL)


def row_with(rows: pd.DataFrame, values: Mapping[str, object]) -> pd.Series[Any]:
    """The one row that has these values."""
    for column, value in values.items():
        rows = rows[rows[column] == value]
    (number,) = range(len(rows))
    return rows.iloc[number]


def best_row(rows: pd.DataFrame, column: str) -> pd.Series[Any]:
    """The first row of the least figure."""
    return rows.iloc[int(rows[column].to_numpy().argmin())]


def as_table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> TextTable:
    return TextTable("", tuple(columns), tuple(map(tuple, lines)))

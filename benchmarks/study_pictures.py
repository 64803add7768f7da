"""Pictures of docs/study.md: machines by energy and delay, and converters by bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from study_data import BITS, MODEL, PRODUCTS, SHARED

from pimsim.report.paper_figures import BLACK, BLUE, GREEN, ORANGE, RED
from pimsim.report.picture import drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (BLUE, ORANGE, RED, GREEN, BLACK)


def machines(spiking: pd.DataFrame, cnn: pd.DataFrame, kinds: Sequence[str]) -> bytes:
    """Energy over delay of every machine, and of each kind the front."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for (title, rows), colour in zip([*_by_kind(spiking, kinds), ("the 6-bit CNN", cnn)], _COLOURS, strict=True):
            delay, energy = rows["delay_ns"] / 1e3, rows["full_energy_pj"] / 1e6
            axes.plot(delay, energy, ".", markersize=1.5, alpha=0.35, color=colour, rasterized=True)
            front = rows.sort_values(["delay_ns", "full_energy_pj"])
            front = front[front["full_energy_pj"] < front["full_energy_pj"].cummin().shift(fill_value=float("inf"))]
            steps = (front["delay_ns"] / 1e3, front["full_energy_pj"] / 1e6)
            axes.plot(*steps, "o-", markersize=3, linewidth=1, color=colour, label=title)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("delay of one inference, µs")
        axes.set_ylabel("energy of one inference, full, µJ")
        axes.legend(frameon=False, title="first layer on; lines: fronts")

    return drawn(draw, (8, 4.5), "svg")


def _by_kind(rows: pd.DataFrame, kinds: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    return [(kind, rows[rows["kind"] == kind]) for kind in kinds]


def converters(rows: pd.DataFrame) -> bytes:
    """Accuracy by bits and full scale beside the energy of all conversions by bits and model."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        felt = rows[rows["full_scale"] != "ideal"].drop_duplicates(["full_scale", PRODUCTS, BITS])
        for (scale, products), own in felt.groupby(["full_scale", PRODUCTS]):
            own = own.sort_values(BITS)
            left.plot(
                own[BITS], 100 * own["overall_accuracy"], "o-", markersize=3, label=f"{scale}, {products} products"
            )
        left.set_ylabel("samples told right, %")
        paid = rows[(rows["full_scale"] == "ideal") & (rows[PRODUCTS] == 10) & (rows[SHARED] == 1)]
        for model, own in paid.groupby(MODEL):
            least = own.groupby(BITS)["adc_pj"].min() / 1e3
            right.plot(least.index, least, "o-", markersize=3, label=model)
        right.set_yscale("log")
        right.set_ylabel("conversions of an inference, nJ")
        for axes in (left, right):
            axes.set_xlabel("bits of the converter")
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, frameon=False)

    return drawn(draw, (9, 3.8), "svg")

"""What the pages claim about the shipped network is what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from pimsim import report
from pimsim.report import Comparison, encodings, made_parts, network_energies
from pimsim.report.network_energies import NetworkEnergy, measured, parts, shipped_snns

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return report.comparison("cnn3d_6b")


@pytest.fixture(scope="module")
def energies() -> list[NetworkEnergy]:
    return [measured(name) for name in shipped_snns()]


@pytest.mark.slow
def test_energies_of_every_network_on_the_results_page_are_those_of_the_shipped_ones(
    energies: list[NetworkEnergy],
) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    stale = "stale: python benchmarks/results.py, then read the prose of docs/results.md again"
    assert made_parts.refreshed(page, parts(energies), kept=encodings.PARTS) == page, stale
    assert all(f"<!-- made: {name} -->" in page for name in parts(energies))


def test_tables_of_the_results_page_are_those_of_the_command(compared: Comparison) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    (tables,) = re.findall(r"```text\n(.*?)\n```", page, re.DOTALL)
    stale = "stale: python benchmarks/results.py, then read the prose of docs/results.md and README.md again"
    assert tables == report.compare_text(compared, 120), stale


def test_ratios_of_the_readme_are_those_of_the_comparison(compared: Comparison) -> None:
    """Within the digits that it prints."""
    frame = compared.frame
    rows = {
        "analog PIM first layer over digital SNN": ("pim45nm", "digital_snn"),
        "all-PIM SNN over digital SNN": ("allpim45nm", "digital_snn"),
        "digital SNN over 6-bit CNN": ("digital45nm", "cnn_6b"),
        "lean digital SNN over 6-bit CNN": ("lean45nm", "cnn_6b"),
        "digital SNN over 32-bit CNN": ("digital45nm", "cnn_32b"),
    }
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for title, (system, reference) in rows.items():
        own = frame[frame["system"] == system].reset_index()
        expected = [own[f"paper_{reference}_over"][0], *own[f"{reference}_over"]]
        (line,) = (line for line in readme.splitlines() if line.startswith(f"| {title} |"))
        claimed = [float(cell) if cell != "–" else None for cell in line.replace(" ", "").strip("|").split("|")[1:]]
        assert [cell is None for cell in claimed] == [pd.isna(ratio) for ratio in expected]  # no paper, no ratio
        pairs = [pair for pair in zip(claimed, expected, strict=True) if pair[0] is not None]
        assert [cell for cell, _ in pairs] == pytest.approx([ratio for _, ratio in pairs], rel=0.02)


@pytest.mark.slow
def test_tables_that_compare_encodings_are_those_of_the_shipped_networks() -> None:
    """Those of networks that are not shipped say so."""
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    made = encodings.parts([encodings.measured(task) for task in encodings.TASKS])
    stale = "stale: python benchmarks/hybrid.py, then read the prose of docs/results.md again"
    assert made_parts.refreshed(page, made, kept=network_energies.PARTS) == page, stale
    assert all(f"<!-- made: {name} -->" in page for name in encodings.PARTS)


def test_figures_from_cifar_10_say_that_its_images_are_encoded_again() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for line in page.splitlines():
        assert "CIFAR-10" not in line.replace("CIFAR-100", "") or "JPEG re-encoded" in line, line

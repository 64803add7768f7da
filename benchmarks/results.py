"""Writes the tables and pictures of docs/results.md anew from what the shipped networks cost on the shipped machines.

    python benchmarks/results.py

Tables that compare encodings are left to benchmarks/hybrid.py.  The prose around the tables is written by hand: read it
again where a figure has moved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pimsim import report
from pimsim.report import encodings, made_parts, paper_figures
from pimsim.report.network_energies import NetworkEnergy, measured, parts, shipped_snns

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "results.md"
MODEL, WIDTH = "cnn3d_6b", 120
FENCE = re.compile(r"(```text\n).*?(\n```)", re.DOTALL)


def refreshed(page: str, energies: Sequence[NetworkEnergy]) -> str:
    """The page with its tables as they come out now."""
    tables = report.compare_text(report.comparison(MODEL), WIDTH)
    fenced = FENCE.sub(lambda fence: f"{fence[1]}{tables}{fence[2]}", page, count=1)
    return made_parts.refreshed(fenced, parts(energies), kept=encodings.PARTS)


def main() -> None:
    energies = [measured(name) for name in shipped_snns()]
    page = refreshed(PAGE.read_text(encoding="utf-8"), energies)
    pictures = {
        "network_energies.svg": paper_figures.energy(energies, "svg"),
        "network_spikes.svg": paper_figures.spikes(energies, "svg"),
    }
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    for name, picture in pictures.items():
        (DOCS / name).write_bytes(picture)


if __name__ == "__main__":
    main()

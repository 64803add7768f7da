"""Writes the tables of docs/results.md anew from what the shipped network costs on the shipped machines.

    python benchmarks/results.py

The prose around the tables is written by hand: read it again where a figure has moved.
"""

from __future__ import annotations

import re
from pathlib import Path

from pimsim import report

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
MODEL, WIDTH = "cnn3d_6b", 120
FENCE = re.compile(r"(```text\n).*?(\n```)", re.DOTALL)


def refreshed(page: str) -> str:
    """The page with its fenced tables as they come out now."""
    tables = report.compare_text(report.comparison(MODEL), WIDTH)
    return FENCE.sub(lambda fence: f"{fence[1]}{tables}{fence[2]}", page, count=1)


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")

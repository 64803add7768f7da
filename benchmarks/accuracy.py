"""Writes the tables and pictures of docs/accuracy.md anew from docs/accuracy.csv.

    python benchmarks/accuracy.py [RESULTS ...]

RESULTS are taken into docs/accuracy.csv first: other files of results (CSV), the JSON files that ``pimsim train``
writes, or folders of runs, from which every such JSON file is taken.  The prose around the tables is written by hand:
read it again where a figure has moved.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pimsim.errors import MissingFileError, PimsimError
from pimsim.report import accuracy_table, paper_figures
from pimsim.report.accuracy_page import refreshed
from pimsim.report.accuracy_table import AccuracyRow, summarise
from pimsim.report.published import CNN_3D, INDIAN_PINES
from pimsim.report.run_rows import rows_of_file

DOCS = Path(__file__).parent.parent / "docs"
RESULTS, PAGE, PICTURE = DOCS / "accuracy.csv", DOCS / "accuracy.md", DOCS / "quantization.svg"


def rows_in(source: str) -> list[AccuracyRow]:
    """Rows of a file of results, of one run, or of all runs in a folder."""
    path = Path(source)
    if path.is_dir():
        # beside its checkpoints a run leaves <its name>.json; what a folder's other JSON files hold is no run
        return [row for file in sorted(path.rglob("*.json")) if _is_run(file) for row in rows_of_file(file)]
    if not path.is_file():
        raise MissingFileError(f'"{path}" does not exist')
    return list(rows_of_file(path) if path.suffix == ".json" else accuracy_table.read(path))


def _is_run(file: Path) -> bool:
    return not file.name.endswith(".accuracy.json") and (file.with_name("ann.ckpt")).is_file()


def main(sources: Sequence[str]) -> None:
    added = [row for source in sources for row in rows_in(source)]
    rows = accuracy_table.append(RESULTS, added) if added else accuracy_table.read(RESULTS)
    page = refreshed(PAGE.read_text(encoding="utf-8"), rows)
    picture = paper_figures.quantization(summarise(rows), CNN_3D, INDIAN_PINES, "svg")
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    PICTURE.write_bytes(picture)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PimsimError as error:
        sys.exit(f"error: {error}")

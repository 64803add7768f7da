"""Writes the tables of docs/results.md that compare direct with hybrid encoding anew, from the shipped networks.

    python benchmarks/hybrid.py [--threads N]

Networks or recordings that are not shipped have rows that say so, and are named.  The prose around the tables is
written by hand: read it again where a figure has moved.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pimsim.report import made_parts, network_energies
from pimsim.report.encodings import TASKS, measured, parts

PAGE = Path(__file__).parent.parent / "docs" / "results.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, help="figures do not depend on it")
    threads = parser.parse_args().threads
    found = [measured(task, threads=threads) for task in TASKS]
    page = PAGE.read_text(encoding="utf-8")
    page = made_parts.refreshed(page, parts(found), kept=network_energies.PARTS)
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    for one in found:
        print(f"{one.task.title}: missing {', '.join(one.missing) or 'nothing'}")


if __name__ == "__main__":
    main()

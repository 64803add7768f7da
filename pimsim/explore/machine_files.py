"""Hardware files of points of an exploration, into a folder: all of them or none."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pimsim.errors import ExplorationError
from pimsim.explore.front import point_of
from pimsim.explore.machine_file import machine_name, machine_yaml
from pimsim.explore.point import OK, REFUSED, VIOLATES, Row
from pimsim.explore.space import Space
from pimsim.report.files import write_together


def machine_text(space: Space, row: Row) -> str:
    """The hardware file of a row; a constraint that the machine violates stands on top.

    Raises ExplorationError, with the reason, for a point that is no machine; HardwareError.
    """
    reason = " ".join(str(row.get("reason") or "").split())
    if row["status"] not in (OK, VIOLATES):
        ended = "was refused" if row["status"] == REFUSED else "failed"
        raise ExplorationError(f"point {point_of(row)} {ended}, there is no machine to export: {reason}")
    above = f"# {reason}\n" if row["status"] == VIOLATES else ""
    return above + machine_yaml(space, row)


def export(space: Space, rows: Sequence[Row], folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write the hardware file of every row.  Raises as `machine_text` does, OutputError, and then writes none."""
    contents = {f"{machine_name(space, point_of(row))}.yaml": machine_text(space, row).encode() for row in rows}
    return write_together(folder, contents)


def others(space: Space, folder: str | os.PathLike[str], written: Sequence[Path]) -> int:
    """How many hardware files of this space a folder holds beside those just written."""
    stem = re.escape(machine_name(space, 0).removesuffix("000000"))
    new = {path.name for path in written}
    names = (path.name for path in Path(folder).iterdir())
    return sum(bool(re.fullmatch(stem + r"\d{6,}\.yaml", name)) and name not in new for name in names)

"""Hardware files of points of an exploration, into a folder: all of them or none."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pimsim.errors import ExplorationError
from pimsim.explore.front import point_of
from pimsim.explore.job import content_hash
from pimsim.explore.machine_file import machine_yaml
from pimsim.explore.point import OK, REFUSED, VIOLATES, Row
from pimsim.explore.results import Results
from pimsim.explore.space import Space
from pimsim.explore.space_load import space_from_dict
from pimsim.report.files import write_together


def space_of(results: Results) -> Space:
    """The space that results are of, from ``exploration.json``; hardware files are read from where they are now.

    Raises ExplorationError where results do not say, or a hardware file is another one by now; MissingFileError.
    """
    content = results.meta.get("space")
    if content is None:
        raise ExplorationError(f'"{results.path}" does not say of which design space it is: name the folder instead')
    beside = results.path if results.path.is_dir() else results.path.parent
    space = space_from_dict(content, origin=str(results.path), folder=beside)
    known = results.meta.get("hardware", {})
    for name, machine in space.machines.items():
        if known.get(name) != content_hash(machine):
            raise ExplorationError(f'"{results.path}": hardware file "{name}" has changed since it was explored')
    return space


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


def file_name(space: Space, point: int) -> str:
    """``NAME-000123.yaml``."""
    return f"{space.name}-{point:06d}.yaml"


def export(space: Space, rows: Sequence[Row], folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write the hardware file of every row.  Raises as `machine_text` does, OutputError, and then writes none."""
    contents = {file_name(space, point_of(row)): machine_text(space, row).encode() for row in rows}
    return write_together(folder, contents)


def others(space: Space, folder: str | os.PathLike[str], written: Sequence[Path]) -> int:
    """How many hardware files of this space a folder holds beside those just written."""
    name = re.compile(re.escape(space.name) + r"-\d{6,}\.yaml")
    new = {path.name for path in written}
    return sum(bool(name.fullmatch(path.name)) and path.name not in new for path in Path(folder).iterdir())

"""What the terminal says of an emitted layer."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from pimsim.report.render import aligned_table, plain_text
from pimsim.rtl.verilog.emit import Emitted
from pimsim.rtl.verilog.guide import cell_row, played_run, simulation, what


def text(emitted: Emitted, width: int | None = None) -> str:
    """What was emitted, how to run it, and the cells where they were counted."""
    return plain_text(_parts(emitted), width)


def _parts(emitted: Emitted) -> Iterator[RenderableType]:
    case, top = emitted.case, emitted.top
    yield Text(f"{case.name} on {case.layer.engine}: {what(case)}; bench of {played_run(case)}")
    if emitted.synthesis is not None:
        table = aligned_table("module", right=("gates", "flip-flops", "macros"))
        for unit in (*emitted.synthesis.units, emitted.synthesis.total):
            table.add_row(*cell_row(unit))
        yield table
    yield Text(f"{simulation(top)}")

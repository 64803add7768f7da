"""A verification as text, as rows of a CSV file and as a document."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pimsim import __version__
from pimsim.report.render import plain_text
from pimsim.report.rows import Table as Rows
from pimsim.rtl.verify.case import plural
from pimsim.rtl.verify.compare import ACTIONS, ALL, CYCLES, MACHINE, UNITS, VALUES, LayerVerdict, Row
from pimsim.rtl.verify.layers import Verification

TITLES = {CYCLES: "cycles ", UNITS: "cycles of ", ACTIONS: "", VALUES: "sum of "}
"""What stands in front of a row's name."""


def text(verification: Verification, width: int | None = None) -> str:
    """A table per layer, then the verdict in a line."""
    return plain_text(_parts(verification), width)


def _parts(verification: Verification) -> Iterator[RenderableType]:
    yield Text(f"{verification.model} on {verification.hardware}, {verification.source}: {verification.selection}")
    for layer in verification.layers:
        yield Text(headline(layer))
        yield _table(layer)
        for difference in layer.differences:
            yield Text(f"  {difference.text}")
    yield Text(summary(verification))


def headline(layer: LayerVerdict) -> str:
    """Name, what was cut, and whether both sides agree."""
    run = f"{plural(layer.samples, 'sample')} × {plural(layer.steps, 'step')}"
    cut = f"; cut to {', '.join(layer.cut)}" if layer.cut else "; whole layer"
    which = "first layer's sums" if layer.layer == MACHINE else "sweep only, its sums"
    only = "" if layer.sums_described else f"; {which} are modelled, not verified"
    return f"\n{layer.layer} on {layer.engine}: {'equal' if layer.equal else 'DIFFERENT'} ({run}{cut}{only})"


def summary(verification: Verification) -> str:
    """The last line: how many layers and numbers agree."""
    compared = sum(len(layer.rows) for layer in verification.layers)
    wrong = [layer.layer for layer in verification.layers if not layer.equal]
    if wrong:
        return f"\nDIFFERENT: {', '.join(wrong)}; first: {_first(verification)}"
    layers = plural(len(verification.layers), "layer")
    return f"\nequal: {layers}, {compared} quantities, every cycle, spike and membrane"


def _first(verification: Verification) -> str:
    layer = next(layer for layer in verification.layers if not layer.equal)
    return f"{layer.layer}: {layer.differences[0].text}"


def _table(layer: LayerVerdict) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for title in ("simulator", "RTL", ""):
        table.add_column(title, justify="right")
    for name, simulated, described, equal in _lines(layer.rows):
        table.add_row(name, simulated, described, "=" if equal else "≠")
    return table


def _lines(rows: tuple[Row, ...]) -> Iterator[tuple[str, str, str, bool]]:
    """Busy, stall and idle cycles of a unit in one line; all else as it is."""
    units: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind == UNITS:
            units.setdefault(row.name.rsplit(" ", 1)[0], []).append(row)
    for row in rows:
        if row.kind != UNITS:
            name = f"{TITLES[row.kind]}{row.name}" if (row.kind, row.name) != (CYCLES, ALL) else "cycles"
            yield name, _number(row.simulated), _number(row.described), row.equal
        elif row.name.endswith(" busy"):
            own = units[row.name.rsplit(" ", 1)[0]]
            told = [" / ".join(_number(getattr(one, side)) for one in own) for side in ("simulated", "described")]
            yield f"{row.name} / stall / idle", told[0], told[1], all(one.equal for one in own)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


COLUMNS = ("layer", "engine", "kind", "name", "simulator", "rtl", "equal")


def rows(verification: Verification) -> Rows:
    """Every quantity of every layer."""
    return Rows(
        COLUMNS,
        tuple(
            (layer.layer, layer.engine, row.kind, row.name, row.simulated, row.described, int(row.equal))
            for layer in verification.layers
            for row in layer.rows
        ),
    )


def document(verification: Verification) -> dict[str, object]:
    """Verdicts and crops, without the rows."""
    return {
        "pimsim": __version__,
        "model": verification.model,
        "hardware": verification.hardware,
        "source": verification.source,
        "selection": verification.selection,
        "equal": verification.equal,
        "layers": [
            {
                "layer": layer.layer,
                "engine": layer.engine,
                "samples": layer.samples,
                "steps": layer.steps,
                "cut": list(layer.cut),
                "sums": "verified" if layer.sums_described else "modelled, not verified",
                "equal": layer.equal,
                "differences": [difference.text for difference in layer.differences],
            }
            for layer in verification.layers
        ],
    }

"""Cost table file → `CostTable`; docs/costs.md has the format."""

from __future__ import annotations

from os import PathLike

from pydantic import ValidationError

from pimsim.cost import schema
from pimsim.cost.check import check
from pimsim.cost.inherit import inherited
from pimsim.cost.table import CostTable
from pimsim.errors import CostError, HardwareError
from pimsim.hardware.yaml_text import parse
from pimsim.resources import COST_TABLE, find, read_text

MAX_DEPTH = 8
"""Tables inherit at most so deep; more is a circle."""


def load_table(name: str | PathLike[str]) -> CostTable:
    """Read and check a cost table, given by path or by shipped name (``45nm``, ``45nm_hypersnn``, ``65nm_imac``).

    Raises CostError in one line that names file, key path and what was expected; MissingFileError.
    """
    return _load(name, depth=0)


def from_text(text: str, *, origin: str) -> CostTable:
    """A cost table as text; ``origin`` is the name that errors start with."""
    return _from_text(text, origin, depth=0)


def _load(name: str | PathLike[str], depth: int) -> CostTable:
    file = find(COST_TABLE, name)
    return _from_text(read_text(COST_TABLE, file, CostError), file.name, depth)


def _from_text(text: str, origin: str, depth: int) -> CostTable:
    try:
        stated = _stated(text)
        if depth > MAX_DEPTH:
            raise CostError(f"inherit.table: tables inherit in a circle or more than {MAX_DEPTH} deep")
        parent = _load(stated.inherit.table, depth + 1) if stated.inherit else None
        table = inherited(stated, parent)
        check(table)
    except CostError as error:
        message = str(error)
        raise CostError(message if depth and ".yaml: " in message else f"{origin}: {message}") from None
    return table


def _stated(text: str) -> schema.Table:
    try:
        content = parse(text)
    except HardwareError as error:  # the YAML reader is the hardware files'
        raise CostError(str(error)) from None
    if not isinstance(content, dict):
        raise CostError(f"expected sections with keys, found {type(content).__name__}")
    try:
        return schema.Table.model_validate(content)
    except ValidationError as error:
        raise CostError(_message(error)) from None


def _message(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=True)
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    path = ".".join(str(part) for part in first["loc"])
    rest = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{path}: unknown key{rest}"
    if first["type"] == "missing":
        return f"{path}: required but missing{rest}"
    reason = first["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(first["input"], dict) else f"={first['input']!r}"
    return f"{path}{shown}: {reason}{rest}"

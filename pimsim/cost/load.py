"""Cost table file → `CostTable`; docs/costs.md has the format."""

from __future__ import annotations

from os import PathLike

from pydantic import ValidationError

from pimsim.cost import schema
from pimsim.cost.check import check
from pimsim.cost.ranges import ONE
from pimsim.cost.table import CostTable, ResolvedEntry, ResolvedFlavour
from pimsim.errors import CostError, HardwareError, MissingFileError
from pimsim.hardware.yaml_text import parse
from pimsim.resources import COST_TABLE, find

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
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CostError(f"{file.name}: not a text file (UTF-8)") from None
    except OSError as error:
        raise MissingFileError(f'cost table "{file}" cannot be read: {error.strerror}') from None
    return _from_text(text, file.name, depth)


def _from_text(text: str, origin: str, depth: int) -> CostTable:
    try:
        stated = _stated(text)
        if depth > MAX_DEPTH:
            raise CostError(f"inherit.table: tables inherit in a circle or more than {MAX_DEPTH} deep")
        parent = _load(stated.inherit.table, depth + 1) if stated.inherit else None
        table = _merged(stated, parent)
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


def _merged(stated: schema.Table, parent: CostTable | None) -> CostTable:
    own = {name: ResolvedEntry(entry) for name, entry in stated.entries.items()}
    stated_flavours = stated.leakage.flavours if stated.leakage else {}
    flavours = {str(name): ResolvedFlavour(item, ONE, item.source) for name, item in stated_flavours.items()}
    actions = {name: tuple(entries) for name, entries in stated.actions.items()}
    adc = stated.adc
    if parent is not None and stated.inherit is not None:
        own = _inherited(parent, stated.inherit) | own
        flavours = _inherited_flavours(parent, stated.inherit.leakage) | flavours
        actions = parent.actions | actions
    return CostTable(
        name=stated.name,
        title=stated.title,
        node_nm=stated.node_nm,
        entries=own,
        actions=actions,
        adc_models=dict(adc.models) if adc else dict(parent.adc_models) if parent else {},
        adc_spread=tuple(adc.spread) if adc else parent.adc_spread if parent else (),
        flavours=flavours,
        storage=(parent.storage if parent else {}) | stated.storage,
    )


def _inherited(parent: CostTable, inherit: schema.Inherit) -> dict[str, ResolvedEntry]:
    """The parent's entries, scaled; entries made of others follow those by themselves."""
    factors = {"leak": None, "area": inherit.area}
    result = {}
    for name, resolved in parent.entries.items():
        factor = factors.get(name.split(".")[0], inherit.energy) if "." in name else inherit.energy
        if factor is None or isinstance(resolved.entry, schema.Scaled | schema.Included):
            result[name] = resolved
            continue
        source = f"x{factor.value.nominal:g}: {factor.source}"
        joined = f"{resolved.factor_source}, {source}" if resolved.factor_source else source
        result[name] = ResolvedEntry(resolved.entry, resolved.factor.by(factor.value), joined)
    return result


def _inherited_flavours(parent: CostTable, factor: schema.Factor | None) -> dict[str, ResolvedFlavour]:
    if factor is None:
        return dict(parent.flavours)
    note = f"x{factor.value.nominal:g}: {factor.source}"
    return {
        name: ResolvedFlavour(parent_one.flavour, parent_one.factor.by(factor.value), f"{parent_one.source} [{note}]")
        for name, parent_one in parent.flavours.items()
    }

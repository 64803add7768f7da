"""Hardware file → `Hardware`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from pydantic import ValidationError

from pimsim.errors import HardwareError
from pimsim.hardware import hardware as plain
from pimsim.hardware import overrides as changes
from pimsim.hardware import schema
from pimsim.hardware.hardware import CostSettings, Hardware
from pimsim.hardware.validate import validated
from pimsim.hardware.yaml_text import parse
from pimsim.resources import HARDWARE, find, read_text

MAX_BYTES = 2**20
"""A hardware file is some pages long; a larger one is something else."""


def load_hardware(path: str | PathLike[str], overrides: Mapping[str, object] | None = None) -> Hardware:
    """Read and check a hardware file, given by path or by shipped name.

    ``overrides`` maps dotted paths to values that replace the file's, checked in the same way.
    Raises HardwareError in one line that names file, key path, value and limit; MissingFileError.
    """
    file = find(HARDWARE, path)
    return from_text(read_text(HARDWARE, file, HardwareError, most=MAX_BYTES), origin=file.name, overrides=overrides)


def read_content(path: str | PathLike[str]) -> dict[str, object]:
    """What a hardware file says, unchecked but for being sections with keys; errors as for `load_hardware`."""
    file = find(HARDWARE, path)
    try:
        return _sections(read_text(HARDWARE, file, HardwareError, most=MAX_BYTES))
    except HardwareError as error:
        raise _of(file.name, error) from None


def from_text(text: str, *, origin: str, overrides: Mapping[str, object] | None = None) -> Hardware:
    """A hardware description as text; ``origin`` is the name that errors start with."""
    try:
        return from_dict(_sections(text), origin=origin, overrides=overrides)
    except HardwareError as error:
        raise _of(origin, error) from None


def from_dict(
    raw: Mapping[str, object], *, origin: str = "hardware", overrides: Mapping[str, object] | None = None
) -> Hardware:
    """The same from parsed content, such as `Hardware.to_dict` gives."""
    chosen = dict(overrides or {})
    try:
        file = validated(changes.apply(raw, chosen), chosen)
    except HardwareError as error:
        raise HardwareError(f"{origin}: {changes.without_section(raw, chosen) or error}") from None
    engines = file.engines
    return Hardware(
        name=file.name,
        description=file.description,
        clock_mhz=file.clock_mhz,
        network=file.network,
        schedule=file.schedule,
        order=file.order,
        clock_gating=file.clock_gating,
        engines=plain.Engines(
            pim=None if engines.pim is None else _pim(engines.pim),
            mac=None if engines.mac is None else plain.Mac(**engines.mac.model_dump()),
            event=None if engines.event is None else plain.Event(**engines.event.model_dump()),
        ),
        layers=plain.Placement(**file.layers.model_dump()),
        memories=plain.Memories(**file.memories.model_dump()),
        cost=plain.CostSettings(**file.cost.model_dump()),
    )


def prices_from_dict(
    raw: Mapping[str, object], overrides: Mapping[str, object] | None = None
) -> tuple[float, CostSettings]:
    """``clock_mhz`` and ``cost`` as `from_dict` has them, for where nothing else changes: no other key is looked at.

    Raises HardwareError where the two are wrong, which `from_dict` tells better.
    """
    own = {key: raw[key] for key in schema.Prices.model_fields if key in raw}
    try:
        found = schema.Prices.model_validate(changes.apply(own, overrides or {}))
    except ValidationError:
        raise HardwareError("clock_mhz or cost is wrong") from None
    return found.clock_mhz, plain.CostSettings(**found.cost.__dict__)


def _sections(text: str) -> dict[str, object]:
    raw = parse(text)
    if not isinstance(raw, dict):
        raise HardwareError(f"expected sections with keys, found {type(raw).__name__}")
    return raw


def _of(origin: str, error: HardwareError) -> HardwareError:
    message = str(error)
    return HardwareError(message if message.startswith(origin) else f"{origin}: {message}")


def _pim(section: schema.BitSerialPim | schema.AnalogPim) -> plain.Pim:
    values = section.model_dump()
    return _PIM[section.style](**{**values, "numerics": plain.Numerics(**values["numerics"])})


_PIM: dict[str, type[plain.BitSerialPim] | type[plain.AnalogPim]] = {
    plain.BIT_SERIAL: plain.BitSerialPim,
    plain.ANALOG: plain.AnalogPim,
}

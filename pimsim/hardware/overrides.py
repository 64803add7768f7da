"""Changes to single values of a hardware file: ``engines.event.lanes=32``."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from pimsim.errors import HardwareError
from pimsim.hardware.hardware import ENGINES
from pimsim.hardware.yaml_text import parse


def parse_override(text: str) -> tuple[str, object]:
    """``path=value`` → dotted path and YAML-parsed value.

    >>> parse_override("engines.event.lanes=32"), parse_override("schedule=pipelined")
    (('engines.event.lanes', 32), ('schedule', 'pipelined'))

    Raises HardwareError where there is no ``=``, no path or no YAML value.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise HardwareError(f'--set "{text}": expected path=value, for example engines.event.lanes=32')
    try:
        return path.strip(), parse(value)
    except HardwareError as error:
        raise HardwareError(f'--set "{text}": {error}') from None


def apply(raw: Mapping[str, object], overrides: Mapping[str, object]) -> dict[str, object]:
    """A copy of ``raw`` with each dotted path replaced; sections on the way are made where missing."""
    content = deepcopy(dict(raw))
    for path, value in overrides.items():
        *sections, last = path.split(".")
        if not all((*sections, last)):
            raise HardwareError(f'override "{path}": a path has no empty part')
        target = content
        for depth, section in enumerate(sections, 1):
            inner = target.setdefault(section, {})
            if not isinstance(inner, dict):
                raise HardwareError(f'override "{path}": "{".".join(sections[:depth])}" holds a value, not a section')
            target = inner
        target[last] = deepcopy(value)
    return content


def without_section(raw: Mapping[str, object], overrides: Mapping[str, object]) -> str:
    """What is wrong with the first override of an engine that the file does not have; nothing without one."""
    present = raw.get("engines")
    for path in overrides:
        top, engine, *inner = [*path.split("."), ""][:3]
        known = top == "engines" and engine in ENGINES and any(inner)
        if known and isinstance(present, Mapping) and engine not in present:
            return f'override "{path}": the file has no section engines.{engine}'
    return ""

"""A JSON object read key by key: every key is typed, and a key that nobody asked for is an error."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Iterable, Sequence

from pimsim.errors import PimsimError

ErrorClass = type[PimsimError]


class _Constant(str):
    """NaN, Infinity or −Infinity, which Python reads and JSON does not have."""


def shown(value: object) -> str:
    """A value for an error message, on one line and not longer than a line."""
    return reprlib.repr(value).replace("\n", " ")


def decode(text: str, where: str, error: ErrorClass) -> dict[str, object]:
    """JSON text → dict; NaN, Infinity, a key given twice and anything but an object raise `error`."""

    def checked(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) != len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            raise error(f"{where}: key {shown(twice)} is given twice")
        for key, value in pairs:
            if constant := _constant_in(value):
                raise error(f"{where}: key {shown(key)} holds {constant}, which is not a JSON number")
        return result

    try:
        value = json.loads(text, parse_constant=_Constant, object_pairs_hook=checked)
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, error):
            raise
        raise error(f"{where}: not valid JSON ({problem})") from None
    if not isinstance(value, dict):
        raise error(f"{where}: expected a JSON object, got {shown(value)}")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # "\\ud800" is valid JSON, but no text that a file could hold
        raise error(f"{where}: holds half a surrogate pair, which is not text") from None
    return value


def _constant_in(value: object) -> str:
    """The first that a value or a list holds; objects in it have been checked."""
    if isinstance(value, list):
        return next(filter(None, map(_constant_in, value)), "")
    return value if isinstance(value, _Constant) else ""


class Fields:
    """Typed access to one JSON object; ``finish`` refuses the keys that were not asked for.

    ``where`` opens every message (``header``, ``header.layers[2]``).
    """

    def __init__(self, value: object, where: str, error: ErrorClass) -> None:
        self.where, self.error = where, error
        if not isinstance(value, dict):
            raise error(f"{where}: expected a JSON object, got {shown(value)}")
        self.values: dict[str, object] = value
        self.asked: set[str] = set()

    def has(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, default: object = None) -> object:
        """The raw value; a missing key without a default is an error."""
        self.asked.add(key)
        if key in self.values:
            return self.values[key]
        if default is None:
            raise self.error(f"{self.where}.{key}: missing")
        return default

    def fail(self, key: str, expected: str) -> PimsimError:
        return self.error(f"{self.where}.{key}: expected {expected}, got {shown(self.values.get(key))}")

    def integer(self, key: str, default: int | None = None) -> int:
        value = self.get(key, default)
        if not isinstance(value, int) or not _is_integer(value):
            raise self.fail(key, "a 64-bit integer")
        return value

    def number(self, key: str) -> float:
        """A finite number; an integer is one too."""
        value = self.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.fail(key, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.fail(key, "a finite number")
        return number

    def text(self, key: str, default: str | None = None) -> str:
        value = self.get(key, default)
        if not isinstance(value, str):
            raise self.fail(key, "a string")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def integers(self, key: str, length: int, default: Sequence[int] | None = None) -> tuple[int, ...]:
        value = self.get(key, default)
        if not isinstance(value, list | tuple) or len(value) != length or not all(map(_is_integer, value)):
            raise self.fail(key, f"a list of {length} integers")
        return tuple(value)

    def items(self, key: str, limit: int) -> list[object]:
        """A list of at most ``limit`` entries."""
        value = self.get(key)
        if not isinstance(value, list):
            raise self.fail(key, "a list")
        if len(value) > limit:
            raise self.error(f"{self.where}.{key}: {len(value)} entries, at most {limit} are allowed")
        return value

    def object(self, key: str) -> dict[str, object]:
        value = self.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(key, "a JSON object")
        return value

    def finish(self) -> None:
        unknown = sorted(set(self.values) - self.asked)
        if unknown:
            raise self.error(f"{self.where}.{shown(unknown[0])[1:-1]}: unknown key; known are {_listed(self.asked)}")


def check_format(fields: Fields, name: str, version: int) -> None:
    """The first two keys of every header: what the file is, and which version of it."""
    if fields.text("format") != name:
        raise fields.error(f'{fields.where}.format: expected "{name}", got {shown(fields.values["format"])}')
    given = fields.integer("version")
    if given != version:
        raise fields.error(f"{fields.where}.version: this pimsim reads version {version}, the file has {given}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

"""Keys and values that a space sets, held against the hardware format and the hardware files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from pimsim.errors import ExplorationError, HardwareError
from pimsim.explore.axis import HARDWARE, INPUT, MODEL, Axis
from pimsim.explore.space_check import required
from pimsim.hardware import apply, check_key, check_value, is_value

Settings = Mapping[str, object]
_FIXED = ("format", "name", "description")
_MAX_CONTEXTS = 256
"""Combinations of sections in which a key is looked for; where there are more, its points tell."""


class KeyCheck:
    """Refuses what is wrong in every point that has it.

    A value beyond a limit or of a wrong type is, and a key for which no hardware file here has a section; what is
    wrong only together with another value is a matter of single points.
    """

    def __init__(self, axes: Sequence[Axis], overrides: Settings, machines: Mapping[str, Settings]) -> None:
        self._axes, self._overrides, self._machines = axes, overrides, machines
        self._given = {*overrides, *(path for axis in axes for path in axis.paths)}

    def check(self) -> None:
        """Raises ExplorationError that names axis, key, value and limit."""
        for place, (name, content) in enumerate(self._machines.items(), 1):
            self._check_value("", content, f"hardware.{place}: {name}")
        for path, value in self._overrides.items():
            self._check_value(path, value, "set")
            self._check_key(path, "set", list(self._machines), list(self._framing(path)))
        for axis in self._axes:
            self._check_axis(axis)

    def known(self, name: str) -> bool:
        """Whether it is a parameter: an axis, or a key with a value.  Raises ExplorationError where no file has it."""
        if name in (MODEL, HARDWARE, INPUT) or any(name == axis.name for axis in self._axes):
            return True
        if not is_value(name):
            return False
        self._check_key(name, "no point has this key", list(self._machines), list(self._framing(name)))
        return True

    def _check_axis(self, axis: Axis) -> None:
        key = f"axes.{axis.name}"
        bundled = any(settings != _all(axis, value) for value, settings in zip(axis.values, axis.settings, strict=True))
        if is_value(axis.name) and (bundled or axis.name not in axis.paths):
            raise ExplorationError(f"{key}: the name of a key whose value it is not; take another")
        named = [f"{key}.choices.{value}" if bundled else key for value in axis.values]
        ends = (axis.span.low, axis.span.high) if axis.span else ()
        for name, settings in [*zip(named, axis.settings, strict=True), *((key, _all(axis, end)) for end in ends)]:
            for path, setting in settings.items():
                self._check_value(path, setting, name)
        needed = required(axis, self._axes)
        machines = [name for name in self._machines if name in needed.get(HARDWARE, self._machines)]
        if not bundled:
            for path in axis.paths:
                self._check_key(path, key, machines, list(self._framing(path, axis)))
            return
        for name, settings in zip(named, axis.settings, strict=True):
            for path in settings:
                self._check_key(path, name, machines, [*self._framing(path, axis), [_framed(path, settings)]])

    def _check_value(self, path: str, value: object, key: str) -> None:
        if path.partition(".")[0] in _FIXED:
            raise ExplorationError(f"{key}: {path} is what the file is called, not a knob")
        try:
            check_value(path, value, given=self._given)
        except HardwareError as error:
            raise ExplorationError(f"{_at(key, path)}{error}") from None

    def _check_key(self, path: str, key: str, machines: Sequence[str], options: Sequence[Sequence[Settings]]) -> None:
        """``options`` are what axes may make of the section around ``path``, one after the other."""
        if not _frames(path):
            return
        reasons = []
        contexts = ((name, chosen) for name in machines for chosen in product(*options))
        for name, chosen in islice(contexts, _MAX_CONTEXTS):
            merged = _framed(path, self._overrides)
            for settings in chosen:
                merged |= settings
            try:
                check_key(apply(self._machines[name], merged), path)
                return
            except HardwareError as error:
                reasons.append(f"{name}: {error}")
        if reasons and next(contexts, None) is None:
            raise ExplorationError(f"{key}: {reasons[0]}")

    def _framing(self, path: str, axis: Axis | None = None) -> Iterator[list[Settings]]:
        """Of each other axis that may set the section or its style, what that may be where ``axis`` is."""
        needed = required(axis, self._axes) if axis else {}
        for other in self._axes:
            if other is axis or not set(other.paths) & set(_frames(path)):
                continue
            values = needed.get(other.name, other.values)
            chosen = zip(other.values, other.settings, strict=True)
            options: list[Settings] = [_framed(path, settings) for value, settings in chosen if value in values]
            yield options if other.name in needed or not other.when else [{}, *options]


def _at(key: str, path: str) -> str:
    """What to say in front of an error that begins with ``path``."""
    return "axes." if key == f"axes.{path}" else f"{key}: "


def _all(axis: Axis, value: object) -> Settings:
    return dict.fromkeys(axis.paths, value)


def _frames(path: str) -> tuple[str, ...]:
    """Keys that decide whether a key of an engine is there; none for other keys, whose sections always are."""
    top, *inner = path.split(".")
    if top != "engines" or len(inner) < 2:
        return ()
    section = f"{top}.{inner[0]}"
    return top, section, f"{section}.style"


def _framed(path: str, settings: Settings) -> dict[str, object]:
    return {key: settings[key] for key in settings if key in _frames(path)}

"""What is wrong with the axes of a design space, whatever point one takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from pimsim.errors import ExplorationError, HardwareError
from pimsim.explore.axis import HARDWARE, INPUT, MODEL, Axis
from pimsim.explore.metrics import BY_NAME, metric_columns
from pimsim.explore.point import Value
from pimsim.hardware import check_value

RESERVED = frozenset(("point", "status", "reason", "bottleneck", "executed", MODEL, HARDWARE, INPUT))
"""Columns of results beside axes and metrics."""
_FIXED = ("format", "name", "description")
_Holds = dict[str, set[Value]]


class Names:
    """Names of parameters that a constraint may read."""

    def __init__(self, axes: Sequence[Axis], overrides: Mapping[str, object]) -> None:
        self._names = {MODEL, HARDWARE, INPUT, *overrides}
        for axis in axes:
            self._names |= {axis.name, *axis.paths}

    def known(self, name: str) -> bool:
        """Whether it is an axis, or a key of the hardware file that holds a value."""
        if name in self._names:
            return True
        try:
            check_value(name, {})
        except HardwareError as error:
            return "unknown key" not in str(error)
        return False


def check_axes(axes: Sequence[Axis], overrides: Mapping[str, object]) -> None:
    """Refuse names, conditions, paths and values that can never be right.  Raises ExplorationError, HardwareError."""
    settable = {*overrides, *(path for axis in axes for path in axis.paths)}
    for path, value in overrides.items():
        _check_setting(f"set.{path}", path, value, settable)
    for place, axis in enumerate(axes):
        if axis.paths:
            _check_name(axis)
            _check_values(axis, settable)
        _check_conditions(axis, axes[:place])
        _check_against_set(axis, overrides)
    _check_overlaps(axes)


def _check_name(axis: Axis) -> None:
    if axis.name in RESERVED:
        hint = (
            "; files are chosen by the keys hardware, models and inputs"
            if axis.name in (MODEL, HARDWARE, INPUT)
            else ""
        )
        raise ExplorationError(f"axes.{axis.name}: the name of another column of results{hint}")
    if axis.name in BY_NAME or axis.name in metric_columns():
        raise ExplorationError(f"axes.{axis.name}: the name of a metric; take another and give the key as paths")


def _check_values(axis: Axis, settable: set[str]) -> None:
    key = f"axes.{axis.name}"
    if axis.span is not None:
        for path in axis.paths:
            for end in (axis.span.low, axis.span.high):
                _check_setting(key, path, end, settable)
    for value, settings in zip(axis.values, axis.settings, strict=True):
        for path, setting in settings.items():
            chosen = f"{key}.choices.{value}" if len(settings) != len(axis.paths) or setting != value else key
            _check_setting(chosen, path, setting, settable)


def _check_setting(key: str, path: str, value: object, settable: set[str]) -> None:
    if path.partition(".")[0] in _FIXED:
        raise ExplorationError(f"{key}: {path} is what the file is called, not a knob")
    try:
        check_value(path, value, given=settable)
    except HardwareError as error:
        raise ExplorationError(f"{key}: {error}") from None


def _check_conditions(axis: Axis, earlier: Sequence[Axis]) -> None:
    known = {other.name: other for other in earlier}
    for name, values in axis.when:
        key = f"axes.{axis.name}.when.{name}"
        other = known.get(name)
        if other is None:
            raise ExplorationError(f"{key}: no earlier axis (earlier: {', '.join(known) or 'none'})")
        if other.span is not None:
            raise ExplorationError(f"{key}: an axis without steps has no values to choose from")
        for value in values:
            if str(value) not in map(str, other.values):
                raise ExplorationError(f"{key}={value!r}: none of its values ({_listed(other.values)})")


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(map(str, values[:10])) + (", …" if len(values) > 10 else "")


def _check_against_set(axis: Axis, overrides: Mapping[str, object]) -> None:
    for path in axis.paths:
        for fixed in overrides:
            if path == fixed or fixed.startswith(f"{path}."):
                raise ExplorationError(f'axes.{axis.name}: sets {path}, and so does "set" ({fixed})')


def _check_overlaps(axes: Sequence[Axis]) -> None:
    """A later axis may change a key of a section that an earlier one sets; else no key is set twice in one point."""
    for axis in axes:
        for first, second in combinations(axis.paths, 2):
            if _overlap(first, second):
                raise ExplorationError(f"axes.{axis.name}: sets both {first} and {second}")
    holds = {axis.name: _holds(axis, axes) for axis in axes}
    for earlier, later in combinations(axes, 2):
        clash = next(_clashes(earlier, later), None)
        if clash and not _disjoint(holds[earlier.name], holds[later.name]):
            raise ExplorationError(f"axes.{later.name}: sets {clash}, which axis {earlier.name} sets too")


def _clashes(earlier: Axis, later: Axis) -> Iterator[str]:
    for path in later.paths:
        for other in earlier.paths:
            if path == other or other.startswith(f"{path}."):
                yield path


def _overlap(first: str, second: str) -> bool:
    return f"{first}.".startswith(f"{second}.") or f"{second}.".startswith(f"{first}.")


def _holds(axis: Axis, axes: Sequence[Axis]) -> _Holds:
    """Axis → values that it must have for this one to be there, conditions of conditions included."""
    by_name = {other.name: other for other in axes}
    found: _Holds = {}
    stack = [axis]
    while stack:
        for name, values in stack.pop().when:
            found[name] = found.get(name, set(values)) & set(values)
            stack.append(by_name[name])
    return found


def _disjoint(first: _Holds, second: _Holds) -> bool:
    return any(not first[name] & second[name] for name in first.keys() & second.keys())

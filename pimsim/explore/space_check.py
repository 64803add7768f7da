"""What is wrong with the axes of a design space, whatever point one takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations, product

from pimsim.errors import ExplorationError
from pimsim.explore.axis import HARDWARE, INPUT, MODEL, Axis
from pimsim.explore.metrics import BY_NAME, metric_columns
from pimsim.explore.point import BESIDE, Value

RESERVED = frozenset((*BESIDE, MODEL, HARDWARE, INPUT))
"""Columns of results beside axes and metrics."""
Required = dict[str, set[Value]]


def check_axes(axes: Sequence[Axis], overrides: Mapping[str, object]) -> None:
    """Refuse names, conditions and paths that contradict one another.  Raises ExplorationError."""
    for place, axis in enumerate(axes):
        if axis.paths:
            _check_name(axis)
        _check_conditions(axis, axes[:place])
        never = [name for name, values in required(axis, axes[: place + 1]).items() if not values]
        if never:
            raise ExplorationError(f"axes.{axis.name}.when: never holds, {never[0]} would need two values at once")
        _check_against_set(axis, overrides)
    _check_overlaps(axes, overrides)


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


def _check_conditions(axis: Axis, earlier: Sequence[Axis]) -> None:
    known = {other.name: other for other in earlier}
    for name, values in axis.when:
        key = f"axes.{axis.name}.when.{name}"
        other = known.get(name)
        if other is None:
            raise ExplorationError(f"{key}: no earlier axis (earlier: {', '.join(known) or 'none'})")
        if other.span is not None:
            raise ExplorationError(f"{key}: an axis without steps has no values to choose from")
        taken = {(type(one) is bool, one) for one in other.values}  # as a key of a set, 1 is true
        for value in values:
            if (type(value) is bool, value) not in taken:
                raise ExplorationError(f"{key}={value!r}: none of its values ({_listed(other.values)})")


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(map(repr, values[:10])) + (", …" if len(values) > 10 else "")


def _check_against_set(axis: Axis, overrides: Mapping[str, object]) -> None:
    for path, fixed in product(axis.paths, overrides):
        if _within(fixed, path):
            raise ExplorationError(f'axes.{axis.name}: sets {path}, and so does "set" ({fixed})')


def _check_overlaps(axes: Sequence[Axis], overrides: Mapping[str, object]) -> None:
    """A later axis may change a key of a section that an earlier one sets; else no key is set twice in one point."""
    for first, second in combinations(overrides, 2):
        if _within(first, second):
            raise ExplorationError(f"set.{second}: takes the place of {first}, which is set before it")
    for axis in axes:
        for settings in (dict.fromkeys(axis.paths), *axis.settings) if axis.span else axis.settings:
            for first, second in permutations(settings, 2):
                if _within(first, second):
                    raise ExplorationError(f"axes.{axis.name}: sets both {second} and {first}")
    needed = {axis.name: required(axis, axes) for axis in axes}
    for earlier, later in combinations(axes, 2):
        for other, path in product(earlier.paths, later.paths):
            setting = needed[earlier.name] | _setters(earlier, other)
            if _within(other, path) and not _disjoint(setting, needed[later.name]):
                raise ExplorationError(f"axes.{later.name}: sets {path}, and so does axis {earlier.name} ({other})")


def _within(inner: str, outer: str) -> bool:
    """Whether a key is another one, or in the section that this one is."""
    return f"{inner}.".startswith(f"{outer}.")


def _setters(axis: Axis, path: str) -> Required:
    """Values of an axis that set a key, as a requirement."""
    values = {value for value, settings in zip(axis.values, axis.settings, strict=True) if path in settings}
    return {axis.name: values} if axis.span is None else {}


def required(axis: Axis, axes: Sequence[Axis]) -> Required:
    """Axis → values that it must have for this one to be there, conditions of conditions included."""
    found: Required = {}
    for other in reversed(axes):
        if other is axis or other.name in found:
            for name, values in other.when:
                found[name] = found.get(name, set(values)) & set(values)
    return found


def _disjoint(first: Required, second: Required) -> bool:
    return any(not first[name] & second[name] for name in first.keys() & second.keys())

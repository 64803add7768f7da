"""Points that differ from a reference in one knob each, for a tornado."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import sqrt

from pimsim.explore.axis import Axis, Span
from pimsim.explore.point import Value
from pimsim.explore.space_check import Required, required

Values = dict[str, Value]
Base = Callable[[Values], Mapping[str, object]]
"""What the hardware file of a point says, given the values of its axes so far."""


def one_at_a_time(axes: Sequence[Axis], overrides: Mapping[str, object], base: Base) -> Iterator[Values]:
    """The reference, then per axis every other value with all others as in the reference.

    The reference has the file's own values where an axis takes them, else the nearest number, or the first of what
    has no order.  An axis that it lacks is switched on by the first values that its conditions allow.  No point comes
    twice.
    """
    whole = _Completion(axes, overrides, base)
    reference = whole.of({}, {}, {})
    yield reference
    seen = {tuple(reference.items())}
    for axis in axes:
        needed = {} if axis.name in reference else required(axis, axes)
        for value in axis.values if axis.span is None else (axis.span.low, axis.span.high):
            found = whole.of({axis.name: value}, reference, needed)
            key = tuple(found.items())
            if axis.name in found and key not in seen:
                seen.add(key)
                yield found


class _Completion:
    """Values of the axes that are not told, as near to the file as they come."""

    def __init__(self, axes: Sequence[Axis], overrides: Mapping[str, object], base: Base) -> None:
        self._axes, self._overrides, self._base = axes, overrides, base
        self._when = {axis.name: [(name, frozenset(values)) for name, values in axis.when] for axis in axes}
        self._settings = {axis.name: dict(zip(axis.values, axis.settings, strict=True)) for axis in axes}

    def of(self, forced: Values, reference: Values, needed: Required) -> Values:
        """A point with the values ``forced``, otherwise those of a reference that ``needed`` does not rule out."""
        found: Values = {}
        settings = dict(self._overrides)
        for axis in self._axes:
            if all(found.get(name) in values for name, values in self._when[axis.name]):
                usual = forced.get(axis.name, reference.get(axis.name))
                value = self._nearest(axis, settings, found) if usual is None else usual
                allowed = needed.get(axis.name, (value,))
                chosen = value if value in allowed else next(filter(allowed.__contains__, axis.values), value)
                found[axis.name] = chosen
                settings |= self._settings[axis.name].get(chosen) or dict.fromkeys(axis.paths, chosen)
        return found

    def _nearest(self, axis: Axis, settings: dict[str, object], found: Values) -> Value:
        if not axis.paths:
            return axis.values[0]
        base = self._base(found)
        for value, wanted in zip(axis.values, axis.settings, strict=True):
            if all(said(path, settings, base) == item for path, item in wanted.items()):
                return value
        own = said(axis.paths[0], settings, base)
        number = own if isinstance(own, int | float) and not isinstance(own, bool) else None
        if axis.span is not None:
            return _within(axis.span, number)
        return _closest(axis.values, number)


def said(path: str, settings: dict[str, object], base: Mapping[str, object]) -> object:
    """What the file has at a path; the latest setting of it or of a section around it counts, if that says it."""
    own = _inside(base, path)
    for key in reversed(settings):
        if f"{path}.".startswith(f"{key}."):
            found = _inside(settings[key], path[len(key) + 1 :])
            return own if found is None else found
    return own


def _inside(content: object, path: str) -> object:
    for part in path.split(".") if path else ():
        content = content.get(part) if isinstance(content, Mapping) else None
    return content


def _within(span: Span, number: float | None) -> float:
    middle = sqrt(span.low * span.high) if span.log else (span.low + span.high) / 2
    value = middle if number is None or not span.low <= number <= span.high else number
    return round(value) if isinstance(span.low, int) and isinstance(span.high, int) else float(value)


def _closest(values: Sequence[Value], number: float | None) -> Value:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return values[0]
    return numbers[len(numbers) // 2] if number is None else min(numbers, key=lambda value: abs(value - number))

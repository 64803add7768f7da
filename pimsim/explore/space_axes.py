"""Axes of a design space's file as values and what they set."""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.errors import ExplorationError
from pimsim.explore import axis_values
from pimsim.explore.axis import HARDWARE, INPUT, MODEL, Axis, Span
from pimsim.explore.point import Value
from pimsim.explore.space_schema import Axis as Form
from pimsim.explore.space_schema import File

FORMS = ("values", "range", "log", "choices")
_STEPS = {"range": ("step", "count", "steps"), "log": ("base", "count", "steps")}


def file_axes(file: File) -> tuple[Axis, ...]:
    """Axes that choose files, where there are several to choose from."""
    given = file.inputs if isinstance(file.inputs, list) else []
    listed = {MODEL: ("models", file.models), HARDWARE: ("hardware", file.hardware), INPUT: ("inputs", given)}
    found = []
    for name, (key, names) in listed.items():
        _check_repeated(names, key)
        if len(names) > 1:
            found.append(Axis(name, (), tuple(names), ({},) * len(names)))
    return tuple(found)


def axis_of(name: str, form: Form) -> Axis:
    """An axis that changes the hardware file.  Raises ExplorationError that names it."""
    key = f"axes.{name}"
    given = [form_name for form_name in FORMS if getattr(form, form_name) is not None]
    if len(given) != 1:
        raise ExplorationError(f"{key}: needs one of {', '.join(FORMS)}; has {' and '.join(given) or 'none'}")
    (kind,) = given
    _check_steps(form, kind, key)
    when = tuple((other, tuple(values)) for other, values in (form.when or {}).items())
    if form.choices is not None:
        return _choices(name, form.choices, when, form.paths, key)
    paths = tuple(form.paths or (name,))
    _check_repeated(paths, f"{key}.paths")
    if form.steps is not None:
        low, high = _ends(form, kind, key)
        return Axis(name, paths, span=Span(low, high, log=kind == "log"), when=when)
    values = _alike(form.values) if form.values is not None else _spread(form, kind, key)
    _check_repeated(values, key if form.values is not None else f"{key}.{kind}")
    return Axis(name, paths, values, tuple(dict.fromkeys(paths, value) for value in values), when=when)


def content_of(axis: Axis, form: Form) -> dict[str, object]:
    """An axis in the file's own format, values listed."""
    found: dict[str, object] = {}
    if form.choices is not None:
        found["choices"] = {choice: dict(settings) for choice, settings in form.choices.items()}
    else:
        found["paths"] = list(axis.paths)
        if axis.span is None:
            found["values"] = list(axis.values)
        else:
            found |= {"log" if axis.span.log else "range": [axis.span.low, axis.span.high], "steps": "none"}
    if axis.when:
        found["when"] = {name: list(values) for name, values in axis.when}
    return found


def _choices(
    name: str,
    choices: dict[str, dict[str, object]],
    when: tuple[tuple[str, tuple[Value, ...]], ...],
    paths: Sequence[str] | None,
    key: str,
) -> Axis:
    if paths is not None:
        raise ExplorationError(f"{key}.paths: choices name what they set themselves")
    touched = dict.fromkeys(path for settings in choices.values() for path in settings)
    return Axis(name, tuple(touched), tuple(choices), tuple(choices.values()), when=when)


def _check_steps(form: Form, kind: str, key: str) -> None:
    allowed = _STEPS.get(kind, ())
    given = [step for step in ("step", "base", "count", "steps") if getattr(form, step) is not None]
    for step in given:
        if step not in allowed:
            raise ExplorationError(f"{key}.{step}: does not go with {kind}")
    if allowed and len(given) != 1:
        names = f"{allowed[0]}, {allowed[1]} or steps: none"
        raise ExplorationError(f"{key}.{kind}: needs {'only one of ' if given else ''}{names}")


def _spread(form: Form, kind: str, key: str) -> tuple[Value, ...]:
    low, high = _ends(form, kind, key)
    try:
        if form.count is not None:
            spread = axis_values.even if kind == "range" else axis_values.even_in_logarithm
            return spread(low, high, form.count)
        if form.step is not None:
            return axis_values.arithmetic(low, high, form.step)
        assert form.base is not None  # one of them is there
        return axis_values.geometric(low, high, form.base)
    except ExplorationError as error:
        raise ExplorationError(f"{key}: {error}") from None


def _ends(form: Form, kind: str, key: str) -> tuple[float, float]:
    low, high = getattr(form, kind)
    if not low < high:
        raise ExplorationError(f"{key}.{kind}={[low, high]}: the first end must be below the second")
    if kind == "log" and not low > 0:
        raise ExplorationError(f"{key}.log={[low, high]}: both ends must be above 0")
    return low, high


def _alike(values: list[Value]) -> tuple[Value, ...]:
    """Whole numbers among others become such others, so that a column has one type."""
    if {type(value) for value in values} == {int, float}:
        return tuple(map(float, values))
    return tuple(values)


def _check_repeated(values: Sequence[Value], key: str) -> None:
    """Refuse values that results could not tell apart."""
    seen: set[Value] = set()
    for place, value in enumerate(values, 1):
        if value in seen or str(value) in seen:  # 1 and true, 0.0 and -0.0 are equal, 64 and "64" look alike
            raise ExplorationError(f"{key}.{place}={value!r}: given twice")
        seen |= {value, str(value)}

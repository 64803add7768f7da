"""Checks a parsed hardware file and says in one line what is wrong with it."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from pimsim.errors import HardwareError
from pimsim.hardware import schema
from pimsim.hardware.hardware import ANALOG, BIT_SERIAL, FORMAT

_UNITS = ("mhz", "ghz", "khz", "hz", "kib", "mib", "kb", "mb", "bytes", "bits", "cycles", "ns", "ps", "us", "k", "c")
_Path = tuple[str, ...]


def validated(content: Mapping[str, object], overrides: Mapping[str, object]) -> schema.File:
    """``content`` as a checked file; ``overrides`` only help to say where a value came from."""
    version = content.get("format", FORMAT)
    if version != FORMAT:
        raise HardwareError(f"format={version!r} is not supported, this version reads {FORMAT}")
    try:
        return schema.File.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False)
        chosen = min(details, key=_explains_least)
        message = _message(chosen, content, overrides)
    rest = len(details) - 1
    raise HardwareError(message + (f" (and {rest} more)" if rest else ""))


def check_value(key: str, value: object, *, given: Collection[str] = ()) -> None:
    """Refuse what no hardware file may say at a dotted key, whatever it says elsewhere; "" is the whole file.

    What other keys of a section may set right is let pass, and so are missing ones that are ``given`` otherwise.
    Raises HardwareError.
    """
    path = tuple(key.split(".")) if key else ()
    for depth in range(1, len(path) + 1):
        if not path[depth - 1] or not _adapters(path[:depth]):
            raise HardwareError(f"{'.'.join(path[:depth])}: unknown key{_hint(path[:depth], {})}")
    found = [_wrong(adapter, path, value, given) for adapter in _adapters(path)]
    if all(found):
        raise HardwareError("; or ".join(dict.fromkeys(found)))


def check_key(content: Mapping[str, object], key: str) -> None:
    """Refuse a dotted key for which a file has no section, or one of another style.  Raises HardwareError."""
    path = tuple(key.split("."))
    engines = content.get("engines")
    if path[0] == "engines" and len(path) > 2 and isinstance(engines, Mapping) and engines.get(path[1]) is None:
        raise HardwareError(f"{key}: the file has no section engines.{path[1]}")
    models = _of_style(_sections(path[:-1], content), path[:-1], content)
    if models and not any(path[-1] in model.model_fields for model in models):
        raise HardwareError(f"{key}: unknown key{_hint(path, content)}")


def is_value(key: str) -> bool:
    """Whether a dotted key is one of the format that holds a value and not a section."""
    path = tuple(key.split("."))
    return bool(_adapters(path)) and not _sections(path, {}) and path != ("layers", "by_name")


def _wrong(adapter: TypeAdapter[Any], path: _Path, value: object, given: Collection[str]) -> str:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        for detail in sorted(error.errors(include_url=False), key=_explains_least):
            whole = (*path, *detail["loc"])
            fixed = detail["type"] == "missing" and ".".join(_plain_path(whole)) in given
            contradiction = detail["type"] == "value_error" and isinstance(detail["input"], Mapping)
            if not fixed and not contradiction:
                return _message({**detail, "loc": whole}, {}, {})
    return ""


def _explains_least(detail: Any) -> bool:
    """An unknown key explains a missing one, so it is told first."""
    return bool(detail["type"] != "extra_forbidden")


@lru_cache(maxsize=1024)
def _adapters(path: _Path) -> tuple[TypeAdapter[Any], ...]:
    """Of what may stand at a path: one, one per style, or none for an unknown key."""
    kinds: list[Any] = [schema.File]
    for part in path:
        kinds = [inner for kind in kinds for inner in _inner(kind, part)]
    return tuple(map(TypeAdapter, kinds))


def _inner(kind: Any, part: str) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(part)
        return [] if field is None else [Annotated[field.annotation, field]]
    if get_origin(kind) is dict:
        return [get_args(kind)[1]]
    return [inner for option in get_args(kind) for inner in _inner(option, part)]


def _message(detail: Any, content: Mapping[str, object], overrides: Mapping[str, object]) -> str:
    path, value = _plain_path(detail["loc"]), detail["input"]
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "union_tag_invalid":
        path, value = (*path, "style"), context["tag"]
    dotted = ".".join(path)
    source = "".join(f" (set by override {key})" for key in overrides if f"{dotted}.".startswith(f"{key}."))
    if kind == "extra_forbidden":
        return f"{dotted}: unknown key{_hint(path, content)}{source}"
    if kind == "union_tag_not_found":
        return f"{dotted}.style: required but missing"
    if kind == "missing":
        return f"{dotted}: required but missing"
    if kind == "value_error":  # of one value, or of a section that names its keys itself
        where = f"{dotted}={_shown(value)}: " if not isinstance(value, Mapping) else f"{dotted}: " if dotted else ""
        return f"{where}{context['error']}{source}"
    return f"{dotted}={_shown(value)}: {_limit(kind, context, path, value, detail['msg'])}{source}"


def _plain_path(loc: tuple[int | str, ...]) -> _Path:
    """Key path without the marks that pydantic adds for the branch of a union it tried."""
    branches = {BIT_SERIAL, ANALOG, "float", "constrained-float", "[key]"}
    return tuple(str(part) for part in loc if not (isinstance(part, str) and _is_branch(part, branches)))


def _is_branch(part: str, branches: set[str]) -> bool:
    return part in branches or part.startswith(("literal[", "function-"))


def _limit(kind: str, context: Mapping[str, Any], path: _Path, value: object, fallback: str) -> str:
    key = path[-1] if path else ""
    bounds = {
        "greater_than": ("must be above", "gt"),
        "greater_than_equal": ("must be at least", "ge"),
        "less_than_equal": ("must be at most", "le"),
        "string_too_long": ("longer than the limit of", "max_length"),
        "string_too_short": ("shorter than the limit of", "min_length"),
    }
    if kind in bounds:
        words, name = bounds[kind]
        return f"{words} {context[name]:.15g}"
    if kind in ("literal_error", "union_tag_invalid"):
        return f"must be one of {context.get('expected') or context['expected_tags']}"
    if kind in ("int_type", "float_type", "finite_number") and isinstance(value, str):
        unit = next((u for u in _UNITS if key.endswith(f"_{u}")), "")
        return "must be a plain number" + (f", the unit is {_spelled(unit)}" if unit else "")
    types = {
        "int_type": "must be a whole number",
        "float_type": "must be a number",
        "finite_number": "must be a finite number",
        "bool_type": "must be true or false",
        "string_type": "must be text",
        "model_type": "must be a section with keys",
        "model_attributes_type": "must be a section with keys",
        "dict_type": "must be a section with keys",
        "string_pattern_mismatch": "may hold letters, digits, dots, dashes and underscores only",
    }
    return types.get(kind, fallback.lower())


def _spelled(unit: str) -> str:
    return {"mhz": "MHz", "kib": "KiB", "k": "kelvin"}.get(unit, unit)


def _shown(value: object) -> str:
    return reprlib.repr(value)  # bounded, also for values that alias themselves a billion times


def _hint(path: _Path, content: Mapping[str, object]) -> str:
    """What the writer may have meant: another style's key, the quantity in the right unit, a similar spelling."""
    sections = _sections(path[:-1], content)
    for model in sections:
        if path[-1] in model.model_fields:
            return f'; a key of style="{_style(model)}"'
    known = [name for model in _of_style(sections, path[:-1], content) for name in model.model_fields]
    stem, _, unit = path[-1].lower().rpartition("_")
    if unit in _UNITS:
        for name in known:
            if name.rpartition("_")[0] == stem:
                return f'; this quantity is given as "{name}"'
    close = get_close_matches(path[-1], known, n=1, cutoff=0.5)
    listed = f" (known here: {', '.join(known)})" if known else ""
    return f'; did you mean "{close[0]}"?' if close else listed


def _sections(path: _Path, content: Mapping[str, object]) -> list[type[BaseModel]]:
    """What may stand at ``path``: one section, or one per style."""
    models: list[type[BaseModel]] = [schema.File]
    for depth, part in enumerate(path):
        models = _of_style(models, path[:depth], content)
        models = [inner for model in models if part in model.model_fields for inner in _models(model, part)]
    return models


def _of_style(models: list[type[BaseModel]], path: _Path, content: Mapping[str, object]) -> list[type[BaseModel]]:
    """Those of the style that the section at ``path`` names."""
    raw: object = content
    for part in path:
        raw = raw.get(part) if isinstance(raw, Mapping) else None
    if len(models) < 2 or not isinstance(raw, Mapping):
        return models
    return [model for model in models if raw.get("style") == _style(model)]


def _style(model: type[BaseModel]) -> object:
    return get_args(model.model_fields["style"].annotation)[0]


def _models(model: type[BaseModel], field: str) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    stack: list[Any] = [model.model_fields[field].annotation]
    while stack:
        kind = stack.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found.append(kind)
        stack.extend(get_args(kind))
    return found

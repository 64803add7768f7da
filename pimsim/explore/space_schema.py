"""The file of a design space as pydantic sees it: keys and types.  Used at the file's edge only."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pimsim.errors import ExplorationError
from pimsim.explore.metrics import DEFAULT_OBJECTIVES

FORMAT = 1
MAX_AXES = 100
MAX_PARTS = 1_000_000
"""Values and sections of one file, aliases followed: far more than anyone writes by hand."""
MAX_DEPTH = 20
MAX_WHOLE = 2**63

_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _as_inputs(value: object) -> object:
    return value if isinstance(value, dict | None) else _as_list(value)


def _as_axis(value: object) -> object:
    return {"values": value} if isinstance(value, list) else value


def _as_number(value: object) -> object:
    """YAML 1.1 reads 1e6, without a point and a sign, as text."""
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


def _number(value: object) -> object:
    found = _as_number(value)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError("must be a number")
    return found


def _step(value: object) -> object:
    return _above(value, 0)


def _base(value: object) -> object:
    return _above(value, 1)


def _above(value: object, limit: int) -> object:
    found = _number(value)
    if not isinstance(found, int | float) or found <= limit:
        raise ValueError(f"must be above {limit}")
    return found


def _scalar(value: object) -> object:
    if value is None:
        raise ValueError("an empty value; text as none or auto is written out, a number as it is")
    if isinstance(value, list | dict):
        raise ValueError("must be a number, text, true or false; sections are for choices")
    return _as_number(value)


def _no_steps(value: object) -> object:
    return "none" if value is None else value


_PRINTED = r"^[^\x00-\x1f\x7f]+$"
_UNBROKEN = r"^[^\s:=,;\"']+$"
Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=_PRINTED)]
Number = Annotated[Any, BeforeValidator(_number)]
Scalar = Annotated[Any, BeforeValidator(_scalar)]
Scalars = Annotated[list[Scalar], Field(min_length=1), BeforeValidator(_as_list)]
Texts = Annotated[list[Text], Field(min_length=1), BeforeValidator(_as_list)]
Inputs = Annotated[list[Text], Field(min_length=1)] | dict[Text, Text] | None
Ends = Annotated[list[Number], Field(min_length=2, max_length=2)]
Setting = Annotated[object, BeforeValidator(_as_number)]
Settings = Annotated[dict[Text, Setting], Field(min_length=1)]
AxisName = Annotated[str, Field(min_length=1, max_length=100, pattern=_UNBROKEN)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Axis(_Section):
    values: Annotated[list[Scalar], Field(min_length=1)] | None = None
    range: Ends | None = None
    log: Ends | None = None
    choices: Annotated[dict[Text, Annotated[dict[Text, object], Field(min_length=1)]], Field(min_length=1)] | None = (
        None
    )
    step: Annotated[Any, BeforeValidator(_step)] = None
    count: Annotated[int, Field(ge=2)] | None = None
    base: Annotated[Any, BeforeValidator(_base)] = None
    steps: Annotated[Literal["none"] | None, BeforeValidator(_no_steps)] = None
    paths: Texts | None = None
    when: Annotated[dict[Text, Scalars], Field(min_length=1)] | None = None


class File(_Section):
    format: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
    description: Annotated[str, Field(max_length=2000)] = ""
    hardware: Texts
    models: Texts
    inputs: Annotated[Inputs, BeforeValidator(_as_inputs)] = None
    samples: Annotated[int, Field(ge=1)] | None = None
    set: dict[Text, Setting] = {}
    axes: Annotated[dict[AxisName, Annotated[Axis, BeforeValidator(_as_axis)]], Field(max_length=MAX_AXES)] = {}
    constraints: Annotated[list[Text], BeforeValidator(_as_list)] = []
    objectives: Texts = [*DEFAULT_OBJECTIVES]


def checked(raw: object) -> File:
    """Parsed content as a checked file.  Raises ExplorationError with key path, value and limit."""
    _check_plain(raw)
    if not isinstance(raw, Mapping):
        raise ExplorationError(f"expected sections with keys, found {type(raw).__name__}")
    version = raw.get("format", FORMAT)
    if version != FORMAT or isinstance(version, bool):
        raise ExplorationError(f"format={reprlib.repr(version)} is not supported, this version reads {FORMAT}")
    try:
        return File.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
    # An unknown key explains a missing one, so it is told first.
    chosen = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    rest = len({tuple(_path(detail)) for detail in details}) - 1
    raise ExplorationError(_message(chosen) + (f" (and {rest} more)" if rest else ""))


def _check_plain(raw: object) -> None:
    """Refuse what is not plain, or is far larger with its aliases followed than as text."""
    stack, parts = [(raw, "", 0)], 0
    while stack:
        value, path, depth = stack.pop()
        parts += 1
        if parts > MAX_PARTS or depth > MAX_DEPTH:
            raise ExplorationError(f"more than {MAX_PARTS} values, or sections more than {MAX_DEPTH} deep")
        inner = f"{path}." if path else ""
        if isinstance(value, dict):
            stack += [(item, f"{inner}{key}", depth + 1) for key, item in value.items()]
        elif isinstance(value, list):
            stack += [(item, f"{inner}{place}", depth + 1) for place, item in enumerate(value, 1)]
        elif isinstance(value, float) and not isfinite(value):
            raise ExplorationError(f"{path}={value}: must be a finite number")
        elif isinstance(value, int) and abs(value) > MAX_WHOLE:
            raise ExplorationError(f"{path}: a whole number beyond 2^63")
        elif not isinstance(value, bool | int | float | str | None):
            raise ExplorationError(f"{path}={value}: a {type(value).__name__}; quote it if it is meant as text")


_LIMITS = {
    "greater_than": ("must be above {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than_equal": ("must be at most {}", "le"),
    "string_too_long": ("longer than the limit of {}", "max_length"),
    "too_long": ("has more than the limit of {}", "max_length"),
    "too_short": ("must have {} at least", "min_length"),
    "literal_error": ("must be {}", "expected"),
}
_TYPES = {
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text; quote it if it is meant so",
    "model_type": "must be a list of values, or a section with keys",
    "model_attributes_type": "must be a list of values, or a section with keys",
    "dict_type": "must be a section with keys",
    "list_type": "must be a list",
}
_PATTERNS = {
    _PRINTED: "may hold no line breaks and control characters",
    _UNBROKEN: "may hold no spaces, quotes, colons, commas and equals signs",
}
_BRANCHES = ("list[", "dict[", "function-", "constrained-", "literal[")


def _message(detail: Any) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    parts = _path(detail)
    path = ".".join(parts)
    if kind == "missing":
        return f"{path}: required but missing"
    if kind == "extra_forbidden":
        known = list((Axis if len(parts) > 1 else File).model_fields)
        close = get_close_matches(parts[-1], known, n=1, cutoff=0.5)
        return f"{path}: unknown key" + (f'; did you mean "{close[0]}"?' if close else f" (known: {', '.join(known)})")
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        text = words.format(context[name])
    elif kind == "string_pattern_mismatch":
        text = _PATTERNS.get(context["pattern"], "may hold letters, digits, dots, dashes and underscores only")
    else:
        text = str(context["error"]) if kind == "value_error" else _TYPES.get(kind, detail["msg"].lower())
    return f"{path}={reprlib.repr(value)}: {text}"


def _path(detail: Any) -> list[str]:
    """Keys, and places in lists from 1."""
    parts = [str(part + 1 if isinstance(part, int) else part) for part in detail["loc"] if not _is_branch(part)]
    return [part if part.isprintable() else repr(part) for part in parts]


def _is_branch(part: int | str) -> bool:
    """Marks that pydantic adds for the branch of a union that it tried."""
    return part in ("int", "float", "[key]") or (isinstance(part, str) and part.startswith(_BRANCHES))

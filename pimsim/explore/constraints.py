"""Conditions on a point, written as comparisons: ``engines.pim.rows * engines.pim.columns <= 65536``.

Nothing of the text is executed as Python: it is parsed, and what is not on a short list is refused.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from keyword import iskeyword
from typing import Any

from pimsim.errors import ExplorationError
from pimsim.explore.metrics import parse_objective
from pimsim.explore.point import Cell

MAX_LENGTH, MAX_DEPTH = 1000, 50

_Values = tuple[Cell, ...]
_Code = Callable[[_Values], Any]

_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|(?<![\w.])[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)*(?![\w.:]|\s*\()""")
_BOOLEANS = {"true": "True", "false": "False"}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "abs": abs}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,  # of floats, so that no power takes long
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Undecided(Exception):
    """Values with which a constraint can be neither true nor false."""


@dataclass(frozen=True)
class Constraint:
    """A comparison that a point has to meet.

    text    as it was written
    names   parameters and columns that it reads, in the order of its places ``_0``, ``_1`` …
    metric  per name, whether it is a column of results, which is known after evaluation only
    code    the text with places for names
    """

    text: str
    names: tuple[str, ...]
    metric: tuple[bool, ...]
    code: str

    @property
    def metric_columns(self) -> tuple[str, ...]:
        return tuple(name for name, metric in zip(self.names, self.metric, strict=True) if metric)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Keys of the hardware file, and axes."""
        return tuple(name for name, metric in zip(self.names, self.metric, strict=True) if not metric)

    def read(self, values: Mapping[str, Cell]) -> tuple[Cell, ...]:
        """What stands at its places; None for what is not known."""
        return tuple(values.get(name) for name in self.names)

    def holds(self, values: Mapping[str, Cell]) -> bool:
        """Whether a point meets it; one that lacks a parameter, for want of the engine or axis, does."""
        return self.violation(values) is None

    def violation(self, values: Mapping[str, Cell]) -> str | None:
        """Why a point does not meet it, with the values that were read; None where it does."""
        if any(name not in values for name in self.parameters):
            return None
        read = self.read(values)
        unknown = [column for column in self.metric_columns if values.get(column) is None]
        if unknown:
            return f"{unknown[0]} is not known: violates {self.text}"
        why = ""
        try:
            if _compiled(self.code)(read):
                return None
        except (Undecided, ArithmeticError, ValueError) as error:
            why = f" ({' '.join(str(error).split())})"
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in zip(self.names, read, strict=True))
        return f"{shown}: violates {self.text}{why}"


def parse_constraint(text: str, known: Callable[[str], bool]) -> Constraint:
    """A comparison of parameters, for which ``known`` is true, metrics as in `parse_objective`, numbers and text.

    Raises ExplorationError.
    """
    text = " ".join(text.split())
    try:
        if len(text) > MAX_LENGTH or not text.isprintable():
            raise ExplorationError(f"longer than {MAX_LENGTH} characters, or not only printed ones")
        names: dict[str, bool] = {}
        code = _TOKEN.sub(lambda match: _place(match[0], names, known), text)
        _compiled(code)
    except ExplorationError as error:
        raise ExplorationError(f"constraint {_quoted(text)}: {error}") from None
    if not names:
        raise ExplorationError(f"constraint {_quoted(text)}: names nothing of a point, so all or none would meet it")
    return Constraint(text, tuple(names), tuple(names.values()), code)


def _quoted(text: str) -> str:
    shown = text if text.isprintable() else ascii(text)
    return f'"{shown[:100]}"'


def _place(token: str, names: dict[str, bool], known: Callable[[str], bool]) -> str:
    if token[0] in "'\"" or token in _BOOLEANS or iskeyword(token):
        return _BOOLEANS.get(token, token)
    name, metric = token, False
    if not known(token):
        try:
            name, metric = parse_objective(token).column, True
        except ExplorationError as error:
            raise ExplorationError(f'"{token}" is no key and no axis{_hint(str(error))}; text is quoted') from None
    names.setdefault(name, metric)
    return f"_{list(names).index(name)}"


def _hint(error: str) -> str:
    """What `parse_objective` has to say of a name that is nearly a metric."""
    return " and no metric" if "(known: " in error else f" ({error.partition(': ')[2]})"


@lru_cache(maxsize=256)
def _compiled(code: str) -> _Code:
    try:
        body = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExplorationError("not a comparison as in: engines.pim.rows * 2 <= 512") from None
    if not isinstance(body, ast.Compare | ast.BoolOp) and not _negates(body):
        raise ExplorationError("not a comparison; one has <, <=, ==, !=, >= or >")
    return _built(body, MAX_DEPTH)


@lru_cache(maxsize=256)
def side(code: str) -> _Code:
    """One side of a comparison of a checked constraint, to be called with what stands at its places."""
    return _built(ast.parse(code, mode="eval").body, MAX_DEPTH)


def _negates(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _built(node: ast.expr, depth: int) -> _Code:
    if not depth:
        raise ExplorationError(f"nested more than {MAX_DEPTH} deep")
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return lambda _: value
        case ast.Name(id=name) if name[1:].isdigit():
            return operator.itemgetter(int(name[1:]))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _arithmetic(_ARITHMETIC[type(op)], _built(left, depth - 1), _built(right, depth - 1))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _arithmetic(operator.sub, lambda _: 0, _built(operand, depth - 1))
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as parts, keywords=[]) if name in _FUNCTIONS:
            return _called(_FUNCTIONS[name], [_built(part, depth - 1) for part in parts])
        case ast.Compare(left=left, ops=ops, comparators=parts) if all(type(op) in _COMPARISONS for op in ops):
            return _chain([_COMPARISONS[type(op)] for op in ops], [_built(part, depth - 1) for part in (left, *parts)])
    return _logic(node, depth)


def _logic(node: ast.expr, depth: int) -> _Code:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            part = _built(operand, depth - 1)
            return lambda values: not part(values)
        case ast.BoolOp(op=op, values=operands):
            parts = [_built(operand, depth - 1) for operand in operands]
            combine = all if isinstance(op, ast.And) else any
            return lambda values: combine(part(values) for part in parts)
    raise ExplorationError(f"not something to compare; {_KNOWN}")


_KNOWN = "known are + - * / // % **, comparisons, and, or, not, min, max, abs"


def _arithmetic(operation: Callable[[Any, Any], Any], left: _Code, right: _Code) -> _Code:
    return lambda values: operation(_number(left(values)), _number(right(values)))


def _called(function: Callable[..., Any], parts: list[_Code]) -> _Code:
    if function is abs:
        if len(parts) != 1:
            raise ExplorationError("abs takes one value")
        return lambda values: abs(_number(parts[0](values)))
    return lambda values: function([_number(part(values)) for part in parts])


def _chain(operations: list[Callable[[Any, Any], bool]], parts: list[_Code]) -> _Code:
    def holds(values: _Values) -> bool:
        found = [part(values) for part in parts]
        return all(_compared(operation, found[place], found[place + 1]) for place, operation in enumerate(operations))

    return holds


def _compared(operation: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    if operation not in (operator.eq, operator.ne):
        left, right = _number(left), _number(right)
    return operation(left, right)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Undecided(f'"{value}" is not a number')
    return value


def _shown(value: Cell) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)

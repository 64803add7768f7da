"""By how much a point misses a constraint, for searches that are to come nearer to what is allowed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from itertools import pairwise
from math import isfinite

from pimsim.explore.constraints import Constraint, Undecided, side
from pimsim.explore.point import Cell

UNKNOWN = 1.0
"""Where a constraint is missed and no distance can be told: as far as nothing is from all."""

_Read = tuple[Cell, ...]
_BELOW, _ABOVE = (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)


def excess(constraint: Constraint, values: Mapping[str, Cell]) -> float:
    """0 where a point meets it, above 0 where not: what is missing as a share of the larger side.

    ``area <= 3e6`` is missed by 0.25 at an area of 4e6.  Of parts joined by ``and`` all count, of ``or`` the nearest.
    """
    if constraint.holds(values):
        return 0.0
    try:
        found = _missed(ast.parse(constraint.code.strip(), mode="eval").body, constraint.read(values))
    except (Undecided, ArithmeticError, TypeError, ValueError):
        return UNKNOWN
    # a limit itself is missed by nothing where it is not allowed
    return found if isfinite(found) and found > 0 else UNKNOWN


def _missed(node: ast.expr, read: _Read) -> float:
    match node:
        case ast.BoolOp(op=op, values=parts):
            found = [_missed(part, read) for part in parts]
            return sum(found) if isinstance(op, ast.And) else min(found)
        case ast.Compare(left=left, ops=ops, comparators=parts):
            sides = [side(ast.unparse(part))(read) for part in (left, *parts)]
            return sum(_short(op, *pair) for op, pair in zip(ops, pairwise(sides), strict=True))
    return UNKNOWN


def _short(op: ast.cmpop, left: float, right: float) -> float:
    if isinstance(op, _BELOW + _ABOVE):
        missing = left - right if isinstance(op, _BELOW) else right - left
        return max(missing, 0.0) / (max(abs(left), abs(right)) or 1.0)
    return float(left != right) if isinstance(op, ast.Eq) else float(left == right)

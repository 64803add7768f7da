"""Small constant tables: ordinary logic, not memories."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Value, unsigned


def lookup(values: Sequence[int], index: Value) -> Value:
    """Entry ``index`` of a table of values that are not negative, in as many bits as its largest needs, at least 1.

    An index behind the last entry, which no user gives, has the last one.
    """
    shape = unsigned(max(1, max(values).bit_length()))
    if len(set(values)) == 1:
        return Const(values[0], shape)
    return Array(Const(value, shape) for value in values)[index]

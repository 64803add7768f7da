"""The front by its definition: every row against every other."""

from __future__ import annotations

from collections.abc import Sequence


def naive_front(rows: Sequence[Sequence[float]]) -> list[bool]:
    """Rows that no other beats; one with NaN is not on the front and beats none."""
    return [known(row) and not any(known(other) and beats(other, row) for other in rows) for row in rows]


def known(row: Sequence[float]) -> bool:
    return all(value == value for value in row)


def beats(other: Sequence[float], row: Sequence[float]) -> bool:
    """Nowhere larger and somewhere smaller."""
    pairs = list(zip(other, row, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

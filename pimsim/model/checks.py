"""Checks of single values; each failure is one line with the key, the value and the limit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError


@contextmanager
def inside(where: str, *, unless_there: bool = False) -> Iterator[None]:
    """Puts ``where`` in front of the message of a `ModelError` raised in the block.

    With ``unless_there`` a message that opens with it already stays as it is.
    """
    try:
        yield
    except ModelError as problem:
        if unless_there and str(problem).startswith(where):
            raise
        raise ModelError(f"{where}: {problem}") from None


def integer(key: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise ModelError(f"{key}={value!r} is not an integer")
    if not low <= value <= high:
        allowed = f"must be {low}" if low == high else f"is outside {low} … {high}"
        raise ModelError(f"{key}={value} {allowed}")


def choice(key: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ModelError(f"{key}={value!r} is not one of {', '.join(allowed)}")


def positive(key: str, value: float) -> None:
    if not math.isfinite(value) or value <= 0:
        raise ModelError(f"{key}={value} must be a finite number above 0")


def finite_floats(key: str, values: npt.NDArray[Any], *, positive: bool = False) -> None:
    """A non-empty vector or matrix of finite floats, above zero where ``positive``."""
    if values.ndim not in (1, 2) or values.size == 0 or values.dtype.kind != "f":
        expected = "a non-empty vector or matrix of floats"
        raise ModelError(f"{key}: expected {expected}, got {values.dtype} of shape {values.shape}")
    bad = ~np.isfinite(values) | (values <= 0 if positive else False)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        limit = "finite and above 0" if positive else "finite"
        raise ModelError(f"{key}{list(index)}={values[index]} must be {limit}")


def codes(key: str, values: npt.NDArray[Any], shape: tuple[int, ...], limits: tuple[int, int]) -> None:
    """An integer array of exactly ``shape`` with every value inside ``limits``."""
    if values.dtype.kind not in "iu":
        raise ModelError(f"{key}: expected integers, got {values.dtype}")
    if values.shape != shape:
        raise ModelError(f"{key}: expected shape {shape}, got {values.shape}")
    low, high = limits
    smallest, largest = int(values.min()), int(values.max())
    if smallest < low or largest > high:
        wrong = smallest if smallest < low else largest
        index = tuple(int(i) for i in np.argwhere(values == wrong)[0])
        raise ModelError(f"{key}{list(index)}={wrong} is outside {low} … {high}")

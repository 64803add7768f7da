"""IMAC's analog product as simulated at circuit level, and its published model of accuracy.

Source: IMAC (arXiv 2003.12558), 65 nm circuit simulation of the product of a 4-bit weight code and a 4-bit
input code, nominal and as the mean over a Monte-Carlo run.  One product LSB is 1.659 mV, the slope of the
nominal volts over the product of the codes.  Coefficients are a least-squares fit over all 256 pairs of
codes; docs/crossbar-numerics.md states its residuals.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from pimsim.model.macro import IMAC_MEAN, IMAC_NOMINAL

FloatArray = npt.NDArray[np.float64]

TRANSFER = {
    IMAC_NOMINAL: (
        (-0.0289, -0.0008, 0.0367),
        (-0.0102, 0.8495, 0.0225),
        (0.0175, -0.1632, 0.3201),
    ),
    IMAC_MEAN: (
        (-0.0292, 0.0373, 0.0493),
        (-0.0106, 0.9304, -0.0157),
        (0.0214, -0.2183, 0.4355),
    ),
}
"""Row i, column j: coefficient of u^i v^j, in products of the two largest codes."""

PRODUCTS_PER_CONVERSION, LEVELS_PER_CONVERSION = 10, 15
"""Ten products gather before a 4-bit conversion (arXiv 2003.12558)."""
ERROR_SIGMA_LEVELS = 0.6
"""Deviation of one conversion's error in levels (arXiv 2003.12558, accuracy model)."""


def transfer(name: str, u: FloatArray, v: FloatArray) -> FloatArray:
    """Product of weight ``u`` and input ``v``, both in units of their largest code.

    Horner's rule in u over Horner's rule in v, in float64.
    """
    result = np.zeros(np.broadcast_shapes(u.shape, v.shape))
    for row in reversed(TRANSFER[name]):
        inner = np.zeros(v.shape)
        for coefficient in reversed(row):
            inner = inner * v + coefficient
        result = result * u + inner
    return result


def levels(fan_in: int) -> int:
    """Levels of a sum of ``fan_in`` products on either side of zero."""
    return max(1, LEVELS_PER_CONVERSION * fan_in // PRODUCTS_PER_CONVERSION)


def error_sigma_levels(fan_in: int) -> float:
    """Deviation of an output's error: as many independent conversions add up as its products need."""
    return ERROR_SIGMA_LEVELS * sqrt(fan_in / PRODUCTS_PER_CONVERSION)

"""How alike two figures order the same rows: 1 the same order, −1 the reverse, None where one of them has no order."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

Figures = NDArray[np.float64]


def spearman(first: Figures, second: Figures) -> float | None:
    """Correlation of the ranks; equal figures share the mean of theirs."""
    ranks = [_mean_ranks(figures) - (len(figures) + 1) / 2 for figures in (first, second)]
    size = sqrt(float(ranks[0] @ ranks[0]) * float(ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1]) / size if size else None


def kendall(first: Figures, second: Figures) -> float | None:
    """τ-b: pairs of rows in the same order less those in reverse, over the pairs that have an order."""
    pairs = _pairs(np.array([len(first)]))
    tied_first, tied_second, tied_both = _ties(first), _ties(second), _ties(first, second)
    reverse = _inversions(second[np.lexsort((second, first))])
    same = pairs - tied_first - tied_second + tied_both - reverse
    ordered = (pairs - tied_first) * (pairs - tied_second)
    return (same - reverse) / sqrt(ordered) if ordered else None


def _mean_ranks(figures: Figures) -> Figures:
    _, place, count = np.unique(figures, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def _pairs(counts: NDArray[np.int64]) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _ties(*columns: Figures) -> int:
    """Pairs of rows that are equal in all columns."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        _, codes = np.unique(codes * len(values) + place, return_inverse=True)
    return _pairs(np.bincount(codes))


def _inversions(figures: Figures) -> int:
    """Pairs with the larger figure first.

    Bit by bit from the highest: among rows alike in all higher bits, which stand together, each 0 has as many
    larger ones in front of it as there are 1s.
    """
    values, ranks = np.unique(figures, return_inverse=True)
    count = 0
    for bit in reversed(range(len(values).bit_length())):
        ones = (ranks >> bit) & 1
        before = np.cumsum(ones) - ones
        higher = ranks >> (bit + 1)
        starts = np.flatnonzero(np.diff(higher, prepend=-1))
        inside = before - np.repeat(before[starts], np.diff(starts, append=len(ranks)))
        count += int(inside[ones == 0].sum())
        ranks = ranks[np.argsort(ranks >> bit, kind="stable")]
    return count

"""Spatially disjoint training pixels: blocks of a scene, chosen so that every class gets its share.

A grid of blocks is laid over the labels at a place that the seed chooses.  Where a block holds over a third of a
class it is halved, again and again, so that small fields are divided as well.  `BlockSearch` then chooses the blocks
that train; the best of several such starts is taken.

Everything is counted in integers and drawn from raw bits, so that a seed gives the same pixels on every platform.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pimsim.scenes.block_search import Block, BlockSearch
from pimsim.scenes.neighbourhood import BoolMap

#: a block is halved while it holds more than one part in this many of a class
PARTS = 3
#: pixels in the windows of all blocks of all starts together, and how many starts there are at least and at most
PIXELS, STARTS = 2_300_000, (2, 16)
#: 24 pixels become 6; parts smaller than the guard would change nothing but the guard
QUARTERINGS = 2


def block_training(
    labels: npt.NDArray[np.integer], *, train_fraction: float, seed: int, block: int, guard: int
) -> BoolMap:
    """Map (H, W) of the labelled pixels that train; test is meant to be what lies over ``guard`` pixels off them.

    labels (H, W), 0 is unlabelled; block: side of a grid square in pixels.  A class of which no two pixels are over
    ``guard`` rows or columns apart cannot be on both sides: it trains as a whole.
    """
    ids = np.concatenate([[0], np.unique(labels[labels > 0])])
    classes = np.searchsorted(ids, labels)
    divisible = _divisible(classes, len(ids), guard)
    bits = np.random.PCG64(seed)
    starts = []
    for _ in range(_starts(labels.shape, block, guard)):
        search = BlockSearch(classes, divisible, guard, train_fraction)
        blocks = _blocks(classes, divisible, block, bits)
        search.draw(blocks, bits)
        search.descend(blocks, bits)
        starts.append((search, blocks))
    search, blocks = min(starts, key=lambda start: start[0].cost)
    for halvings in range(1, QUARTERINGS + 1):
        if block >> halvings < guard:
            break
        blocks = [quarter for whole in blocks for half in _halves(*whole) for quarter in _halves(*half)]
        search.descend(blocks, bits)
    return search.training


def _starts(shape: tuple[int, ...], block: int, guard: int) -> int:
    windows = shape[0] * shape[1] * (block + 2 * guard) ** 2
    return min(max(PIXELS * block**2 // windows, STARTS[0]), STARTS[1]) if windows else 1


def _divisible(classes: npt.NDArray[np.integer], count: int, guard: int) -> npt.NDArray[np.bool_]:
    """Per class whether two of its pixels lie over ``guard`` rows or columns apart; False for unlabelled."""
    places = (np.nonzero(classes == value) for value in range(1, count))
    return np.array([False, *(max(np.ptp(rows), np.ptp(columns)) > guard for rows, columns in places)])


def _blocks(
    classes: npt.NDArray[np.integer], divisible: npt.NDArray[np.bool_], block: int, bits: np.random.PCG64
) -> list[Block]:
    """Rectangles that hold every labelled pixel once: grid squares at a random place, halved where a class crowds."""
    pixels = np.bincount(classes.ravel(), minlength=len(divisible))
    rows, columns = (_cuts(length, block, int(bits.random_raw())) for length in classes.shape)
    waiting = [(top, bottom, left, right) for top, bottom in rows for left, right in columns]
    blocks = []
    while waiting:
        top, bottom, left, right = waiting.pop()
        held = np.bincount(classes[top:bottom, left:right].ravel(), minlength=len(divisible))
        if max(bottom - top, right - left) > 2 and ((held * PARTS > pixels) & divisible).any():
            waiting += _halves(top, bottom, left, right)
        elif held[1:].any():
            blocks.append((top, bottom, left, right))
    return blocks


def _cuts(length: int, block: int, offset: int) -> list[tuple[int, int]]:
    ends = sorted({0, length, *range(offset % block, length, block)})
    return list(pairwise(ends))


def _halves(top: int, bottom: int, left: int, right: int) -> list[Block]:
    """Two parts across the longer side; one of them is empty where that is a single pixel."""
    if bottom - top >= right - left:
        middle = (top + bottom) // 2
        return [(top, middle, left, right), (middle, bottom, left, right)]
    middle = (left + right) // 2
    return [(top, bottom, left, middle), (top, bottom, middle, right)]

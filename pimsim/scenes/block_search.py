"""Which blocks train: flips of one block at a time for as long as the cost falls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.scenes.neighbourhood import BoolMap, CountMap, count_near
from pimsim.scenes.stratified import training_count

Block = tuple[int, int, int, int]
Counts = npt.NDArray[np.int64]

#: weight of a missed training share, against 1 for what is lost of the test: two points off cost as much as eight lost
SHARE_WEIGHT = 16
#: resolution of the shares in the cost
SHARES = 1000
#: cost of a class that one side lacks: over what the shares of 255 classes can cost together
ABSENT = 10**10
#: rounds over all blocks; the cost has stopped falling long before
ROUNDS = 50
#: widest guard for which what a block adds around it is kept; of thousands of blocks, wider ones would fill gigabytes
KEPT_GUARD = 16


@dataclass(frozen=True, eq=False)
class _Piece:
    """A block's pixels and the counts that they add around them, on the window that they reach into."""

    window: tuple[slice, slice]
    pixels: BoolMap
    near: CountMap
    held: Counts


@dataclass(frozen=True, eq=False)
class _Flip:
    """What flipping a block leads to."""

    train: Counts
    test: Counts
    training: BoolMap
    near: CountMap


class BlockSearch:
    """Training pixels of one start, their cost, and how to lower it.

    cost = Σ over divisible classes  16 · ((training − wanted) / pixels)² + (lost / (pixels − training))²
    in integers, where ``lost`` pixels lie between the sides, and `ABSENT` for each class that has no training or no
    test pixel.  Squares: one class that loses all costs more than several that lose some.

    classes    (H, W) 0 unlabelled, then class 1 …
    divisible  per class whether it can be on both sides; the others train
    guard      test pixels lie over that many rows or columns off every training pixel
    """

    def __init__(
        self, classes: npt.NDArray[np.integer], divisible: npt.NDArray[np.bool_], guard: int, fraction: float
    ) -> None:
        self._guard, self._fraction, self._divisible = guard, fraction, divisible
        self._pixels = np.bincount(classes.ravel(), minlength=len(divisible))
        self._wanted = np.array([training_count(int(pixels), fraction) if pixels else 0 for pixels in self._pixels])
        # a margin all round, so that every window has its full size
        self._classes = np.pad(classes, guard)
        self._training: BoolMap = ~divisible[self._classes] & (self._classes > 0)
        self._near = count_near(self._training, guard)
        self._train = self._count(self._classes, self._training)
        self._test = self._count(self._classes, ~self._training & (self._near == 0))

    @property
    def training(self) -> BoolMap:
        """Map (H, W) of the training pixels."""
        height, width = self._classes.shape
        return self._training[self._guard : height - self._guard, self._guard : width - self._guard]

    @property
    def cost(self) -> int:
        return self._cost(self._train, self._test)

    def draw(self, blocks: list[Block], bits: np.random.PCG64) -> None:
        """Give blocks to training, each with the wanted share as its probability."""
        drawn = bits.random_raw(len(blocks)) < np.uint64(int(self._fraction * 2**53) << 11)
        for index in np.flatnonzero(drawn):
            piece = self._piece(blocks[index])
            self._take(piece, self._flip(piece, trains=False))

    def descend(self, blocks: list[Block], bits: np.random.PCG64) -> None:
        """Flip blocks, each wholly on one side before, in rounds of random order, until none lowers the cost."""
        blocks = [block for block in blocks if self._divisible[self._inside(block)].any()]
        kept = [self._piece(block) for block in blocks] if self._guard <= KEPT_GUARD else []
        for _ in range(ROUNDS):
            order = np.argsort(bits.random_raw(len(blocks)), kind="stable")
            if not self._round(kept[index] if kept else self._piece(blocks[index]) for index in order):
                return

    def _round(self, pieces: Iterable[_Piece]) -> bool:
        """Try every block once; whether any was flipped."""
        before = cost = self.cost
        for piece in pieces:
            flip = self._flip(piece, trains=bool(self._training[piece.window][piece.pixels][0]))
            changed = self._cost(flip.train, flip.test)
            if changed < cost:
                self._take(piece, flip)
                cost = changed
        return cost < before

    def _inside(self, block: Block) -> npt.NDArray[np.integer]:
        """Classes of a block's pixels."""
        top, bottom, left, right = (edge + self._guard for edge in block)
        return self._classes[top:bottom, left:right]

    def _piece(self, block: Block) -> _Piece:
        top, bottom, left, right = block
        window = slice(top, bottom + 2 * self._guard), slice(left, right + 2 * self._guard)
        classes = self._classes[window]
        pixels = np.zeros(classes.shape, bool)
        inner = slice(self._guard, self._guard + bottom - top), slice(self._guard, self._guard + right - left)
        pixels[inner] = self._divisible[self._inside(block)]
        return _Piece(window, pixels, count_near(pixels, self._guard), self._count(classes, pixels))

    def _flip(self, piece: _Piece, *, trains: bool) -> _Flip:
        window = piece.window
        classes, training, near = self._classes[window], self._training[window], self._near[window]
        after = training & ~piece.pixels if trains else training | piece.pixels
        near_after = near - piece.near if trains else near + piece.near
        lost = self._count(classes, ~training & (near == 0))
        gained = self._count(classes, ~after & (near_after == 0))
        train = self._train - piece.held if trains else self._train + piece.held
        return _Flip(train, self._test - lost + gained, after, near_after)

    def _take(self, piece: _Piece, flip: _Flip) -> None:
        self._train, self._test = flip.train, flip.test
        self._training[piece.window], self._near[piece.window] = flip.training, flip.near

    def _count(self, classes: npt.NDArray[np.integer], mask: BoolMap) -> Counts:
        """Set pixels of each class; 0 of the unlabelled."""
        counts = np.bincount(classes[mask], minlength=len(self._divisible))
        counts[0] = 0
        return counts

    def _cost(self, train: Counts, test: Counts) -> int:
        rated = self._divisible
        pixels, train, test, wanted = (part[rated] for part in (self._pixels, train, test, self._wanted))
        missed = SHARES * np.abs(train - wanted) // pixels
        lost = SHARES * (pixels - train - test) // np.maximum(pixels - train, 1)
        absent = int(np.count_nonzero((train == 0) | (test == 0)))
        return int((SHARE_WEIGHT * missed**2 + lost**2).sum()) + ABSENT * absent

"""How labelled pixels are parted into training and test: the settings, as recipes and provenance carry them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pimsim.errors import SceneError
from pimsim.scenes.split_file import SplitFile

RANDOM, BLOCKS, FILE = KINDS = ("random", "blocks", "file")
#: widest guard: twice what the largest patches need
GUARD_LIMIT = 128
#: keys by the kinds of split that they have an effect on
MEANT_FOR = {"block": (BLOCKS,), "guard": (BLOCKS, FILE), "train": (FILE,), "test": (FILE,)}
#: side of a block in pixels where none is given: about a field of Indian Pines
BLOCK = 24
#: share of a class that trains where none is given: the papers'
TRAIN_FRACTION = 0.4


@dataclass(frozen=True)
class Split:
    """One way of parting a scene, checked when it is made.

    kind            random: pixels drawn within each class; blocks: spatially disjoint blocks; file: published maps
    train_fraction  wanted share of each class, 0 … 1 exclusive (random, blocks)
    seed            from 0 (random, blocks)
    block           side of a block in pixels (blocks)
    guard           rows and columns that lie at least between a training and a test pixel; pixels in between are
                    used by neither.  None: as many as keep patches apart (blocks), 0 (file); random has none
    train, test     the maps (file); without ``test`` every labelled pixel that does not train is for test

    Raises SceneError that names key, value and limit.
    """

    kind: str = RANDOM
    train_fraction: float = TRAIN_FRACTION
    seed: int = 0
    block: int = BLOCK
    guard: int | None = None
    train: SplitFile | None = None
    test: SplitFile | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SceneError(f"split kind={self.kind!r} is none of {', '.join(KINDS)}")
        if not 0.0 < self.train_fraction < 1.0:
            raise SceneError(f"split train_fraction={self.train_fraction} is not between 0 and 1")
        for key, value, least in (("seed", self.seed, 0), ("block", self.block, 1), ("guard", self.guard, 0)):
            if value is not None and value < least:
                raise SceneError(f"split {key}={value} is below {least}")
        if self.guard is not None and self.guard > GUARD_LIMIT:
            raise SceneError(f"split guard={self.guard} is above {GUARD_LIMIT}")
        if self.kind == RANDOM and self.guard:
            raise SceneError(f"split guard={self.guard}: a random split has no guard, its pixels lie side by side")
        if (self.train is None) == (self.kind == FILE):
            problem = "needs the file of its training pixels, split.train" if self.kind == FILE else "has no files"
            raise SceneError(f"split kind={self.kind} {problem}")

    def resolve_guard(self, patch: int) -> int:
        """Rows and columns between the parts, for patches of ``patch`` × ``patch`` pixels.

        Patches of pixels ``patch`` rows apart do not touch, so ``patch − 1`` rows between them do; an even patch
        mirrored at the first row reaches one row further.
        """
        if self.guard is not None:
            return self.guard
        return patch - patch % 2 if self.kind == BLOCKS else 0

    def label(self, patch: int) -> str:
        """For tables: the kind, then what differs from its defaults for patches of ``patch`` × ``patch`` pixels."""
        if self.train is not None:
            return f"{FILE} {self.train.name}" + (f" guard {self.guard}" if self.guard else "")
        parts: list[tuple[str, float, float]] = [("fraction", self.train_fraction, TRAIN_FRACTION)]
        if self.kind == BLOCKS:
            own = replace(self, guard=None).resolve_guard(patch)
            parts += [("block", self.block, BLOCK), ("guard", self.resolve_guard(patch), own)]
        return " ".join([self.kind, *(f"{key} {value:g}" for key, value, default in parts if value != default)])

    @property
    def text(self) -> str:
        """The settings in a line of words."""
        if self.train is not None:
            named = self.train.name + (f" and {self.test.name}" if self.test else "")
            return named + (f", guard {self.guard}" if self.guard else "")
        drawn = f"seed {self.seed}, {self.train_fraction:g} for training"
        return drawn if self.kind == RANDOM else f"blocks of {self.block}, guard {self.guard}, {drawn}"

    def describe(self) -> dict[str, object]:
        """Every setting that this kind has, as JSON has it; `pimsim.scenes.trained.split_from` leads back."""
        if self.kind == FILE:
            files = {"train": self.train, "test": self.test}
            named = {key: {"name": file.name, "sha256": file.sha256} for key, file in files.items() if file}
            return {"kind": self.kind, "guard": self.guard, **named}
        drawn = {"kind": self.kind, "train_fraction": self.train_fraction, "seed": self.seed}
        return drawn | ({"block": self.block, "guard": self.guard} if self.kind == BLOCKS else {})


def chosen_split(
    kind: str,
    *,
    train_fraction: float = TRAIN_FRACTION,
    seed: int = 0,
    block: int | None = None,
    guard: int | None = None,
    train: str | None = None,
    test: str | None = None,
) -> Split:
    """A split from what a reader gives, files by name; None stands for what is not given.

    Raises SceneError for a key that the kind has no use for, and what `Split` raises.
    """
    given = {"block": block, "guard": guard, "train": train, "test": test}
    for key, kinds in MEANT_FOR.items():
        if given[key] is not None and kind not in kinds and kind in KINDS:
            raise SceneError(f"{key}: only a split of kind {' or '.join(kinds)} has it, this one is {kind}")
    drawn = {} if kind == FILE else {"train_fraction": train_fraction, "seed": seed}
    files = {key: SplitFile(name) for key, name in (("train", train), ("test", test)) if name is not None}
    return Split(kind, **drawn, block=BLOCK if block is None else block, guard=guard, **files)  # type: ignore[arg-type]

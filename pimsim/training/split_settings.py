"""The key ``split`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pimsim.scenes import Split, SplitFile
from pimsim.scenes.split import BLOCK, BLOCKS, FILE, RANDOM

#: keys by the kinds of split that they have an effect on
MEANT_FOR = {"seed": (RANDOM, BLOCKS), "block": (BLOCKS,), "guard": (BLOCKS, FILE), "train": (FILE,), "test": (FILE,)}


class SplitSettings(BaseModel):
    """How labelled pixels are parted, see `Split`; the kind alone may stand for the whole.

    ``seed`` is the recipe's where none is given, ``train`` and ``test`` are paths of published maps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["random", "blocks", "file"] = "random"
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    block: Annotated[int, Field(ge=1, le=10_000)] | None = None
    guard: Annotated[int, Field(ge=0, le=10_000)] | None = None
    train: Annotated[str, Field(min_length=1)] | None = None
    test: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_kind(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _meant(self) -> SplitSettings:
        for key, kinds in MEANT_FOR.items():
            if getattr(self, key) is not None and self.kind not in kinds:
                raise ValueError(f"{key}: only a split of kind {' or '.join(kinds)} has it, this one is {self.kind}")
        if self.kind == FILE and self.train is None:
            raise ValueError("a split of kind file needs train, the map of its training pixels")
        return self

    def split(self, train_fraction: float, seed: int) -> Split:
        """The split of a recipe with that share for training and that seed."""
        if self.kind == FILE and self.train is not None:
            test = None if self.test is None else SplitFile(self.test)
            return Split(FILE, guard=self.guard, train=SplitFile(self.train), test=test)
        return Split(
            self.kind,
            train_fraction,
            seed if self.seed is None else self.seed,
            block=BLOCK if self.block is None else self.block,
            guard=self.guard,
        )

"""The key ``split`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pimsim.scenes import Split, chosen_split
from pimsim.scenes.split import FILE, GUARD_LIMIT


class SplitSettings(BaseModel):
    """How labelled pixels are parted, see `Split`; the kind alone may stand for the whole.

    ``seed`` is the recipe's where none is given, ``train`` and ``test`` are paths of published maps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["random", "blocks", "file"] = "random"
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    block: Annotated[int, Field(ge=1, le=10_000)] | None = None
    guard: Annotated[int, Field(ge=0, le=GUARD_LIMIT)] | None = None
    train: Annotated[str, Field(min_length=1)] | None = None
    test: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_kind(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _possible(self) -> SplitSettings:
        if self.kind == FILE and self.seed is not None:
            raise ValueError("seed: a split of kind file draws nothing")
        self.split(train_fraction=0.5, seed=0)  # its SceneError is a ValueError, which pydantic reports
        return self

    def split(self, train_fraction: float, seed: int) -> Split:
        """The split of a recipe with that share for training and that seed."""
        return chosen_split(
            self.kind,
            train_fraction=train_fraction,
            seed=seed if self.seed is None else self.seed,
            block=self.block,
            guard=self.guard,
            train=self.train,
            test=self.test,
        )

"""Everything that decides a training run, as one validated value read from YAML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pimsim.errors import MissingFileError, TrainingError
from pimsim.scenes import Split
from pimsim.training.split_settings import SplitSettings

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Rate = Annotated[float, Field(gt=0.0, le=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Stage(_Strict):
    """Optimizer settings of one stage: AdamW, one-cycle learning rate."""

    epochs: Positive
    batch: Positive
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    warmup: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    augment: bool = True


class SpikingStage(Stage):
    """Q-STDB; the last ``exact_epochs`` run in float32, the ones before in bfloat16."""

    exact_epochs: Annotated[int, Field(ge=0)] = 0


class QuantizedStage(Stage):
    """Quantization-aware training of the CNN: unsigned activations of ``activation_bits``, clipped where is learned.

    The clips start at a ``percentile`` of each layer's activations over one batch of ``calibration`` samples;
    the last ``exact_epochs`` run in float32, the ones before in bfloat16.
    """

    activation_bits: Annotated[int, Field(ge=1, le=8)] = 6
    calibration: Positive = 50
    percentile: Annotated[float, Field(gt=0.0, le=100.0)] = 99.7
    exact_epochs: Annotated[int, Field(ge=0)] = 0


class Conversion(_Strict):
    """ANN → SNN conversion: one batch, percentile of the input currents, factor on the thresholds."""

    batch: Positive = 50
    steps: Positive = 100
    percentile: Annotated[float, Field(gt=0.0, le=100.0)] = 99.7
    factor: Annotated[float, Field(gt=0.0, le=10.0)] = 0.8


#: settings that a CNN has no use for
SPIKING_ONLY = ("time_steps", "leak_fraction_bits", "conversion")


class Recipe(_Strict):
    """A training run from a scene to an exported network; units: epochs, samples, bits, deviations.

    With ``qstdb`` it ends in a spiking network, with ``qat`` in a CNN.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    network: Literal["cnn3d", "cnn32h"]
    scene: str
    patch: Annotated[int, Field(ge=1, le=63)] = 5
    split: SplitSettings = SplitSettings()
    train_fraction: Fraction = 0.4
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    weight_bits: Annotated[int, Field(ge=2, le=8)] = 6
    input_bits: Annotated[int, Field(ge=1, le=8)] = 6
    input_clip: Annotated[float, Field(gt=0.0, le=100.0)] = 4.0
    scheme: Literal["affine", "scale"] = "affine"
    time_steps: Annotated[int, Field(ge=1, le=1000)] = 5
    leak_fraction_bits: Annotated[int, Field(ge=1, le=16)] = 8
    ann: Stage
    conversion: Conversion = Conversion()
    qstdb: SpikingStage | None = None
    qat: QuantizedStage | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Recipe:
        if (self.qstdb is None) == (self.qat is None):
            raise ValueError("a recipe has either qstdb, for a spiking network, or qat, for a CNN")
        surplus = [key for key in SPIKING_ONLY if key in self.model_fields_set]
        if self.qat is not None and surplus:
            raise ValueError(f"{surplus[0]}: only a spiking network has it, this recipe's qat makes a CNN")
        return self

    @property
    def parting(self) -> Split:
        """How the scene's labelled pixels are parted into training and test."""
        return self.split.split(self.train_fraction, self.seed)

    @property
    def settings(self) -> dict[str, object]:
        """What the run depends on, as JSON has it."""
        unused = set(SPIKING_ONLY) if self.qat is not None else set()
        return self.model_dump(exclude_none=True, exclude=unused)

    @property
    def digest(self) -> str:
        """Hash of the settings: a checkpoint continues only the recipe that it was made by."""
        text = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with pimsim."""
    folder = resources.files("pimsim.training") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(name: str, overrides: Mapping[str, object] | None = None) -> Recipe:
    """A shipped recipe by name, or a YAML file by path; ``overrides`` maps dotted keys to values.

    Raises MissingFileError, or TrainingError naming file, key, value and limit.
    """
    text = _read(name)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TrainingError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{name}: a recipe is a mapping of settings, this is {type(content).__name__}")
    for path, value in (overrides or {}).items():
        _override(content, path, value)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise TrainingError(f"{name}: {_first(error)}") from error


def _read(name: str) -> str:
    path = Path(name)
    if path.is_file():
        return path.read_text(encoding="utf-8")
    if name.removesuffix(".yaml") in shipped_recipes():
        return (resources.files("pimsim.training") / "recipes" / f"{name.removesuffix('.yaml')}.yaml").read_text(
            "utf-8"
        )
    raise MissingFileError(f"{name}: no such recipe; shipped: {', '.join(shipped_recipes())}")


def _override(content: dict[str, object], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        inner = content.setdefault(key, {})
        if not isinstance(inner, dict):
            raise TrainingError(f"--set {path}: {key} is a value, it has no key below it")
        content = inner
    content[last] = value


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if not where:
        return str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}={problem['input']!r}: {problem['msg']}"

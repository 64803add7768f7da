"""The sections of a recipe that say how a stage computes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(ge=1)]
Start = Literal["conversion", "snn"]
Rate = Annotated[float, Field(gt=0.0, le=1.0)]


class Strict(BaseModel):
    """Settings of which every one is known, of its very type, and stays as it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Stage(Strict):
    """Optimizer settings of one stage: AdamW, one-cycle learning rate.

    ``dropout`` acts on what enters the layers named in ``dropout_layers``, behind their pool; None names every
    layer but the first.  One mask per sample holds for all time steps.
    """

    epochs: Positive
    batch: Positive
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    warmup: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    dropout_layers: list[str] | None = None
    augment: bool = True


class MixedStage(Stage):
    """A stage whose last ``exact_epochs`` run in float32, the ones before in bfloat16."""

    exact_epochs: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _exact_among_all(self) -> Self:
        if self.exact_epochs > self.epochs:
            raise ValueError(
                f"exact_epochs={self.exact_epochs} is above epochs={self.epochs}, of which they are the last"
            )
        return self


class SpikingStage(MixedStage):
    """Training through time (STDB)."""


class QuantizedSpikingStage(SpikingStage):
    """Q-STDB, from the ``start``: the converted network, as in the paper, or the float spiking network."""

    start: Start = "conversion"


class PostTraining(Strict):
    """Quantization without training of the spiking network at ``start`` (HYPER-SNN, Fig. 4b)."""

    start: Start = "snn"


class QuantizedStage(MixedStage):
    """Quantization-aware training of the CNN: unsigned activations of ``activation_bits``, clipped where is learned.

    The clips start at a ``percentile`` of each layer's activations over one batch of ``calibration`` samples.
    """

    activation_bits: Annotated[int, Field(ge=1, le=8)] = 6
    calibration: Positive = 50
    percentile: Annotated[float, Field(gt=0.0, le=100.0)] = 99.7


class Conversion(Strict):
    """ANN → SNN conversion: one batch, percentile of the input currents, factor on the thresholds.

    Of neurons that fire once, and of a timed classifier: percentile of the membranes that rise above 0.  ``steps`` are
    the recipe's time_steps where the step of a spike counts.
    """

    batch: Positive = 50
    steps: Positive = 100
    percentile: Annotated[float, Field(gt=0.0, le=100.0)] = 99.7
    factor: Annotated[float, Field(gt=0.0, le=10.0)] = 0.8

"""The stages of training: which of them a recipe passes through, and what the result of each depends on.

    ann → conversion ┬→ snn ┬→ qstdb → export      the spiking networks; qstdb and ptq start at either
                     └──────┴→ ptq   → export
    ann → qat → export                             the CNN of few bits

A stage's `Key` holds exactly the settings that its result depends on, with those of the stages before it, so that runs
which share a beginning share its checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pimsim.errors import TrainingError
from pimsim.training.recipe import Recipe

ANN, CONVERSION, SNN, QSTDB, PTQ, QAT, EXPORT = STAGES = ("ann", "conversion", "snn", "qstdb", "ptq", "qat", "export")

#: keys of the recipe that a stage's result depends on, beside those of the stages before it
_QUANTIZATION = ("weight_bits", "scheme", "time_steps", "leak_fraction_bits")
_DEPENDS = {
    ANN: ("network", "seed", "ann"),
    CONVERSION: ("conversion", "encoding", "neuron", "readout", "spike_percentiles"),
    SNN: ("snn", "time_steps"),
    QSTDB: ("qstdb", *_QUANTIZATION),
    PTQ: ("ptq", *_QUANTIZATION),
    QAT: ("qat", "weight_bits", "scheme"),
    EXPORT: (),
}
#: what the training patches follow from; their content decides, these name the cause where it differs
_DATA = ("scene", "patch", "train_fraction", "split", "input_bits", "input_clip")
CONTENT = "training_patches_sha256"


@dataclass(frozen=True)
class Key:
    """What a stage's result depends on: settings by dotted name, and a hash of those that decide."""

    settings: Mapping[str, object]
    digest: str

    def differences(self, other: Mapping[str, object]) -> str:
        """Where ``other`` settings differ from these, for a message; empty where they do not."""
        names = [name for name in {**other, **self.settings} if other.get(name) != self.settings.get(name)]
        told = [name for name in names if name != CONTENT] or names
        return ", ".join(
            f"{name} {_word(other.get(name))} there, {_word(self.settings.get(name))} here" for name in told
        )


def path(recipe: Recipe) -> tuple[str, ...]:
    """The stages of a recipe, in order."""
    if recipe.qat is not None:
        return (ANN, QAT, EXPORT)
    spiking = [CONVERSION, *(name for name in (SNN, QSTDB, PTQ) if getattr(recipe, name) is not None)]
    return (ANN, *spiking, *([] if recipe.start is None else [EXPORT]))


def path_until(recipe: Recipe, last: str | None) -> tuple[str, ...]:
    """`path`, cut behind the stage ``last``; raises TrainingError where the recipe has no such stage."""
    stages = path(recipe)
    if last is None:
        return stages
    if last not in stages:
        raise TrainingError(f"--until {last}: the recipe {recipe.name} has the stages {', '.join(stages)}")
    return stages[: stages.index(last) + 1]


def keys(recipe: Recipe, content: str) -> dict[str, Key]:
    """The key of every stage of ``recipe``; ``content``: hash of the training patches and their labels.

    A setting at its default is left out of the hash: one that is added later, with a default that changes nothing,
    leaves the checkpoints of before usable.
    """
    complete, changed = recipe.model_dump(mode="json"), recipe.model_dump(mode="json", exclude_defaults=True)
    settings: dict[str, object] = dict(
        _flat({name: complete[name] for name in _DATA if name in complete and name not in recipe.unused})
    )
    settings[CONTENT] = content
    deciding: dict[str, object] = {CONTENT: content}
    result = {}
    for stage in path(recipe):
        for name in _depends(recipe, stage):
            settings |= _flat({name: complete[name]})
            deciding |= _flat({name: changed[name]} if name in changed else {})
        text = json.dumps(deciding, sort_keys=True)
        result[stage] = Key(dict(settings), hashlib.sha256(f"{stage} {text}".encode()).hexdigest()[:32])
    return result


def _depends(recipe: Recipe, stage: str) -> tuple[str, ...]:
    """What a stage's result depends on beside the stages before it."""
    names = _DEPENDS[stage]
    if stage == CONVERSION and recipe.tells_time:
        names = (*names, "time_steps")
    return tuple(name for name in names if name not in recipe.unused)


def _flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted names and values of nested settings; what is not set is left out."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def _word(value: object) -> str:
    return "absent" if value is None else str(value)

"""The rows of a results file that a training run's JSON holds: one per network and form of inference measured."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pimsim.errors import ResultsError
from pimsim.report.accuracy_table import (
    ANN,
    CONVERTED,
    FLOAT_BITS,
    FLOAT_INFERENCE,
    INTEGER,
    PTQ,
    QAT,
    QSTDB,
    SCALE_WEIGHTS,
    SNN,
    AccuracyRow,
    membrane_inference,
)

RANDOM = "random"
"""Split of a run that states none."""
CONVERSION = "conversion"
"""Start of a Q-STDB that states none."""
_STARTS = {QSTDB: CONVERSION, PTQ: SNN, QAT: ""}
_PAPER = {"pool": 2, "width": 512, "hidden": 4096}
"""Parameters of CNN-32H and of the VGG networks that their names alone stand for."""
_CODING = {"encoding": "direct", "neuron": "lif", "readout": "accumulate"}
"""Coding that a network's name alone stands for."""
_CONVERTED = re.compile(r"converted_([1-9][0-9]*)_steps")
_MEMBRANE = re.compile(r"export_membrane_([1-9][0-9]*)")
_EXPORTS = {"export": INTEGER, "export_scale_weights": SCALE_WEIGHTS}


def rows_of_file(path: str | os.PathLike[str]) -> tuple[AccuracyRow, ...]:
    """`rows_of` a JSON file.  Raises ResultsError that names the file."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f'"{path}" cannot be read as the JSON of a training run: {error}') from None
    try:
        return rows_of(document)
    except ResultsError as error:
        raise ResultsError(f'"{path}": {error}') from None


def rows_of(document: object) -> tuple[AccuracyRow, ...]:
    """Rows of what ``pimsim train`` writes beside a model, in its order of stages.

    Accuracies of stages that no table has, such as those of a CNN before its training, give no row.
    Raises ResultsError that names the key.
    """
    top = _mapping(document, "a training run")
    accuracies = _mapping(_at(top, "accuracy"), "accuracy")
    recipe = _mapping(_at(top, "recipe"), "recipe")
    common = _common(top, recipe)
    return tuple(
        row
        for name, measured in accuracies.items()
        for row in _measured(name, _mapping(measured, f"accuracy.{name}"), common, recipe, top)
    )


def _common(top: Mapping[str, object], recipe: Mapping[str, object]) -> AccuracyRow:
    """What all rows of a run share, as the row of its ReLU network; accuracies still to be filled in."""
    return _checked(
        {
            "network": _network(_at(recipe, "network")),
            "scene": _at(top, "scene"),
            "split": _split(top),
            "seed": _at(top, "seed"),
            "row": ANN,
            "start": "",
            "weight_bits": FLOAT_BITS,
            "input_bits": _at(recipe, "input_bits"),
            "scheme": "",
            "inference": FLOAT_INFERENCE,
            "time_steps": 1,
            "epochs": _epochs(recipe, ANN),
            "oa_percent": 0.0,
            "aa_percent": 0.0,
            "kappa_percent": 0.0,
            "test_samples": _at(top, "test_samples"),
            "train_samples": top.get("train_samples"),
            "wall_s": None,
            "threads": None,
            "name": _at(recipe, "name"),
            "command": top.get("command", ""),
            "tool": top.get("tool", ""),
        }
    )


def _network(network: object) -> object:
    """A network's name, with the parameters that are not those of the paper."""
    if not isinstance(network, Mapping):
        return network
    changed = [f"{key} {value}" for key, value in network.items() if key != "name" and _PAPER.get(key) != value]
    return " ".join([str(network.get("name")), *changed])


def _coding(recipe: Mapping[str, object]) -> list[str]:
    """How values are coded in time, in words, where that is not by codes at every step and counts of spikes."""
    return [str(recipe[key]) for key, usual in _CODING.items() if recipe.get(key, usual) != usual]


def _split(top: Mapping[str, object]) -> object:
    """The kind of split first, then what it was set to."""
    split = top.get("split", RANDOM)
    if not isinstance(split, Mapping):
        return split
    kind, label = str(split.get("kind", RANDOM)), str(top.get("split_label", ""))
    return label if label.split(" ")[0] == kind else f"{kind} {label}".strip()


def _checked(values: Mapping[str, object]) -> AccuracyRow:
    """A row, with the type of every value checked: JSON carries any."""
    for name, kinds in (
        *((name, (str,)) for name in ("network", "scene", "split", "epochs", "name", "command", "tool")),
        *((name, (int,)) for name in ("seed", "input_bits", "test_samples")),
        ("train_samples", (int, type(None))),
    ):
        if isinstance(values[name], bool) or not isinstance(values[name], kinds):
            raise ResultsError(f"{name}={values[name]!r} is no {kinds[0].__name__}")
    return AccuracyRow(**values)  # type: ignore[arg-type] # checked above


def _measured(
    name: str,
    measured: Mapping[str, object],
    common: AccuracyRow,
    recipe: Mapping[str, object],
    top: Mapping[str, object],
) -> Iterator[AccuracyRow]:
    row = _stage(name, common, recipe)
    if row is not None:
        figures = {key: _number(measured, f"{word}_percent", f"accuracy.{name}") for key, word in _FIGURES.items()}
        yield replace(row, **figures, **_effort(row, top))  # type: ignore[arg-type] # types by name


_FIGURES = {"oa_percent": "overall", "aa_percent": "average", "kappa_percent": "kappa"}


def _effort(row: AccuracyRow, top: Mapping[str, object]) -> dict[str, object]:
    """Seconds of the stages that the row's network passed through, and the threads of the last of them."""
    recorded = _mapping(top.get("stages", {}), "stages")
    through = {
        ANN: (ANN,),
        CONVERTED: (ANN, CONVERSION),
        SNN: (ANN, CONVERSION, SNN),
        QAT: (ANN, QAT),
    }.get(row.row) or (ANN, CONVERSION, *([SNN] if row.start == SNN else []), row.row)
    stages = {name: _mapping(recorded[name], f"stages.{name}") for name in through if name in recorded}
    if not stages:
        return {}
    seconds = sum(_number(stage, "wall_s", f"stages.{name}") for name, stage in stages.items())
    threads = next(reversed(stages.values())).get("threads")
    if isinstance(threads, bool) or not isinstance(threads, int):
        raise ResultsError(f"stages: threads={threads!r} is no int")
    return {"wall_s": round(seconds, 1), "threads": threads}


def _stage(name: str, common: AccuracyRow, recipe: Mapping[str, object]) -> AccuracyRow | None:
    """The row of one of the JSON's accuracies, figures to be filled in; None for one that no table has."""
    if name == ANN:
        return common
    common = replace(common, network=" ".join([common.network, *_coding(recipe)]))
    if match := _CONVERTED.fullmatch(name):
        return replace(common, row=CONVERTED, time_steps=int(match[1]))
    if name == SNN:
        return replace(common, row=SNN, time_steps=_steps(recipe), epochs=_epochs(recipe, ANN, SNN))
    if name in (QSTDB, QAT, PTQ):
        return _quantized(common, recipe, FLOAT_INFERENCE)
    if match := _MEMBRANE.fullmatch(name):
        return _quantized(common, recipe, membrane_inference(int(match[1])))
    return _quantized(common, recipe, _EXPORTS[name]) if name in _EXPORTS else None


def _quantized(common: AccuracyRow, recipe: Mapping[str, object], inference: str) -> AccuracyRow:
    stage = next((stage for stage in (QAT, QSTDB) if recipe.get(stage)), PTQ)
    bits, scheme = _at(recipe, "weight_bits"), _at(recipe, "scheme")
    if not isinstance(bits, int) or not isinstance(scheme, str):
        raise ResultsError(f"recipe: weight_bits={bits!r}, scheme={scheme!r} are no number and no word")
    settings = recipe.get(stage)
    start = settings.get("start", _STARTS[stage]) if isinstance(settings, Mapping) else _STARTS[stage]
    return replace(
        common,
        row=stage,
        start=str(start),
        weight_bits=bits,
        scheme=scheme,
        inference=inference,
        time_steps=1 if stage == QAT else _steps(recipe),
        epochs=_epochs(recipe, ANN, *([SNN] if start == SNN else []), stage),
    )


def _steps(recipe: Mapping[str, object]) -> int:
    steps = _at(recipe, "time_steps")
    if not isinstance(steps, int):
        raise ResultsError(f"recipe.time_steps={steps!r} is no int")
    return steps


def _epochs(recipe: Mapping[str, object], *stages: str) -> str:
    """Epochs of those stages that the recipe has, ``60+60``."""
    counts = []
    for stage in stages:
        settings = recipe.get(stage)
        if isinstance(settings, Mapping) and "epochs" in settings:
            counts.append(str(settings["epochs"]))
    return "+".join(counts)


def _number(measured: Mapping[str, object], key: str, name: str) -> float:
    value = measured.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ResultsError(f"{name}.{key}={value!r} is no number")
    return float(value)


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ResultsError(f"{what} is no table of keys and values")
    return value


def _at(table: Mapping[str, object], key: str) -> object:
    if key not in table:
        raise ResultsError(f'has no key "{key}"')
    return table[key]

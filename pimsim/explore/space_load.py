"""The file of a design space → `Space`.  docs/exploration.md has its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from pimsim.errors import ExplorationError, HardwareError, MissingFileError
from pimsim.explore.axis import HARDWARE, INPUT, MODEL, Axis
from pimsim.explore.constraints import parse_constraint
from pimsim.explore.metrics import Objective, parse_objective
from pimsim.explore.space import Space
from pimsim.explore.space_axes import axis_of, content_of, file_axes
from pimsim.explore.space_check import check_axes
from pimsim.explore.space_keys import KeyCheck
from pimsim.explore.space_schema import FORMAT, File, checked
from pimsim.hardware import read_content
from pimsim.hardware.yaml_text import parse
from pimsim.resources import HARDWARE as HARDWARE_FILE
from pimsim.resources import MODEL as MODEL_FILE
from pimsim.resources import SPACE, Kind, find, read_text

MAX_BYTES = 2**22
"""A space is some pages long; a larger one is something else."""


def load_space(path: str | PathLike[str]) -> Space:
    """Read and check a design space, given by path or by shipped name.

    Raises ExplorationError in one line that names file, key path, value and limit; MissingFileError.
    """
    file = find(SPACE, path)
    try:
        raw = parse(read_text(SPACE, file, ExplorationError, most=MAX_BYTES))
    except HardwareError as error:
        raise ExplorationError(f"{file.name}: {error}") from None
    return space_from_dict(raw, origin=file.name, folder=file.parent)


def space_from_dict(raw: object, *, origin: str = "space", folder: str | PathLike[str] = ".") -> Space:
    """The same from parsed content, such as `Space.content`; relative names are looked up in ``folder`` first."""
    try:
        file = checked(raw)
        _located(MODEL_FILE, file.models, Path(folder), "models")
        paths = _located(HARDWARE_FILE, file.hardware, Path(folder), "hardware")
        machines = {name: read_content(path) for name, path in zip(file.hardware, paths, strict=True)}
        return _space(file, Path(folder), machines)
    except (ExplorationError, HardwareError) as error:
        raise ExplorationError(f"{origin}: {error}") from None
    except MissingFileError as error:
        raise MissingFileError(f"{origin}: {error}") from None


def recorded_space(recorded: Mapping[str, Any], *, origin: str) -> Space:
    """The space that an exploration's record holds, with what its hardware files said then: no file is looked at."""
    try:
        machines = _recorded_machines(recorded)
        file = checked({key: value for key, value in recorded.items() if key != "machines"})
        missing = [name for name in file.hardware if name not in machines]
        if missing:
            raise ExplorationError(f"the space has nothing of its machine {missing[0]!r}")
        return _space(file, Path(), {name: machines[name] for name in file.hardware})
    except (ExplorationError, HardwareError) as error:
        raise ExplorationError(f"{origin}: {error}") from None


def _recorded_machines(recorded: object) -> Mapping[str, Mapping[str, object]]:
    machines = recorded.get("machines") if isinstance(recorded, Mapping) else None
    if not isinstance(machines, Mapping) or not all(isinstance(content, Mapping) for content in machines.values()):
        raise ExplorationError("the space has no machines as sections")
    return machines


def _space(file: File, folder: Path, machines: Mapping[str, Mapping[str, object]]) -> Space:
    axes = (*file_axes(file), *(axis_of(name, form) for name, form in file.axes.items()))
    check_axes(axes, file.set)
    keys = KeyCheck(axes, file.set, machines)
    keys.check()
    constraints = tuple(parse_constraint(text, keys.known) for text in file.constraints)
    space = Space(
        name=file.name,
        description=file.description,
        models=tuple(file.models),
        hardware=tuple(file.hardware),
        inputs=_inputs(file),
        samples=file.samples,
        overrides=dict(file.set),
        axes=axes,
        constraints=constraints,
        objectives=_objectives(file),
        machines=machines,
        content=_content(file, axes),
        folder=folder,
    )
    _ = space.grid  # refuses conditions that divide it into too many cases
    return space


def _located(kind: Kind, names: Sequence[str], folder: Path, key: str) -> list[Path]:
    """Files by name; a file twice under different names would be two machines in results."""
    found: list[Path] = []
    for place, name in enumerate(names, 1):
        try:
            path = find(kind, folder / name if (folder / name).is_file() else name).resolve()
        except MissingFileError as error:
            raise MissingFileError(f"{key}.{place}: {error}") from None
        if path in found:
            raise ExplorationError(f"{key}.{place}={name!r}: the same file as {names[found.index(path)]!r}")
        found.append(path)
    return found


def _objectives(file: File) -> tuple[Objective, ...]:
    found: dict[str, Objective] = {}
    for place, text in enumerate(file.objectives, 1):
        try:
            objective = parse_objective(text)
        except ExplorationError as error:
            raise ExplorationError(f"objectives.{place}: {error}") from None
        if objective.column in found:
            raise ExplorationError(f"objectives.{place}={text!r}: the same column as {found[objective.column].text!r}")
        found[objective.column] = objective
    return tuple(found.values())


def _inputs(file: File) -> dict[str, str | None]:
    """Of each model; the only one of a list goes for all."""
    given = file.inputs
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in file.models]
        if unknown:
            raise ExplorationError(f"inputs.{unknown[0]}: no model of this space (models: {', '.join(file.models)})")
        return {name: given.get(name) for name in file.models}
    return dict.fromkeys(file.models, given[0] if given and len(given) == 1 else None)


def _content(file: File, axes: tuple[Axis, ...]) -> dict[str, object]:
    listed = [axis for axis in axes if axis.name not in (MODEL, HARDWARE, INPUT)]
    return {
        "format": FORMAT,
        "name": file.name,
        "description": file.description,
        "hardware": list(file.hardware),
        "models": list(file.models),
        "inputs": file.inputs,
        "samples": file.samples,
        "set": dict(file.set),
        "axes": {axis.name: content_of(axis, file.axes[axis.name]) for axis in listed},
        "constraints": list(file.constraints),
        "objectives": list(file.objectives),
    }

"""All that evaluating the points of a space needs, loaded and checked before anything runs.

A job is sent to every worker: it holds networks, inputs, hardware files and cost tables themselves, no paths.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pimsim.cost import CostTable, load_table
from pimsim.errors import ExplorationError, MissingFileError, PimsimError
from pimsim.explore.axis import INPUT
from pimsim.explore.space import Space
from pimsim.model import load_network, network_hash
from pimsim.model.network import IntegerNetwork
from pimsim.report.cnn_model import find_cnn
from pimsim.report.document import table_hash
from pimsim.report.inputs import Samples, Source, resolve
from pimsim.resources import HARDWARE, MODEL, find
from pimsim.traces import trace_hash


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its inputs by their names in the space, None for its shipped trace.

    ``cnn`` is the network of the CNN that `pimsim.report.run` sets beside it, None where none is shipped: a machine
    on which that cannot be costed is refused there, and so it is here.
    """

    network: IntegerNetwork
    sources: Mapping[str | None, Source]
    cnn: IntegerNetwork | None


@dataclass(frozen=True, eq=False)
class Job:
    """A space with everything that its points name.

    models   by their names in the space
    tables   by what the hardware files call them
    origins  hardware → name of its file, with which messages start
    hashes   of the identity: ``models``, ``inputs``, ``hardware`` and ``tables``, each name → SHA-256 of the content
    threads  on which a network is executed and scheduled; results do not depend on it
    """

    space: Space
    models: Mapping[str, Model]
    tables: Mapping[str, CostTable]
    origins: Mapping[str, str]
    hashes: Mapping[str, Mapping[str, str]]
    threads: int

    @cached_property
    def id(self) -> str:
        """Equal for jobs whose points have equal results."""
        content = [self.space.content_hash, self.space.samples, {key: dict(each) for key, each in self.hashes.items()}]
        return _hash(content)

    def source(self, model: str, name: str | None) -> Source:
        """An input of a model, None: its shipped trace."""
        return self.models[model].sources[name]

    def input_name(self, model: str, name: str | None) -> str:
        """How results call an input: as the space does, and a shipped trace as ``pimsim run --input`` takes it."""
        return name or _input_name(name, self.source(model, name))


def prepare(space: Space, *, threads: int = 1) -> Job:
    """Load every model, input, hardware file and cost table that a point may name.

    Raises ExplorationError that names the space, the key and what is wrong with it, MissingFileError likewise.
    """
    origins = {name: find(HARDWARE, space.locate(name)).name for name in space.hardware}
    tables = {name: _table(space, name, key) for name, key in _table_names(space).items()}
    models = {name: _model(space, name) for name in space.models}
    hashes = {
        "models": {name: network_hash(model.network) for name, model in models.items()},
        "inputs": _input_hashes(models),
        "hardware": {name: _hash(space.machines[name]) for name in space.hardware},
        "tables": {name: _table_hash(table) for name, table in tables.items()},
    }
    return Job(space, models, tables, origins, hashes, threads)


@contextmanager
def _told(space: Space, key: str) -> Iterator[None]:
    """Errors with the space and the key in front."""
    try:
        yield
    except MissingFileError as error:
        raise MissingFileError(f'space "{space.name}": {key}: {error}') from None
    except PimsimError as error:
        raise ExplorationError(f'space "{space.name}": {key}: {error}') from None


def _table_names(space: Space) -> dict[str, str]:
    """Every cost table that a point may name, with the key that names it."""
    found: dict[str, str] = {}
    stated: dict[str, tuple[str, object]] = {f"set.{path}": (path, value) for path, value in space.overrides.items()}
    for axis in space.axes:
        for choice, settings in zip(axis.values, axis.settings, strict=True):
            stated |= {f"axes.{axis.name}={choice}: {path}": (path, setting) for path, setting in settings.items()}
    if not any(_names_table(path, value) for path, value in space.overrides.items()):
        for name, content in space.machines.items():
            stated[f'hardware "{name}": cost'] = ("cost", content.get("cost"))
    for key, (path, value) in stated.items():
        if isinstance(table := _names_table(path, value), str):
            found.setdefault(table, key)
    return found


def _names_table(path: str, value: object) -> object:
    """The table that a setting of the hardware file names."""
    if path == "cost" and isinstance(value, Mapping):
        return value.get("table")
    return value if path == "cost.table" else None


def _table(space: Space, name: str, key: str) -> CostTable:
    with _told(space, key):
        return load_table(name)


def _table_hash(table: CostTable) -> str:
    """Of every node scaling: a point may choose another than the table's own."""
    return _hash([table_hash(table), *(table_hash(table.nodes[name]) for name in sorted(table.nodes))])


def _model(space: Space, name: str) -> Model:
    with _told(space, f'models: "{name}"'):
        network = load_network(find(MODEL, space.locate(name)))
        found = find_cnn(network, None)
    axes = [axis.values for axis in space.axes if axis.name == INPUT]
    names = [str(value) for value in axes[0]] if axes else [space.inputs[name]]
    sources: dict[str | None, Source] = {}
    for given in names:
        with _told(space, "inputs" if given is None else f'inputs: "{given}"'):
            located = None if given is None else space.locate(given)
            sources[given] = resolve(network, network_hash(network), located, space.samples)
    return Model(network, sources, None if found is None else found[1])


def _input_hashes(models: Mapping[str, Model]) -> dict[str, str]:
    """By name in the results; of a scene what all models see of it."""
    seen: dict[str, list[str]] = {}
    for model in models.values():
        for given, source in model.sources.items():
            seen.setdefault(_input_name(given, source), []).append(_content_hash(source))
    return {name: _hash(contents) for name, contents in seen.items()}


def _input_name(given: str | None, source: Source) -> str:
    return Path(source.name).stem if given is None else given


def _content_hash(source: Source) -> str:
    content = source.content
    if not isinstance(content, Samples):
        return trace_hash(content)
    digest = hashlib.sha256(str(content.codes.shape).encode())
    digest.update(content.codes.astype("<u2").tobytes())
    digest.update(content.labels.astype("<i8").tobytes())
    return digest.hexdigest()


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

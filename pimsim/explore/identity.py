"""What an exploration is of, kept beside its results: only the very same may be continued.  docs/exploration.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pimsim import __version__
from pimsim.errors import ExplorationError

FORMAT = 1
FILE = "exploration.json"
FILES: Mapping[str, str] = {"models": "model", "inputs": "input", "hardware": "hardware file", "tables": "cost table"}
"""Kinds of files that results depend on, and what one is called; an identity has the hash of each by name."""
TYPES: Mapping[str, type] = {"int": int, "float": float, "text": str, "bool": bool}
"""Of columns, as `exploration.json` calls them."""
Columns = tuple[tuple[str, type], ...]
_LONGEST = 60


@dataclass(frozen=True)
class Identity:
    """All that decides what is in the results.

    space     plain content: what JSON can say; the order of keys counts, since it is that of the axes
    method    how points are chosen, with its ``seed`` and whatever else it was told (``settings``)
    models, inputs, hardware, tables   name → hash of the content
    versions  of what took part, for the record; pimsim's own is added, and is the only one that has to stay
    """

    space: Mapping[str, Any]
    method: str
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def document(self, columns: Columns) -> dict[str, Any]:
        """As in ``exploration.json``."""
        names = {kind: name for name, kind in TYPES.items()}
        content = {
            "format": FORMAT,
            "pimsim": __version__,
            "method": self.method,
            "seed": self.seed,
            "settings": dict(self.settings),
            **{kind: dict(sorted(getattr(self, kind).items())) for kind in FILES},
            "space": dict(self.space),
            "columns": [[name, names[kind]] for name, kind in columns],
        }
        plain: dict[str, Any] = json.loads(_text(content))
        return {**plain, "digest": digest(plain), "versions": dict(self.versions)}


def digest(document: Mapping[str, Any]) -> str:
    """Of all in ``exploration.json`` that must stay; stamped on every segment."""
    return hashlib.sha256(_text(_fixed(document)).encode()).hexdigest()[:32]


def _fixed(document: Mapping[str, Any]) -> dict[str, Any]:
    """All but what says nothing about the results."""
    fixed = {key: value for key, value in document.items() if key not in ("digest", "versions")}
    return {**fixed, "space": {key: value for key, value in fixed["space"].items() if key != "description"}}


def read(path: Path) -> dict[str, Any]:
    """An ``exploration.json``; raises ExplorationError for one that is none, or was changed."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise ExplorationError(f'"{path}" cannot be read: {reason}') from None
    return checked(document, str(path))


def checked(document: object, origin: str) -> dict[str, Any]:
    """A document as `Identity.document` gives it; raises ExplorationError for any other."""
    if not isinstance(document, dict) or not {"format", "space", "columns"} <= document.keys():
        raise ExplorationError(f'"{origin}" does not describe an exploration')
    if document["format"] != FORMAT:
        raise ExplorationError(f'"{origin}": format {document["format"]}; this pimsim reads format {FORMAT}')
    if not _is_whole(document):
        raise ExplorationError(f'"{origin}" was changed after it was written: its digest is another')
    return document


def _is_whole(document: Mapping[str, Any]) -> bool:
    try:
        return isinstance(document["space"], dict) and document.get("digest") == digest(document)
    except ValueError:  # NaN, or half a character
        return False


def columns_of(document: Mapping[str, Any]) -> Columns:
    """Columns of the results with their types."""
    return tuple((name, TYPES[kind]) for name, kind in document["columns"])


def difference(now: Mapping[str, Any], then: Mapping[str, Any]) -> str | None:
    """What differs first between two documents, ``then`` being what was begun with; None where nothing does."""
    return next(_differences(_fixed(now), _fixed(then)), None)


def _differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[str]:
    for key in ("pimsim", "method", "seed", "settings"):
        yield from _of_values(now[key], then[key], key)
    yield from _of_values(now["space"], then["space"], "space: ")
    for kind, called in FILES.items():
        for name, content in now[kind].items():
            if name in then[kind] and then[kind][name] != content:
                yield f'{called} "{name}" has changed since it began'
        yield from _of_values(now[kind], then[kind], f"{kind}: ")
    yield from _of_values(now["columns"], then["columns"], "columns")


def _of_values(now: object, then: object, where: str) -> Iterator[str]:
    """Sentences, in the order of the keys."""
    if isinstance(now, Mapping) and isinstance(then, Mapping):
        yield from _of_mappings(now, then, where)
    elif isinstance(now, list) and isinstance(then, list) and max(len(_text(now)), len(_text(then))) > _LONGEST:
        for place, (ours, theirs) in enumerate(zip_longest(now, then)):
            yield from _of_values(ours, theirs, f"{where}[{place}]")
    elif _text(now) != _text(then):
        yield f"{where} is {_shown(now)}, it began with {_shown(then)}"


def _of_mappings(now: Mapping[str, object], then: Mapping[str, object], where: str) -> Iterator[str]:
    before = where if where.endswith(" ") else f"{where}."
    for key in now:
        if key in then:
            yield from _of_values(now[key], then[key], f"{before}{key}")
        else:
            yield f"{before}{key} is new"
    yield from (f"{before}{key} is missing" for key in then if key not in now)
    if list(now) != list(then):
        yield f"{where.removesuffix(': ')}: keys stand in another order"


def _shown(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)

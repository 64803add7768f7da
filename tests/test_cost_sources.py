"""No number without a source: every leaf of every shipped cost table, every value of every shipped hardware file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pimsim.cost import load_table, schema
from pimsim.report import price_list
from pimsim.resources import COST_TABLE, HARDWARE, shipped

TABLES, MACHINES = shipped(COST_TABLE), shipped(HARDWARE)
STRUCTURE = {"format", "node_nm"}
"""Numbers that are no quantities: the version of the format, and the node, which stands beside a source itself."""


def numbers(node: object, path: tuple[str, ...], sourced: bool) -> Iterator[tuple[str, bool]]:
    """Every number below ``node`` with whether it, or a section around it, states a source."""
    if isinstance(node, dict):
        here = sourced or bool(str(node.get("source", "")).strip())
        for key, value in node.items():
            if key not in STRUCTURE:
                yield from numbers(value, (*path, str(key)), here)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from numbers(value, (*path, str(index)), sourced)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield ".".join(path), sourced


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_every_number_of_a_cost_table_lies_under_a_source(file: Path) -> None:
    found = list(numbers(yaml.safe_load(file.read_text(encoding="utf-8")), (), sourced=False))
    assert len(found) > 2
    assert [path for path, sourced in found if not sourced] == []


def test_a_number_without_a_source_would_be_found() -> None:
    assert list(numbers({"add": {"value": [1, 2.5], "node_nm": 45}, "format": 1}, (), sourced=False)) == [
        ("add.value.0", False),
        ("add.value.1", False),
    ]
    assert list(numbers({"add": {"value": 1, "source": "a"}}, (), sourced=False)) == [("add.value", True)]


def sections(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all sections that state a source."""
    if isinstance(node, dict):
        if "source" in node:
            yield path
        for key, value in node.items():
            yield from sections(value, (*path, key))


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_a_table_without_any_one_of_its_sources_is_refused(file: Path) -> None:
    """Each source in turn is taken away: none of them is optional."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    schema.Table.model_validate(document)
    for path in list(sections(document)):
        inner = document
        for key in path:
            inner = inner[key]
        kept = inner.pop("source")
        with pytest.raises(ValidationError, match=r"source\n\s+Field required"):
            schema.Table.model_validate(document)
        inner["source"] = kept


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_the_printed_list_has_a_source_in_every_row(file: Path) -> None:
    listed = price_list(load_table(file.stem))
    where = listed.columns.index("source"), listed.columns.index("kind")
    assert all(str(row[where[0]]).strip() and row[where[1]] for row in listed.rows)


@pytest.mark.parametrize("file", MACHINES, ids=lambda file: file.stem)
def test_every_number_of_a_hardware_file_carries_its_source_as_a_comment(file: Path) -> None:
    for line in file.read_text(encoding="utf-8").splitlines():
        content, _, comment = line.partition("#")
        key, _, value = content.partition(":")
        if key.strip() != "format" and value.strip().replace(".", "", 1).isdigit():
            assert comment.strip(), line

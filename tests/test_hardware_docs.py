"""The documentation names every key and every action, and its examples are true."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from pimsim.activity.actions import CATALOGUE
from pimsim.hardware import schema

DOCS = Path(__file__).resolve().parent.parent / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "section",
    [
        schema.File,
        schema.Event,
        schema.Mac,
        schema.BitSerialPim,
        schema.AnalogPim,
        schema.Numerics,
        schema.Placement,
        schema.Memories,
        schema.Cost,
    ],
)
def test_every_key_of_a_hardware_file_is_explained(section):
    page = text("hardware-format.md")
    assert [key for key in section.model_fields if f"`{key}`" not in page and f"`{key}:" not in page] == []


def test_every_action_is_said_to_happen_somewhere():
    page = text("microarchitecture.md")
    missing = [
        f"{component}.{action}"
        for component, action in CATALOGUE
        if f"`{component}.{action}`" not in page and not (f"`{component}.read`" in page and f"`.{action}`" in page)
    ]
    assert missing == []


def test_the_examples_of_the_hardware_page_hold():
    assert doctest.testfile(str(DOCS / "hardware-format.md"), module_relative=False, encoding="utf-8").failed == 0

"""The page on verification speaks of every parameter, and calls verified only what the tests vary."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from rtl_cases import made_crossbar_case, made_event_case

from pimsim.hardware import BitSerialPim, Event

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "verification.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, str]:
    """Parameter → what is said of it."""
    body = PAGE.split(f"| `engines.{heading}")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", body, re.MULTILINE))


@pytest.mark.parametrize(("heading", "section"), [("event`", Event), ("pim`", BitSerialPim)])
def test_every_parameter_is_verified_or_said_not_to_be(heading, section):
    told = table(heading)
    assert list(told) == [one.name for one in fields(section)]
    assert all("verified" in text for text in told.values())


@pytest.mark.parametrize(
    ("heading", "engine", "made"), [("event`", "event", made_event_case), ("pim`", "pim", made_crossbar_case)]
)
def test_every_verified_parameter_is_varied(heading, engine, made):
    engines = [made(number).hardware.engines.named(engine) for number in range(64)]
    for name, text in table(heading).items():
        if text.startswith("verified"):
            assert len({getattr(one, name) for one in engines}) > 1, name


def test_what_is_not_described_is_said_to_be_modelled():
    told = table("pim`")
    assert [name for name, text in told.items() if not text.startswith("verified")] == ["style", "numerics"]
    assert all("modelled, not verified" in told[name] for name in ("style", "numerics"))

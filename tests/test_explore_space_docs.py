"""docs/exploration.md, first part, and the design spaces that come with pimsim."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest
import yaml

from pimsim.errors import ExplorationError
from pimsim.explore.metrics import METRICS, parse_objective
from pimsim.explore.space_axes import FORMS
from pimsim.explore.space_load import load_space, space_from_dict
from pimsim.explore.space_schema import Axis, File
from pimsim.hardware import from_dict
from pimsim.resources import SPACE, shipped

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "exploration.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.split("```yaml\n")[1].split("```")[0]
CONSTRAINTS = PAGE.split("### 1.2 Constraints")[1].split("\n\n")[1]


def test_the_example_is_a_space_of_as_many_points_as_the_page_says() -> None:
    space = space_from_dict(yaml.safe_load(EXAMPLE))
    assert f"This one has {space.size} points" in PAGE
    with_crossbar = sum("engines.pim.rows" in dict(point.values) for point in space.points())
    assert with_crossbar * 9 == (space.size or 0) * 8


@pytest.mark.parametrize("key", [*File.model_fields, *Axis.model_fields])
def test_every_key_of_a_space_is_on_the_page(key: str) -> None:
    assert re.search(rf"`{key}`|`{key}: |[`\s]{key}: \[", PAGE)
    assert set(FORMS) <= Axis.model_fields.keys()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_on_the_page_with_what_is_wanted_of_it(metric: object) -> None:
    assert isinstance(metric, type(METRICS[0]))
    (line,) = [line for line in PAGE.splitlines() if line.startswith("| ") and f"`{metric.name}`" in line.split("|")[1]]
    assert line.split("|")[3].strip() == {"min": "small", "max": "large"}[metric.goal]
    assert ("any end" in line, "any accounting" in line) == (metric.ranged, metric.by_accounting)
    assert metric.columns()[0] in line or line.split("|")[2].strip() in ("the same", "`compute_pj` …")


def test_what_the_page_says_of_objectives_is_so() -> None:
    assert parse_objective("energy:compute_only:high").column == "compute_only_energy_high_pj"
    assert parse_objective("max area").goal == "max"


@pytest.mark.parametrize("text", [line.strip() for line in CONSTRAINTS.splitlines()])
def test_every_constraint_of_the_page_is_one(text: str) -> None:
    raw = yaml.safe_load(EXAMPLE)
    assert space_from_dict(raw | {"constraints": [text]}).constraints


def test_the_refusals_of_the_page_are_pimsims() -> None:
    raw = yaml.safe_load(EXAMPLE)
    for axes in (
        {"engines.event.lanes": [0]},
        {"engines.pim.adc_bits": {"values": [4], "when": {"hardware": "pim45mn"}}},
    ):
        with pytest.raises(ExplorationError) as caught:
            space_from_dict(raw | {"axes": axes, "constraints": []}, origin="arrays.yaml")
        assert f"\n    {caught.value}\n" in PAGE


@pytest.mark.parametrize("path", shipped(SPACE), ids=lambda path: path.stem)
def test_a_shipped_space_is_what_the_list_says_and_has_machines_that_load(path: Path) -> None:
    space = load_space(path.stem)
    assert space.name == path.stem
    (line,) = [
        line for line in (ROOT / "hw_configs" / "README.md").read_text().splitlines() if f"`{path.stem}`" in line
    ]
    assert space.size
    assert f"{space.size:,}" in line or f"{space.size / 1e9:.0f} billion" in line
    for point in [*space.around(), *islice(space.sample(40, seed=1), 40)]:
        chosen = space.chosen(point)
        if all(item.metric_columns or item.holds(_parameters(chosen.overrides)) for item in space.constraints):
            from_dict(space.machines[chosen.hardware], overrides=chosen.overrides)


def _parameters(overrides: dict[str, object]) -> dict[str, int]:
    return {key: value for key, value in overrides.items() if isinstance(value, int)}

"""Which knob matters: shares against sums written out, importances of knobs that do nothing, bars by hand."""

from __future__ import annotations

from collections import defaultdict
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sensitivity import explored, space_of

from pimsim.errors import ExplorationError
from pimsim.explore import main_effects
from pimsim.explore.arrow import pa
from pimsim.explore.importance import importances
from pimsim.explore.main_effects import MainEffects
from pimsim.explore.metrics import parse_objective
from pimsim.explore.neighbours import Bar, Neighbours
from pimsim.explore.question import constraints_on
from pimsim.explore.results import Results
from pimsim.explore.sensitivity import Sensitivity, axes_in, sensitivities
from pimsim.resources import HARDWARE, find

ENERGY, ACCURACY = parse_objective("energy"), parse_objective("accuracy")
PIM = {"hardware": "pim45nm"}
TWO_MACHINES: dict[str, Any] = {
    "engines.event.lanes": [8, 16, 32],
    "engines.pim.adc_bits": {"values": [4, 6, 8], "when": PIM},
}


def figures(values: dict[str, Any]) -> dict[str, float | None]:
    """Energy is a product, which the clock is no part of; a crossbar's accuracy is its converters'."""
    bits = values.get("engines.pim.adc_bits")
    energy = values.get("engines.event.lanes", 8) ** 0.5 * (2.0**bits if bits else 20.0)
    return {"full_energy_pj": energy, "overall_accuracy": bits and 0.9 + bits / 100}


def of(path: Path, *objectives: str, where: tuple[str, ...] = (), at: int | None = None) -> dict[str, Sensitivity]:
    results = Results.open(path)
    asked = [parse_objective(text) for text in objectives or ("energy",)]
    found = sensitivities(results, asked, constraints_on(results, where), at=at)
    return {one.objective.text: one for one in found.objectives}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full grid of two machines, one of which has a knob of its own."""
    axes = TWO_MACHINES | {"clock_mhz": [100, 200]}
    space = space_of(axes, hardware=["pim45nm", "digital45nm"])
    return explored(tmp_path_factory.mktemp("made") / "grid", space, figures)


# --- shares


def naive_share(rows: list[dict[str, Any]], axis: str, figure: str) -> float | None:
    """Variance between the axis' groups over that of all rows, as the definition has it."""
    groups = defaultdict(list)
    for row in rows:
        if row[axis] is not None:
            groups[row[axis]].append(row[figure])
    having = [value for group in groups.values() for value in group]
    every = [row[figure] for row in rows]
    spread = sum((value - sum(every) / len(every)) ** 2 for value in every)
    if spread < 1e-9:
        return None
    mean = sum(having) / len(having) if having else 0.0
    return sum(len(group) * (sum(group) / len(group) - mean) ** 2 for group in groups.values()) / spread


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([None, 1, 2, 3]), st.integers(-50, 50)),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 15),
)
def test_shares_are_what_the_definition_says_in_whatever_batches(rows: list[Any], size: int) -> None:
    named = [{"text": text, "number": number, "figure": float(figure)} for text, number, figure in rows]
    effects = MainEffects(("text", "number"), 1)
    schema = pa.schema([("text", pa.string()), ("number", pa.int64()), ("figure", pa.float64())])
    for start in range(0, len(named), size):
        batch = pa.RecordBatch.from_pylist(named[start : start + size], schema=schema)
        effects.add(batch, np.array([[row["figure"]] for row in named[start : start + size]]))
    for axis in ("text", "number"):
        expected, share = naive_share(named, axis, "figure"), effects.share(axis, 0)
        assert share is None if expected is None else share == pytest.approx(expected, abs=1e-9)
        assert effects.values(axis) == len({row[axis] for row in named} - {None})


def test_of_a_product_the_shares_of_its_logarithm_add_up_to_one(tmp_path: Path) -> None:
    axes = {"clock_mhz": [100, 200, 400], "engines.event.lanes": [8, 16, 32], "engines.pim.adc_bits": [4, 6, 8]}
    found = of(explored(tmp_path / "made", space_of(axes), figures))["energy"]
    shares = {effect.axis: effect.share for effect in found.effects}
    assert found.logarithm
    assert sum(share or 0.0 for share in shares.values()) == pytest.approx(1, abs=1e-12)
    lanes, bits = np.var([0.5 * log(lanes) for lanes in (8, 16, 32)]), np.var([bits * log(2) for bits in (4, 6, 8)])
    assert shares["engines.pim.adc_bits"] == pytest.approx(bits / (lanes + bits), abs=1e-12)
    assert shares["clock_mhz"] == pytest.approx(0, abs=1e-12)


def test_an_axis_that_only_some_have_explains_what_it_does_to_those(machines: Path) -> None:
    effects = {effect.axis: effect for effect in of(machines)["energy"].effects}
    rows = Results.open(machines).table.batches(["engines.pim.adc_bits", "full_energy_pj"])
    named = [row | {"log": log(row["full_energy_pj"])} for batch in rows for row in batch.to_pylist()]
    assert effects["engines.pim.adc_bits"].share == pytest.approx(naive_share(named, "engines.pim.adc_bits", "log"))


def test_what_may_be_zero_is_not_told_by_its_logarithm(tmp_path: Path) -> None:
    space = space_of({"clock_mhz": [100, 200]})
    path = explored(tmp_path / "made", space, lambda values: {"adc_pj": values["clock_mhz"] - 100.0})
    found = of(path, "adc")["adc"]
    assert not found.logarithm
    assert [effect.share for effect in found.effects] == [1.0]


def test_an_axis_without_steps_has_no_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_effects, "MOST_VALUES", 20)
    space = space_of({"cost.temperature_k": {"range": [280.0, 360.0], "steps": "none"}, "clock_mhz": [100, 200]})
    path = explored(
        tmp_path / "made",
        space,
        lambda values: {"full_energy_pj": values["cost.temperature_k"] + values["clock_mhz"] / 100},
        space.sample(60, seed=0),
        method="random",
    )
    effects = {effect.axis: effect for effect in of(path)["energy"].effects}
    assert effects["cost.temperature_k"].share is None
    assert effects["clock_mhz"].share is not None
    assert (effects["cost.temperature_k"].importance or 0) > 0.8


# --- importances


def test_importance_is_of_what_makes_points_good() -> None:
    axes = {"clock_mhz": list(range(50, 450, 50)), **TWO_MACHINES}
    rows = [
        {"clock_mhz": mhz, "engines.event.lanes": lanes, "engines.pim.adc_bits": bits, "full_energy_pj": bits or 5.0}
        for mhz in axes["clock_mhz"]
        for lanes in (8, 16, 32)
        for bits in (4, 6, 8, None)
    ]
    found = importances(rows, tuple(axes), ENERGY)
    assert sum(found.values()) == pytest.approx(1)
    assert max(found, key=found.__getitem__) == "engines.pim.adc_bits"
    assert found["engines.pim.adc_bits"] > 0.9
    assert importances(rows[:40], tuple(axes), ENERGY) == {}
    assert importances([row | {"full_energy_pj": 1.0} for row in rows], tuple(axes), ENERGY) == {}


def test_importances_of_many_points_are_of_a_fixed_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pimsim.explore import sensitivity

    monkeypatch.setattr(sensitivity, "MOST_ROWS", 60)
    axes = {
        "clock_mhz": list(range(50, 450, 50)),
        "engines.event.lanes": [8, 16, 32, 64],
        "engines.pim.adc_bits": [4, 6, 8],
    }
    path = explored(tmp_path / "made", space_of(axes), figures)
    first, again = of(path)["energy"], of(path / "results.csv")["energy"]
    assert (first.rows, first.sampled) == (96, 60)
    assert [effect.importance for effect in first.effects] == [effect.importance for effect in again.effects]


# --- bars


def naive_bars(rows: list[dict[str, Any]], reference: dict[str, Any], axes: list[str], column: str) -> dict[str, Any]:
    """Every row beside the reference: what both have, in which they differ."""
    found = {axis: [(reference[column], reference[axis])] for axis in axes if reference[axis] is not None}
    for row in rows:
        both = [axis for axis in axes if row[axis] is not None and reference[axis] is not None]
        differing = [axis for axis in both if row[axis] != reference[axis]]
        if len(differing) == 1 and row[column] is not None:
            found[differing[0]].append((row[column], row[differing[0]]))
    return found


def test_bars_are_of_points_that_differ_in_one_axis(machines: Path) -> None:
    results = Results.open(machines)
    axes, columns = list(axes_in(results)), ("full_energy_pj", "overall_accuracy")
    rows = [row for batch in results.batches(["point", *axes, *columns]) for row in batch.to_pylist()]
    assert len(rows) == 24
    for reference in rows:
        neighbours = Neighbours(reference, axes, [ENERGY, ACCURACY])
        for batch in results.batches():
            neighbours.add(batch)
        for objective in (ENERGY, ACCURACY):
            naive = naive_bars(rows, reference, axes, objective.column)
            bars = {axis: neighbours.bars.get((objective.text, axis)) for axis in axes}
            if reference[objective.column] is None:
                assert set(bars.values()) == {None}
                continue
            assert {axis for axis, bar in bars.items() if bar} == set(naive)
            for axis, found in naive.items():
                bar, values = bars[axis], [value for value, _ in found]
                assert bar is not None
                assert (bar.least, bar.greatest, bar.points) == (min(values), max(values), len(found) - 1)
                assert (bar.least, bar.least_at) in found
                assert (bar.greatest, bar.greatest_at) in found


def test_a_switch_comes_with_whatever_its_machine_has(machines: Path) -> None:
    """From the digital machine's one energy to the least and greatest of a crossbar's converters."""
    results = Results.open(machines)
    rows = [row for batch in results.batches() for row in batch.to_pylist()]
    digital = next(row for row in rows if row["hardware"] == "digital45nm" and row["engines.event.lanes"] == 8)
    found = of(machines, at=digital["point"])["energy"]
    bars = {effect.axis: effect.bar for effect in found.effects}
    energy = digital["full_energy_pj"]
    assert bars["hardware"] == Bar(energy, energy * 16 / 20, energy * 256 / 20, "pim45nm", "pim45nm", 3)
    assert bars["engines.pim.adc_bits"] is None
    assert bars["clock_mhz"] == Bar(energy, energy, energy, 100, 100, 1)
    lanes = bars["engines.event.lanes"]
    assert lanes is not None
    assert (lanes.ratios, lanes.least_at, lanes.greatest_at) == ((1.0, pytest.approx(2.0)), 8, 32)


def test_the_strongest_stand_first(machines: Path) -> None:
    results = Results.open(machines)
    point = next(
        row["point"] for batch in results.batches() for row in batch.to_pylist() if row["engines.pim.adc_bits"] == 4
    )
    effects = of(machines, at=point)["energy"].effects
    assert [effect.axis for effect in effects] == [
        "engines.pim.adc_bits",
        "engines.event.lanes",
        "hardware",
        "clock_mhz",
    ]


def test_where_not_all_knobs_were_turned_alone_shares_decide(tmp_path: Path) -> None:
    """Two points differ from the reference in the weaker knob alone, none in the stronger."""
    axes = {"engines.event.lanes": [8, 16, 32], "engines.pim.adc_bits": [4, 6, 8]}
    space = space_of(axes)
    points = [
        p
        for p in space.points()
        if (dict(p.values)["engines.event.lanes"] == 8) == (dict(p.values)["engines.pim.adc_bits"] == 4)
        or dict(p.values)["engines.pim.adc_bits"] == 4
    ]
    path = explored(tmp_path / "made", space, figures, points, method="nsga2")
    own = next(
        number
        for number, p in enumerate(points)
        if dict(p.values) == {"engines.event.lanes": 8, "engines.pim.adc_bits": 4}
    )
    found = sensitivities(Results.open(path), [ENERGY], at=own)
    assert found.chosen
    assert [(effect.axis, effect.bar is None) for effect in found.objectives[0].effects] == [
        ("engines.pim.adc_bits", True),
        ("engines.event.lanes", False),
    ]


def test_the_reference_is_the_spaces_own_machine(tmp_path: Path) -> None:
    space = space_of(TWO_MACHINES, hardware=["pim45nm", "digital45nm"])
    around = list(space.around())
    own = space.cells(around[0])
    for name, points, method in (("grid", None, "grid"), ("around", around, "tornado")):
        path = explored(tmp_path / name, space, figures, points, method=method)
        found = sensitivities(Results.open(path), [ENERGY])
        assert found.reference is not None
        assert {axis: found.reference[axis] for axis in own} == own
        effects = {effect.axis: effect for effect in found.objectives[0].effects}
        assert effects["engines.event.lanes"].bar is not None
        assert effects["engines.event.lanes"].bar.points == 2
        # points around a reference are no sample of the space
        assert (effects["engines.event.lanes"].share is None) == (method == "tornado")


@pytest.mark.parametrize("since", ["gone", "changed"])
def test_the_reference_is_the_machine_that_was_explored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: str
) -> None:
    """Its file may be gone since, or say another thing."""
    monkeypatch.chdir(tmp_path)
    text = find(HARDWARE, "pim45nm").read_text(encoding="utf-8")
    assert "lanes: 42 " in text
    Path("own.yaml").write_text(text.replace("lanes: 42 ", "lanes: 16 "), encoding="utf-8")
    path = explored(tmp_path / "own", space_of({"engines.event.lanes": [8, 16, 42]}, hardware="own.yaml"), figures)
    Path("own.yaml").unlink() if since == "gone" else Path("own.yaml").write_text(text, encoding="utf-8")
    reference = sensitivities(Results.open(path), [ENERGY]).reference
    assert reference is not None
    assert reference["engines.event.lanes"] == 16


def test_without_a_reference_it_is_said_why(tmp_path: Path) -> None:
    space = space_of(TWO_MACHINES, hardware=["pim45nm", "digital45nm"])
    own = next(iter(space.around())).values
    others = [point for point in space.points() if point.values != own]
    path = explored(tmp_path / "others", space, figures, others, method="random")
    found = sensitivities(Results.open(path), [ENERGY])
    assert (found.reference, found.missing) == (None, "the space's own machine is not among the points")

    refused = explored(
        tmp_path / "refused",
        space,
        lambda values: figures(values) if tuple(values.items()) != own else {"status": "refused", "reason": "too fast"},
    )  # type: ignore[dict-item]
    missing = sensitivities(Results.open(refused), [ENERGY]).missing
    assert missing == f"the space's own machine, point {space.number(own)}, is not evaluated: too fast"
    with pytest.raises(ExplorationError, match=rf"^point {space.number(own)} is no reference: refused, too fast$"):
        of(refused, at=space.number(own))
    lone = tmp_path / "lone.csv"
    lone.write_bytes((path / "results.csv").read_bytes())
    assert sensitivities(Results.open(lone), [ENERGY]).missing == "the space's own machine is not known"


def test_only_what_is_known_counts(machines: Path, tmp_path: Path) -> None:
    found = of(machines, "energy", "accuracy")
    assert (found["energy"].rows, found["accuracy"].rows) == (24, 18)
    assert of(machines, where=("clock_mhz == 100",))["energy"].rows == 12
    path = explored(
        tmp_path / "made",
        space_of(TWO_MACHINES, hardware=["pim45nm", "digital45nm"]),
        lambda _: {"full_energy_pj": 1.0},
    )
    with pytest.raises(ExplorationError, match='"accuracy" is not known of any evaluated point'):
        of(path, "accuracy")
    constant = of(path)["energy"]
    assert {(effect.share, effect.importance) for effect in constant.effects} == {(None, None)}

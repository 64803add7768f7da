"""Fronts of results: equal to every row against every other, and clear about what cannot be asked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from made_front import ACCURACY, AREA, DELAY, ENERGY, HIGH, LOW, refused, results_of, row, trade
from naive_pareto import naive_front

from pimsim.errors import ExplorationError
from pimsim.explore.corners import corners
from pimsim.explore.front import ParetoFront, pareto_front
from pimsim.explore.metrics import parse_objective
from pimsim.explore.point import Cell, Row
from pimsim.explore.question import constraints_on, objectives_of
from pimsim.explore.results import Results

OBJECTIVES = ["energy", "delay", "accuracy"]
STEPS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


def front_of(results: Results, *objectives: str, where: tuple[str, ...] = ()) -> ParetoFront:
    return pareto_front(results, objectives_of(results, objectives or OBJECTIVES), constraints_on(results, where))


def random_rows(count: int, seed: int) -> list[Row]:
    """Few different figures, some of them unknown, some rows violating or refused."""
    draw = random.Random(seed)
    rows = []
    for point in range(count):
        kind = draw.random()
        if kind < 0.1:
            rows.append(refused(point, "too few rows"))
            continue
        figures = [draw.choice(STEPS), draw.choice(STEPS), draw.choice([*STEPS, None])]
        cells: dict[str, Cell] = dict(zip((ENERGY, DELAY, ACCURACY), figures, strict=True))
        cells |= {LOW: draw.choice(STEPS), HIGH: draw.choice(STEPS), "clock_mhz": draw.choice([100.0, 200.0])}
        cells["engines.pim.adc_bits"] = draw.choice([None, 4, 6])
        rows.append(row(point, status="violates" if kind < 0.2 else "ok", **cells))
    return rows


def expected(rows: list[Row], columns: dict[str, int]) -> list[int]:
    """Points of the front of rows that take part; columns with the sign that makes small good."""
    known = [one for one in rows if one["status"] == "ok" and all(one[column] is not None for column in columns)]
    costs = [[sign * number(one, column) for column, sign in columns.items()] for one in known]
    return sorted(int(number(one, "point")) for one, kept in zip(known, naive_front(costs), strict=True) if kept)


def rank(one: Row) -> tuple[float, ...]:
    """The order of a front's rows."""
    return (number(one, ENERGY), number(one, DELAY), -number(one, ACCURACY), number(one, "point"))


def number(one: Row, column: str) -> float:
    cell = one[column]
    assert isinstance(cell, int | float)
    return cell


@pytest.mark.parametrize("seed", range(8))
def test_the_front_of_results_is_what_each_row_against_each_leaves(tmp_path: Path, seed: int) -> None:
    rows = random_rows(120, seed)
    front = front_of(results_of(tmp_path, rows))
    assert sorted(front.points) == expected(rows, {ENERGY: 1, DELAY: 1, ACCURACY: -1})
    assert list(front.rows) == sorted(front.rows, key=rank)
    by_point = {one["point"]: one for one in rows}
    assert all(one == by_point[one["point"]] for one in front.rows)
    ok = [one for one in rows if one["status"] == "ok"]
    assert front.seen["ok"] == len(ok) == front.compared + front.unknown["accuracy"]


@pytest.mark.parametrize("seed", range(4))
def test_where_leaves_rows_out_before_anything_is_compared(tmp_path: Path, seed: int) -> None:
    rows = random_rows(120, seed)
    front = front_of(results_of(tmp_path, rows), where=("delay >= 3 and clock_mhz == 200", "engines.pim.adc_bits <= 4"))
    # a point without the converter is not asked for its bits
    kept = [one for one in rows if one["clock_mhz"] == 200 and one["engines.pim.adc_bits"] in (None, 4)]
    kept = [one for one in kept if one[DELAY] is not None and number(one, DELAY) >= 3]
    assert sorted(front.points) == expected(kept, {ENERGY: 1, DELAY: 1, ACCURACY: -1})
    assert front.left_out == len([one for one in rows if one["status"] == "ok" and one not in kept])


@pytest.mark.parametrize("seed", range(4))
def test_corners_are_the_fronts_with_the_ends_in_place_of_the_nominal_values(tmp_path: Path, seed: int) -> None:
    rows = random_rows(120, seed)
    results = results_of(tmp_path, rows)
    found = corners(results, objectives_of(results, OBJECTIVES))
    for end, column in (("nominal", ENERGY), ("low", LOW), ("high", HIGH)):
        assert found.fronts[end].tolist() == expected(rows, {column: 1, DELAY: 1, ACCURACY: -1})
        known = [one for one in rows if one["status"] == "ok" and one[ACCURACY] is not None]
        best = min(known, key=lambda one: (number(one, column), number(one, "point")))
        assert found.best["energy"][end] == best["point"]
    nominal, low, high = (set(found.fronts[end].tolist()) for end in ("nominal", "low", "high"))
    assert set(found.staying("low", "high").tolist()) == nominal & low & high
    assert set(found.joining("high").tolist()) == high - nominal
    assert {one.corners for one in found.agreements} == {("nominal", "low"), ("nominal", "high"), ("low", "high")}
    assert {one.objective.text for one in found.agreements} == {"energy"}
    assert found.ranked == found.compared


def test_ranks_of_corners(tmp_path: Path) -> None:
    """Low orders as nominal does, high the other way round."""
    rows = [row(point, **{ENERGY: 1.0 + point, LOW: 2.0 * point, HIGH: -1.0 * point}) for point in range(20)]
    results = results_of(tmp_path, rows)
    found = {one.corners: one for one in corners(results, objectives_of(results, ["energy"])).agreements}
    assert (found["nominal", "low"].kendall, found["nominal", "low"].spearman) == (1, 1)
    assert (found["nominal", "high"].kendall, found["low", "high"].spearman) == (-1, -1)


def test_an_objective_at_an_end_stays_there_at_every_corner(tmp_path: Path) -> None:
    rows = [row(point, **{ENERGY: 5.0 - point, LOW: 5.0 - point, HIGH: 1.0 + point}) for point in range(3)]
    results = results_of(tmp_path, rows)
    found = corners(results, objectives_of(results, ["energy:high", "area"]))
    assert [numbers.tolist() for numbers in found.fronts.values()] == [[0], [0], [0]]
    assert {one.objective.text for one in found.agreements} == {"area"}
    with pytest.raises(
        ExplorationError, match="no objective has a range whose ends could be taken: energy:high, delay"
    ):
        corners(results, objectives_of(results, ["energy:high", "delay"]))


def test_each_point_says_what_it_is_best_in(tmp_path: Path) -> None:
    rows = [trade(0, 1.0, 9.0, 0.5), trade(1, 5.0, 5.0, 0.9), trade(2, 9.0, 1.0, 0.9), trade(3, 4.0, 6.0, 0.8)]
    front = front_of(results_of(tmp_path, rows))
    assert front.best == {0: ("energy",), 3: (), 1: ("accuracy",), 2: ("delay", "accuracy")}
    assert front.points == (0, 3, 1, 2)


def test_goals_can_be_turned_round(tmp_path: Path) -> None:
    rows = [trade(point, float(point), float(point)) for point in range(5)]
    results = results_of(tmp_path, rows)
    assert front_of(results, "max energy").points == (4,)
    assert front_of(results, "max energy", "delay").points == (4, 3, 2, 1, 0)


def test_objectives_that_cannot_be_compared_are_named(tmp_path: Path) -> None:
    rows = [trade(0, 1.0, 2.0, None), trade(1, 2.0, 1.0, None), refused(2, "no room")]
    results = results_of(tmp_path, rows)
    with pytest.raises(ExplorationError, match='"accuracy" is not known of any of the 2 evaluated points'):
        front_of(results)
    with pytest.raises(ExplorationError, match='"full_energy_pj": the same as "energy"'):
        front_of(results, "energy", "full_energy_pj")
    with pytest.raises(ExplorationError, match='"enrgy": no metric "enrgy"; did you mean "energy"'):
        front_of(results, "enrgy")
    with pytest.raises(ExplorationError, match="no objective"):
        pareto_front(results, [])
    kept = results_of(tmp_path, [trade(0, 1.0, None, 0.9), trade(1, 1.0, 2.0, None)])
    with pytest.raises(
        ExplorationError, match='none of the 2 evaluated points has all of the objectives "delay", "acc'
    ):
        front_of(kept)


def test_columns_that_a_file_has_lost_are_named(tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("point,status,full_energy_pj\n0,ok,5\n1,ok,4\n")
    results = Results.open(file)
    assert front_of(results, "energy").points == (1,)
    with pytest.raises(ExplorationError, match='objective "area": results have no column "area_um2"'):
        front_of(results, "area")
    with pytest.raises(ExplorationError, match='"area <= 3": results have no column "area_um2"'):
        front_of(results, "energy", where=("area <= 3",))
    with pytest.raises(ExplorationError, match='constraint "clock_mhz <= 3": "clock_mhz" is no key'):
        front_of(results, "energy", where=("clock_mhz <= 3",))


def test_results_without_an_evaluated_point_say_why(tmp_path: Path) -> None:
    results = results_of(tmp_path, [refused(0, "rows=3: too few"), row(1, status="violates", reason="area")])
    with pytest.raises(
        ExplorationError, match="no evaluated point: 1 violates, 1 refused; the first reason: rows=3: too"
    ):
        front_of(results)
    with pytest.raises(ExplorationError, match="no evaluated point"):
        corners(results, [parse_objective("area")])
    with pytest.raises(ExplorationError, match="has no evaluated point: no rows"):
        front_of(results_of(tmp_path, []))
    with pytest.raises(ExplorationError, match='none of the 2 evaluated points holds "delay < 0"'):
        front_of(results_of(tmp_path, [trade(0, 1.0, 1.0), trade(1, 1.0, 1.0)]), where=("delay < 0",))


def test_one_row_is_its_own_front_in_any_objectives(tmp_path: Path) -> None:
    results = results_of(tmp_path, [trade(0, 3.0, 4.0, columns=(AREA, DELAY))])
    assert front_of(results, "area", "delay", "kappa", "max power").points == (0,)

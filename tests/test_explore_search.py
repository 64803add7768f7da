"""Searches: what they ask for, that they go on where they stopped, and that they are worth it."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_search import AXES, costs_of, made_row, made_space, searched, volume

from pimsim.errors import ExplorationError
from pimsim.explore.axis import Axis, Span
from pimsim.explore.excess import excess
from pimsim.explore.knobs import Knob, applies
from pimsim.explore.methods import NSGA2, SEARCHES
from pimsim.explore.point import OK, REFUSED, VIOLATES
from pimsim.explore.search import Search

TWO = {"objectives": ["energy", "delay"]}
SMALL = {
    "axes": {"clock_mhz": [100, 200], "engines.pim.adc_bits": {"values": [4, 6, 8], "when": {"hardware": "pim45nm"}}}
}
FREE = {"axes": AXES | {"cost.temperature_k": {"range": [280.0, 360.0], "steps": "none"}}}


@pytest.fixture(scope="module")
def whole() -> Any:
    """The made space and all its rows."""
    space = made_space(**TWO)
    return space, [made_row(space, point) for point in space.points()]


# --- what is asked for


@pytest.mark.parametrize("method", SEARCHES)
@pytest.mark.parametrize("changes", [TWO, FREE, {"objectives": ["max energy"]}])
def test_points_are_new_numbered_and_of_the_space(method: str, changes: dict[str, Any]) -> None:
    space = made_space(**changes)
    rows = searched(Search(space, method, seed=3, budget=60, population=10))
    assert [row["point"] for row in rows] == list(range(60))
    cells = [tuple(row[name] for name, _ in space.columns) for row in rows]
    assert len(set(cells)) == 60
    for row in rows:
        values = {name: row[name] for name, _ in space.columns if row[name] is not None}
        assert [axis.name for axis in space.axes if applies(axis, values)] == list(values)
        for axis in space.axes:
            value = values.get(axis.name)
            if axis.span is None:
                assert value is None or value in axis.values
            elif value is not None:
                assert axis.span.low <= value <= axis.span.high


def test_the_first_point_is_the_files_own_machine() -> None:
    space = made_space()
    assert Search(space, NSGA2, seed=0, budget=5).ask()[0].values == next(space.around()).values


def test_generations_have_the_population_and_the_budget_ends_the_last() -> None:
    search = Search(made_space(), NSGA2, seed=0, budget=25, population=10)
    sizes = []
    while points := search.ask():
        sizes.append(len(points))
        search.tell(made_row(search.space, point) for point in points)
    assert sizes == [10, 10, 5]


@pytest.mark.parametrize("method", SEARCHES)
def test_a_small_space_is_walked_to_its_end(method: str) -> None:
    space = made_space(**SMALL)
    search = Search(space, method, seed=0, budget=1000, population=4)
    asked = []
    while points := search.ask():
        asked += points
        search.tell(
            {
                "point": p.number,
                "status": REFUSED,
                **space.cells(p),
                "full_energy_pj": None,
                "delay_ns": None,
                "area_um2": None,
                "overall_accuracy": None,
            }
            for p in points
        )
    assert {point.values for point in asked} == {point.values for point in space.points()}
    assert len(asked) == space.size == 8


def test_a_span_of_few_whole_numbers_is_walked_to_its_end() -> None:
    """Such a space does not know its size."""
    axes = {"engines.event.fifo_depth": {"range": [4, 9], "steps": "none"}}
    space = made_space(hardware="digital45nm", axes=axes, **TWO)
    search = Search(space, NSGA2, seed=0, budget=1000, population=4)
    found = []
    while points := search.ask():
        found += [dict(point.values)["engines.event.fifo_depth"] for point in points]
        search.tell(
            {"point": p.number, "status": OK, **space.cells(p), "full_energy_pj": 1.0 + p.number, "delay_ns": 2.0}
            for p in points
        )
    assert sorted(found) == [4, 5, 6, 7, 8, 9]


# --- the same search again


@pytest.mark.parametrize("method", SEARCHES)
def test_a_search_depends_on_its_seed_and_not_on_the_order_in_which_rows_come(method: str) -> None:
    space = made_space(**TWO)
    expected = searched(Search(space, method, seed=5, budget=50, population=8))
    search, found, order = Search(space, method, seed=5, budget=50, population=8), [], random.Random(1)
    while points := list(search.ask()):
        order.shuffle(points)
        some = points[: order.randint(1, len(points))]
        rows = [made_row(space, point) for point in some]
        search.tell(rows)
        found += rows
    assert sorted(found, key=lambda row: int(str(row["point"]))) == expected
    assert searched(Search(space, method, seed=6, budget=50, population=8)) != expected


@pytest.mark.parametrize("method", SEARCHES)
def test_a_search_is_the_same_in_another_process(method: str) -> None:
    """Sets of names are walked in another order there."""
    code = (
        "from made_search import *; from pimsim.explore.search import Search\n"
        f"rows = searched(Search(made_space(), {method!r}, seed=2, budget=40, population=8))\n"
        "print([list(row.values()) for row in rows])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1]}"},
            capture_output=True,
            check=True,
            timeout=300,
        ).stdout
        for seed in ("1", "2")
    }
    rows = searched(Search(made_space(), method, seed=2, budget=40, population=8))
    assert outputs == {f"{[list(row.values()) for row in rows]}\n".encode()}


@pytest.mark.parametrize("method", SEARCHES)
@pytest.mark.parametrize("stopped", [0, 1, 8, 19, 24, 30])
def test_a_stopped_search_goes_on_and_may_go_further(method: str, stopped: int) -> None:
    space = made_space(**TWO)
    expected = searched(Search(space, method, seed=1, budget=40, population=8))
    again = Search(space, method, seed=1, budget=40, population=8)
    again.replay({int(str(row["point"])): row for row in expected[:stopped]})
    assert searched(again) == expected[stopped:]
    short = searched(Search(space, method, seed=1, budget=max(stopped, 1), population=8))
    assert short == expected[: len(short)]


def test_rows_of_another_search_are_not_continued() -> None:
    space = made_space(**TWO)
    stored = {int(str(row["point"])): row for row in searched(Search(space, NSGA2, seed=1, budget=30))}
    with pytest.raises(ExplorationError, match=r"^point \d+ has [\w.]+=\S+ in the results, \S+ in this search$"):
        Search(space, NSGA2, seed=2, budget=30).replay(stored)
    with pytest.raises(ExplorationError, match="1 stored points are none that this search asks for"):
        Search(space, NSGA2, seed=1, budget=29).replay(stored)


def test_only_what_was_asked_for_can_be_told() -> None:
    search = Search(made_space(), NSGA2, seed=0, budget=10, population=5)
    row = made_row(search.space, search.ask()[0])
    with pytest.raises(ExplorationError, match="point 7 was not asked for"):
        search.tell([row | {"point": 7}])
    search.tell([row])
    with pytest.raises(ExplorationError, match="point 0 was not asked for"):
        search.tell([row])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "cmaes"}, 'search "cmaes": must be one of nsga2, tpe'),
        ({"budget": 0}, "0 points: a search needs at least 1"),
        ({"population": 1}, "population=1: a generation has at least 2 points"),
        ({"seed": -1}, "seed=-1: must be in 0 … 4294967295"),
    ],
)
def test_impossible_searches_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ExplorationError) as caught:
        Search(made_space(**SMALL), **{"method": NSGA2, "seed": 0, "budget": 5} | given)
    assert str(caught.value) == said


# --- how good it is


def shares(whole: Any, method: str, budget: int, seeds: int, **options: Any) -> list[float]:
    """Of the volume below the whole space's front, by so many seeds; ``method`` may be random."""
    space, rows = whole
    every = costs_of(space, rows)
    corner = every.max(axis=0) + 0.01
    found = []
    for seed in range(seeds):
        if method == "random":
            chosen = [made_row(space, point, **options) for point in space.sample(budget, seed=seed)]
        else:
            chosen = searched(Search(space, method, seed=seed, budget=budget), **options)
        found.append(volume(costs_of(space, chosen), corner) / volume(every, corner))
    return found


@pytest.mark.parametrize(("method", "budget"), [("nsga2", 400), ("tpe", 100)])
def test_a_search_finds_a_better_front_than_chance(whole: Any, method: str, budget: int) -> None:
    """Of what chance leaves open, half at least."""
    reached, chance = np.array(shares(whole, method, budget, 4)), np.array(shares(whole, "random", budget, 20))
    assert (reached <= 1 + 1e-9).all()
    assert 1 - reached.mean() < (1 - chance.mean()) / 2


@pytest.mark.parametrize("method", SEARCHES)
def test_a_search_finds_its_way_where_most_machines_cannot_be_built(method: str) -> None:
    """One in ten can; of later generations three times as many."""
    space = made_space(
        hardware="pim45nm",
        axes={
            name: AXES[name]
            if "when" not in AXES[name]
            else {key: value for key, value in AXES[name].items() if key != "when"}
            for name in AXES
        },
        **TWO,
    )
    able = [made_row(space, point, refuse_above=2048)["status"] == OK for point in space.points()]
    rows = searched(Search(space, method, seed=0, budget=150, population=15), refuse_above=2048)
    late = [row["status"] == OK for row in rows[75:]]
    assert sum(able) / len(able) < 0.12
    assert sum(late) / len(late) > 3 * sum(able) / len(able)


def test_a_search_is_drawn_to_what_constraints_allow() -> None:
    space = made_space(constraints=["area <= 1.2", "delay <= 9000"], **TWO)
    rows = searched(Search(space, NSGA2, seed=0, budget=240))
    chance = [made_row(space, point)["status"] for point in space.sample(240, seed=0)]
    assert VIOLATES in chance
    late = [row["status"] for row in rows[120:]]
    assert late.count(OK) / 120 > 2 * chance.count(OK) / 240


def test_keys_that_no_axis_turns_are_read_in_the_file() -> None:
    """Of 256 columns as the file has them: the nearer a violated limit, the less it counts."""
    space = made_space(
        hardware="pim45nm",
        axes={"engines.pim.rows": [64, 128, 256]},
        constraints=["engines.pim.rows * engines.pim.columns <= 8192"],
        **TWO,
    )
    search = Search(space, NSGA2, seed=0, budget=10)
    rows = {"point": 0, "status": VIOLATES, "full_energy_pj": None, "delay_ns": None}
    asked = {dict(point.values)["engines.pim.rows"]: point for point in search.ask()}
    missed = {size: search.missed(point, rows | space.cells(point)) for size, point in asked.items()}
    assert missed == {64: 0.5, 128: 0.75, 256: 0.875}
    assert search.missed(asked[256], rows | {"status": REFUSED}) == 2.0


def test_the_best_of_all_so_far_are_bred_from() -> None:
    """With one objective they are known: the least values, of whichever generation; nothing else is kept."""
    import optuna

    from pimsim.explore.breeding import Breeder

    line = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}
    breeder = Breeder(line, seed=0, population=6)
    study, told = optuna.create_study(sampler=breeder), []
    for _ in range(8):
        for _ in range(6):
            trial = study.ask(line)
            told.append(abs(trial.params["x"] - 0.3))
            study.tell(trial, told[-1])
        study = breeder.next_study(study)
        assert sorted(trial.value or 0.0 for trial in study.trials) == sorted(told)[:6]
    assert min(told[24:]) < min(told[:6])


# --- parts


@pytest.mark.parametrize(
    ("axis", "value", "gene"),
    [
        (Axis("a", ("a",), (256, 64, 128)), 256, 2),
        (Axis("a", ("a",), (0.5, 2.0)), 0.5, 0),
        (Axis("a", ("a",), (True, False)), False, "False"),
        (Axis("a", ("a",), (1, "auto")), 1, "1"),
        (Axis("a", ("a",), span=Span(1, 64, log=True)), 7, 7),
        (Axis("a", ("a",), span=Span(0.5, 2.0)), 0.75, 0.75),
    ],
)
def test_a_sampler_knows_values_by_their_order(axis: Axis, value: Any, gene: Any) -> None:
    import optuna

    knob = Knob.of(axis)
    assert knob.gene(value) == gene
    trial = optuna.trial.FixedTrial({"a": gene})
    suggested = knob.suggested(trial)  # type: ignore[arg-type]
    assert (suggested, type(suggested)) == (value, type(value))
    assert trial.distributions["a"] == knob.distribution()


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("area <= 3e6", {"area_um2": 3e6}, 0.0),
        ("area <= 3e6", {"area_um2": 4e6}, 0.25),
        ("area < 3e6", {"area_um2": 3e6}, 1.0),
        ("accuracy >= 0.9", {"overall_accuracy": 0.45}, 0.5),
        ("accuracy >= 0.9", {"overall_accuracy": None}, 1.0),
        ("area <= 3e6 and delay <= 5", {"area_um2": 4e6, "delay_ns": 10.0}, 0.75),
        ("area <= 3e6 or delay <= 5", {"area_um2": 4e6, "delay_ns": 10.0}, 0.25),
        ("1e6 <= area <= 3e6", {"area_um2": 4e6}, 0.25),
        ("not area > 3e6", {"area_um2": 4e6}, 1.0),
        ("area / (delay - delay) <= 1", {"area_um2": 4e6, "delay_ns": 10.0}, 1.0),
        ("clock_mhz == 200", {"clock_mhz": 100}, 1.0),
        ("clock_mhz * 2 <= 100", {}, 0.0),
    ],
)
def test_a_miss_is_told_by_how_much(text: str, values: dict[str, Any], expected: float) -> None:
    constraint = made_space(constraints=[text]).constraints[0]
    assert excess(constraint, values) == expected
    assert (expected == 0) == constraint.holds(values)


def test_a_nearer_miss_is_smaller() -> None:
    (constraint,) = made_space(constraints=["area * delay <= 12 - clock_mhz / 100"]).constraints
    missed = [excess(constraint, {"area_um2": area, "delay_ns": 3.0, "clock_mhz": 100}) for area in (4.0, 5.0, 50.0)]
    assert all(0 < nearer < further < 1 for nearer, further in pairwise(missed))


def test_volume_is_what_random_throws_say() -> None:
    rng = np.random.default_rng(0)
    costs, corner = rng.random((30, 3)), np.ones(3)
    thrown = rng.random((200_000, 3))
    below = (costs[:, None, :] <= thrown[None, :, :]).all(axis=2).any(axis=0).mean()
    assert volume(costs, corner) == pytest.approx(below, abs=0.005)

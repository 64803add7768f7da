"""The plan of an exploration against what one worker then really does, and against walking through all points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import made_space
import pytest

from pimsim.explore import plan as planning
from pimsim.explore.evaluator import Evaluator
from pimsim.explore.job import Job, prepare
from pimsim.explore.keys import Split
from pimsim.explore.plan import Plan, plan
from pimsim.explore.point import OK
from pimsim.explore.space_load import load_space, space_from_dict
from pimsim.explore.work import Work

Prepared = Callable[..., Job]

NOISY: dict[str, object] = {
    "format": 1,
    "name": "noisy",
    "hardware": ["pim45nm_bitserial", "digital45nm", "ann45nm"],
    "models": ["made.npz", "other.npz"],
    "inputs": ["trace.npz", "field.npy"],
    "samples": 3,
    "axes": {
        "clock_mhz": [100, 200],
        "cost.device": ["lstp", "hp"],
        "engines.event.lanes": {"values": [4, 8], "when": {"hardware": ["pim45nm_bitserial", "digital45nm"]}},
        "noise": {
            "choices": {"none": {"engines.pim.arrays": 8}, "some": {"engines.pim.numerics.thermal_sigma_lsb": 0.5}},
            "when": {"hardware": "pim45nm_bitserial"},
        },
        "engines.pim.numerics.seed": {"values": [0, 1, 2], "when": {"noise": "some"}},
        "engines.pim.membrane_bits": {"values": [17, 18], "when": {"hardware": "pim45nm_bitserial"}},
        "memories.macro_kib": {"values": [4, 8], "when": {"cost.device": "hp", "hardware": "ann45nm"}},
    },
}
"""Numeric settings on some machines only, organisations that depend on prices, a trace of one of two models."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("files")
    made_space.write_files(folder)

    def prepare_with(**changes: object) -> Job:
        return prepare(space_from_dict({**NOISY, **changes}, folder=folder))

    return prepare_with


def counted(work: Work) -> tuple[int, int, int]:
    return work.executions, work.schedules, work.pricings


def figures(found: Plan) -> tuple[int, int, int]:
    return found.executions, found.schedules, found.pricings


@pytest.mark.parametrize("models", [["made.npz"], ["made.npz", "other.npz"]])
def test_one_worker_does_what_the_plan_of_a_grid_says(prepared: Prepared, models: list[str]) -> None:
    job = prepared(models=models, inputs=["field.npy"])
    assert job.space.size
    found = plan(job, job.space.size)
    evaluated = Evaluator(job).evaluate(list(job.space.points()))
    assert {row["status"] for row in evaluated.rows} == {OK}
    assert found.exact
    assert figures(found) == counted(evaluated.work)
    # per model on the scene: words of 17 and 18 bits, clean and with each of three seeds, and those of ann45nm;
    # digital45nm has the words of a clean crossbar
    assert found.executions == len(models) * (2 * (1 + 3) + 1)
    assert found.schedules == len(models) * (2 * 2 * (1 + 3) + 2 + (1 + 2))


def test_the_plan_of_a_shipped_space_is_what_is_done() -> None:
    """Constraints on metrics spare nothing."""
    space = load_space("arrays")
    found = plan(prepare(space), space.size or 0)
    split = Split(space)
    assert found.schedules == len({split.keys(point).schedule for point in space.points()})
    few = replace(space, samples=2)
    evaluated = Evaluator(prepare(few)).evaluate(list(few.points()))
    assert found.exact
    assert figures(found) == counted(evaluated.work)


def test_what_a_recording_holds_for_is_not_executed(prepared: Prepared) -> None:
    job = prepared(models="made.npz", inputs="trace.npz")
    found = plan(job, job.space.size or 0)
    assert figures(found) == counted(Evaluator(job).evaluate(list(job.space.points())).work)
    assert found.executions == 2 * 3  # words of 17 bits hold too: noise alone is executed


def test_points_that_are_known_are_counted_one_by_one(prepared: Prepared) -> None:
    job = prepared(inputs=["field.npy"])
    points = list(job.space.sample(37, seed=2))
    found = plan(job, len(points), lambda: points)
    assert found.exact
    assert figures(found) == counted(Evaluator(job).evaluate(points).work)


def test_points_that_are_not_known_have_bounds(prepared: Prepared) -> None:
    job = prepared(inputs=["field.npy"])
    found, whole = plan(job, 37), plan(job, job.space.size or 0)
    assert not found.exact
    assert figures(found) == (min(whole.executions, 37), min(whole.schedules, 37), 37)


def test_constraints_and_refusals_make_bounds(prepared: Prepared) -> None:
    """Half of the points violate a constraint; a third of them has accumulators that hold no sum."""
    for changes in (
        {"constraints": ["clock_mhz <= 100"]},
        {"set": {"engines.pim.accumulator_bits": 18}},
    ):
        job = prepared(models="made.npz", inputs=["field.npy"], **changes)
        found = plan(job, job.space.size or 0)
        done = counted(Evaluator(job).evaluate(list(job.space.points())).work)
        assert not found.exact
        assert all(real <= bound for real, bound in zip(done, figures(found), strict=True))
        assert done != figures(found)


def test_axes_without_steps_have_bounds_too(prepared: Prepared) -> None:
    axes = {"engines.event.lanes": {"range": [1, 64], "steps": "none"}, "clock_mhz": [100, 200]}
    job = prepared(hardware="digital45nm", models="made.npz", inputs="trace.npz", axes=axes)
    assert figures(plan(job, 500)) == (0, 500, 500)
    points = list(job.space.sample(100, seed=1))
    known = plan(job, 100, lambda: points)
    assert known.exact
    assert known.schedules == len({dict(point.values)["engines.event.lanes"] for point in points})


def test_more_organisations_than_are_looked_at_are_bounded(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    job = prepared(models="made.npz", inputs="trace.npz")
    whole = plan(job, job.space.size or 0)
    monkeypatch.setattr(planning, "MOST_WALKED", 15)
    few = plan(job, job.space.size or 0)
    assert not few.exact
    assert all(real <= bound <= few.points for real, bound in zip(figures(whole), figures(few), strict=True))
    monkeypatch.setattr(planning, "MOST_WALKED", 10**6)
    monkeypatch.setattr(planning, "MOST_LOADED", 3)
    fewer = plan(job, job.space.size or 0)
    assert not fewer.exact
    assert fewer.schedules == whole.schedules
    assert whole.executions <= fewer.executions


def test_a_large_grid_is_planned_without_walking_through_it(prepared: Prepared) -> None:
    """10^8 points in which only prices differ."""
    axes = {
        "clock_mhz": {"range": [1, 10_000], "step": 1},
        "cost.temperature_k": {"range": [300, 400], "count": 10_000},
    }
    job = prepared(hardware="digital45nm", models="made.npz", inputs="trace.npz", axes=axes)
    assert job.space.size == 10**8
    assert plan(job, 10**8).text() == "100,000,000 points: 0 executions of the network, 1 schedule, " + (
        "100,000,000 pricings"
    )


def test_the_text_says_where_figures_are_bounds() -> None:
    assert Plan(1, 1, 0, 1, exact=True).text() == "1 point: 1 execution of the network, 0 schedules, 1 pricing"
    assert Plan(2000, 3, 4, 2000, exact=False).text() == (
        "2,000 points: at most 3 executions of the network, 4 schedules, 2,000 pricings"
    )

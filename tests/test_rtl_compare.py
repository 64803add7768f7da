"""The comparison: silent where two machines agree, and not where any single number differs."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_observed import observe_naively
from rtl_cases import event_cases

from pimsim.rtl.verify.compare import compare


@settings(max_examples=150)
@given(event_cases(behind=True))
def test_machines_stepped_by_the_clock_and_plain_arithmetic_give_the_record_of_the_simulator(case):
    verdict = compare(case, observe_naively(case))
    assert verdict.equal, verdict.differences
    assert all(row.equal for row in verdict.rows)
    assert {row.name for row in verdict.rows if row.kind == "units"} >= {"scanner busy", "lanes idle", "sweep stall"}


@settings(max_examples=25)
@given(event_cases(behind=True), st.data())
def test_every_count_that_is_off_by_one_is_found_and_named(case, data):
    observed = observe_naively(case)
    name = data.draw(st.sampled_from(sorted(observed.counts)))
    wrong = replace(observed, counts=observed.counts | {name: observed.counts[name] + 1})
    port = name.startswith("bank_access")
    if port and wrong.counts[name] <= max(n for key, n in observed.counts.items() if key.startswith("bank_access")):
        return  # the unit is the busiest bank
    verdict = compare(case, wrong)
    assert not verdict.equal
    wanted = "membrane_port" if port else name.split("_")[0]
    assert wanted in verdict.differences[0].text or name.startswith("counter")


@settings(max_examples=25)
@given(event_cases(behind=True), st.data())
def test_every_value_that_differs_is_found_with_its_sample_step_and_neuron(case, data):
    observed = observe_naively(case)
    arrays = [one.name for one in fields(observed) if one.name != "counts" and getattr(observed, one.name).size]
    name = data.draw(st.sampled_from(sorted(arrays)))
    wrong = getattr(observed, name).copy()
    place = tuple(data.draw(st.integers(0, size - 1)) for size in wrong.shape)
    wrong[place] ^= 1
    verdict = compare(case, replace(observed, **{name: wrong}))
    assert not verdict.equal
    first = verdict.differences[0].text
    assert f"sample {place[0]}" in first
    if len(place) > 1:
        assert f"step {place[1]}" in first
    if name == "membranes":
        assert f"neuron {place[2]} " in first
        old, new = int(observed.membranes[place]), int(wrong[place])
        assert f"simulator {old}, RTL {new} (1 of {wrong.size} differ)" in first


@settings(max_examples=10)
@given(event_cases(behind=True))
def test_the_earliest_difference_comes_first(case):
    observed = observe_naively(case)
    membranes, cycles = observed.membranes.copy(), observed.step_cycles.copy()
    membranes[-1, -1, 0] += 1
    cycles[0, 0] += 1
    verdict = compare(case, replace(observed, membranes=membranes, step_cycles=cycles))
    assert verdict.differences[0].text.startswith("cycles of a step: sample 0, step 0")
    assert any("membrane" in one.text for one in verdict.differences)


@settings(max_examples=5)
@given(event_cases(behind=True))
def test_a_map_of_another_size_and_a_count_that_nobody_knows_are_told(case):
    observed = observe_naively(case)
    verdict = compare(case, replace(observed, membranes=observed.membranes[:, :, :-1]))
    assert "values" in verdict.differences[0].text
    with pytest.raises(ValueError, match='"bogus_count" is counted'):
        compare(case, replace(observed, counts=observed.counts | {"bogus_count": 1}))

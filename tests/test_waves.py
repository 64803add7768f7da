"""Signals as their changes, against arrays with a value for every cycle."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pimsim.simulation.waves import changing, counting, lasting, level, merged, spread, without

LENGTH = 40
cycles = st.lists(st.integers(0, LENGTH - 1), max_size=30)


def array(values):
    return np.array(values, np.int64)


def is_minimal(wave):
    """Cycles grow, no change is none, and the first one is away from 0."""
    return (np.diff(wave.cycles) > 0).all() and (np.diff(wave.values, prepend=0) != 0).all()


@given(st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(0, 9)), max_size=30))
def test_things_that_happen_are_counted_in_their_cycle_and_in_no_other(events):
    expected = [sum(amount for cycle, amount in events if cycle == one) for one in range(LENGTH)]
    wave = counting("unit", "name", array([one for one, _ in events]), array([many for _, many in events]))
    assert wave.dense(LENGTH).tolist() == expected
    assert wave.total(LENGTH) == sum(expected)
    assert is_minimal(wave)
    assert wave.width == max(1, max(expected).bit_length())


@given(cycles, st.integers(0, LENGTH + 5))
def test_a_total_ends_where_it_is_cut(found, stop):
    wave = counting("unit", "name", array(found))
    assert wave.total(stop) == sum(cycle < stop for cycle in found)
    assert wave.dense(stop).tolist() == [found.count(cycle) for cycle in range(stop)]


@given(cycles, cycles)
def test_a_level_shows_in_the_cycle_behind_what_raised_or_lowered_it(up, down):
    expected = [sum(c < one for c in up) - sum(c < one for c in down) for one in range(LENGTH + 1)]
    wave = level("unit", "name", array(up), array(down), width=8)
    assert wave.dense(LENGTH + 1).tolist() == expected
    assert is_minimal(wave)
    assert wave.width == 8


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))
def test_stretches_may_meet_and_may_be_empty(gaps):
    starts, stops, at = [], [], 0
    for gap, length in gaps:
        starts.append(at + gap)
        at += gap + length
        stops.append(at)
    wave = lasting("unit", "name", array(starts), array(stops))
    inside = [any(a <= one < b for a, b in zip(starts, stops, strict=True)) for one in range(at + 2)]
    assert wave.dense(at + 2).tolist() == inside
    assert is_minimal(wave)
    every = spread(array(starts), array(stops) - array(starts))
    assert every.tolist() == [one for a, b in zip(starts, stops, strict=True) for one in range(a, b)]


def test_of_several_values_in_one_cycle_the_last_one_counts():
    wave = changing("unit", "name", array([2, 5, 5, 7]), array([1, 9, 3, 3]))
    assert (wave.cycles.tolist(), wave.values.tolist()) == ([2, 5], [1, 3])


@given(st.lists(st.tuples(st.sampled_from("ab"), cycles), max_size=6))
def test_signals_of_one_name_are_added_up(parts):
    waves = merged(counting("unit", name, array(found)) for name, found in parts)
    assert [wave.name for wave in waves] == list(dict.fromkeys(name for name, _ in parts))
    for wave in waves:
        both = [one for name, found in parts if name == wave.name for one in found]
        assert wave.dense(LENGTH).tolist() == [both.count(one) for one in range(LENGTH)]
        assert is_minimal(wave)


def test_later_moves_every_change():
    wave = counting("unit", "name", array([0, 3])).later(10)
    assert np.flatnonzero(wave.dense(20)).tolist() == [10, 13]


@given(cycles, cycles)
def test_without_leaves_the_cycles_that_are_not_taken_in_their_order(found, taken):
    left = without(array(found), array(taken))
    assert left.tolist() == [one for one in found if one not in taken]
    assert counting("unit", "name", left, 3).dense(LENGTH).tolist() == [
        3 * left.tolist().count(c) for c in range(LENGTH)
    ]

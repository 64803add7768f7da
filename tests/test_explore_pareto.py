"""The front of rows of numbers: equal to each row against every other, whole or in batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_pareto import naive_front

from pimsim.explore import pareto
from pimsim.explore.pareto import Costs, Front, non_dominated

INFINITY = float("inf")
FEW = st.sampled_from([-INFINITY, -1.0, -0.0, 0.0, 1.0, 2.0, 3.0, INFINITY, float("nan")])
"""So few values that most rows share some of them."""


@st.composite
def tables(draw: st.DrawFn, values: st.SearchStrategy[float] = FEW) -> Costs:
    columns = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(values, min_size=columns, max_size=columns), max_size=40))
    return np.array(rows, dtype=np.float64).reshape(len(rows), columns)


@given(table=st.one_of(tables(), tables(st.floats())))
@settings(max_examples=300, deadline=None)
def test_the_front_is_what_comparing_each_with_each_leaves(table: Costs) -> None:
    assert non_dominated(table).tolist() == naive_front(table.tolist())


@given(table=st.one_of(tables(), tables(st.floats())))
@settings(max_examples=300, deadline=None)
def test_splitting_to_the_last_row_changes_nothing(table: Costs) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pareto, "LEAF", 1)
        patch.setattr(pareto, "PAIRS", 0)
        assert non_dominated(table).tolist() == naive_front(table.tolist())


@given(table=tables(), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5), waiting=st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_batches_of_any_size_give_the_front_of_the_whole(table: Costs, sizes: list[int], waiting: int) -> None:
    numbers = np.arange(len(table), dtype=np.int64) * 3 + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pareto, "WAITING", waiting)
        front, start = Front(table.shape[1]), 0
        while start < len(table):
            stop = start + sizes[start % len(sizes)]
            front.add(numbers[start:stop], table[start:stop])
            start = stop
        assert front.numbers().tolist() == numbers[naive_front(table.tolist())].tolist()


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("steps", [3, 40, 10**6])
def test_many_rows(columns: int, steps: int) -> None:
    """More rows than are compared at once, with few, some and no equal values."""
    table = np.random.default_rng(columns).integers(0, steps, (700, columns)).astype(np.float64)
    assert non_dominated(table).tolist() == naive_front(table.tolist())


@pytest.mark.parametrize("columns", [3, 4])
def test_a_large_front_keeps_every_row(columns: int) -> None:
    """On a sphere each row is the only one of its direction: none beats another, and one behind them all is beaten."""
    rows = np.abs(np.random.default_rng(1).normal(size=(3000, columns)))
    sphere = rows / np.linalg.norm(rows, axis=1)[:, None]
    # rounding may set a row behind one beside it
    expected = naive_front(sphere[:300].tolist())
    assert non_dominated(sphere[:300]).tolist() == expected
    assert sum(expected) > 290
    table = np.concatenate([sphere, np.full((1, columns), 2.0)])
    assert not non_dominated(table)[-1]
    assert np.array_equal(non_dominated(table)[:-1], non_dominated(sphere))


def test_no_rows_have_no_front() -> None:
    assert non_dominated(np.empty((0, 3))).tolist() == []
    assert Front(2).numbers().tolist() == []


def test_equal_rows_are_on_the_front_together() -> None:
    table = np.array([[1.0, 2.0], [3.0, 0.0], [1.0, 2.0], [1.0, 3.0]])
    assert non_dominated(table).tolist() == [True, True, True, False]


def test_rows_waiting_are_bounded() -> None:
    """Of rows that fall one after the other only the last are kept, however many came."""
    front, batch = Front(2), 1000
    largest = 0
    for start in range(0, 10 * pareto.WAITING, batch):
        falling = -np.arange(start, start + batch, dtype=np.float64)
        front.add(np.arange(start, start + batch), np.column_stack([falling, falling]))
        largest = max(largest, front._rows_waiting + len(front._numbers))
    assert largest <= pareto.WAITING + batch
    assert front.numbers().tolist() == [start + batch - 1]

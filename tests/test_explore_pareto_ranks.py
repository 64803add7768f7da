"""Rank correlations against every pair of rows, and against SciPy; thinning that no batch size changes."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pimsim.explore.arrow import pa
from pimsim.explore.rank_correlation import kendall, spearman
from pimsim.explore.thinning import Sample, scattered

PAIRS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=30)


def naive_kendall(first: list[int], second: list[int]) -> float | None:
    same = reverse = ordered_first = ordered_second = 0
    for one, other in combinations(range(len(first)), 2):
        a, b = first[one] - first[other], second[one] - second[other]
        same += a * b > 0
        reverse += a * b < 0
        ordered_first += a != 0
        ordered_second += b != 0
    ordered = ordered_first * ordered_second
    return (same - reverse) / sqrt(ordered) if ordered else None


def naive_ranks(values: list[int]) -> list[float]:
    return [sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values]


@given(pairs=PAIRS)
@settings(max_examples=300, deadline=None)
def test_kendall_is_what_all_pairs_say(pairs: list[tuple[int, int]]) -> None:
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    assert kendall(np.array(first, dtype=float), np.array(second, dtype=float)) == naive_kendall(first, second)


@given(pairs=PAIRS)
@settings(max_examples=300, deadline=None)
def test_spearman_is_the_correlation_of_ranks(pairs: list[tuple[int, int]]) -> None:
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    found = spearman(np.array(first, dtype=float), np.array(second, dtype=float))
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(naive_ranks(first), naive_ranks(second))[0, 1], abs=1e-12)


@pytest.mark.parametrize("steps", [5, 10**9])
def test_many_rows_as_scipy_has_them(steps: int) -> None:
    random = np.random.default_rng(steps)
    first = random.integers(0, steps, 5000).astype(float)
    second = first + random.integers(0, steps, 5000)
    assert kendall(first, second) == pytest.approx(stats.kendalltau(first, second).statistic, abs=1e-12)
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_the_same_order_and_its_reverse() -> None:
    rising = np.array([1.0, 5.0, 7.0, float("inf")])
    assert (kendall(rising, rising), kendall(rising, -rising)) == (1, -1)
    assert (spearman(rising, rising), spearman(rising, -rising)) == (1, -1)


SCHEMA = pa.schema([("point", pa.int64())])


@given(count=st.integers(0, 300), size=st.integers(1, 40), batch=st.integers(1, 70))
@settings(max_examples=100, deadline=None)
def test_a_sample_does_not_depend_on_batches(count: int, size: int, batch: int) -> None:
    sample = Sample(size, SCHEMA)
    for start in range(0, count, batch):
        sample.add(pa.record_batch([pa.array(range(start, min(start + batch, count)), pa.int64())], schema=SCHEMA))
    places = sorted(range(count), key=lambda number: int(scattered(np.array([number]))[0]))
    assert sample.rows()["point"].to_pylist() == sorted(places[:size])
    assert sample.seen == count


def test_a_sample_keeps_few_rows_whatever_comes() -> None:
    sample, largest = Sample(50, SCHEMA), 0
    for start in range(0, 5000, 20):
        sample.add(pa.record_batch([pa.array(range(start, start + 20), pa.int64())], schema=SCHEMA))
        largest = max(largest, sample._rows.num_rows + sample._rows_waiting)
    assert largest <= 2 * 50 + 20


def test_a_sample_of_a_grid_has_every_value_of_every_axis() -> None:
    sample = Sample(1000, SCHEMA)
    sample.add(pa.record_batch([pa.array(range(100_000), pa.int64())], schema=SCHEMA))
    points = sample.rows()["point"].to_numpy()
    for period in (8, 10, 100):
        assert len(set(points % period)) == period

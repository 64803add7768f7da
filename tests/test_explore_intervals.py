"""Runs of numbers beside a plain set of them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pimsim.explore.intervals import Intervals

MOST = 40
RUN = st.tuples(st.integers(0, MOST), st.integers(-2, 12))


@given(st.lists(RUN, max_size=12), RUN)
def test_runs_are_those_of_a_set(added: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    runs, naive = Intervals(), set()
    for start, length in added:
        runs.add(start, start + length)
        naive |= set(range(start, start + length))
    found = list(runs.runs())
    assert [number for start, stop in found for number in range(start, stop)] == sorted(naive)
    assert all(stop < start for (_, stop), (start, _) in itertools.pairwise(found))
    assert len(runs) == len(naive)
    assert [number in runs for number in range(-1, 60)] == [number in naive for number in range(-1, 60)]
    start, stop = asked[0], asked[0] + asked[1]
    gaps = list(runs.gaps(start, stop))
    assert [number for first, last in gaps for number in range(first, last)] == [
        number for number in range(start, stop) if number not in naive
    ]
    assert all(first < last for first, last in gaps)


def test_a_million_points_in_chunks_are_one_run() -> None:
    runs = Intervals()
    for parity in (0, 1):
        for start in range(parity * 64, 1_000_000, 128):
            runs.add(start, start + 64)
    assert list(runs.runs()) == [(0, 1_000_000)]
    assert list(runs.gaps(0, 1_000_010)) == [(1_000_000, 1_000_010)]

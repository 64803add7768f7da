"""Crossbar, multipliers and the pipeline of layers: kernels against the machines stepped clock by clock."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from naive_schedule import Crossbar, Multipliers, pipeline_ends

from pimsim.simulation import kernels_schedule_dense as kernels
from pimsim.simulation.kernels_schedule_pipeline import pipeline

small = st.integers(1, 9)


def crossbar(groups, pulses, conversions, hold, correction):
    out = np.full(kernels.CROSSBAR_FIELDS, -1, np.int64)
    arrays = [np.array(one, np.int64) for one in (groups, pulses, conversions, (hold, correction))]
    kernels.crossbar_round(*arrays, out)
    return out.tolist()


def multipliers(fetch, interval, positions, multiply, overlap, depth):
    out = np.full(kernels.MULTIPLIER_FIELDS, -1, np.int64)
    engine = np.array((positions, multiply, overlap, depth), np.int64)
    kernels.multiplier_tiles(np.array(fetch, np.int64), np.array(interval, np.int64), engine, out)
    return out.tolist()


@given(
    groups=st.lists(st.tuples(small, small, st.integers(0, 1)), min_size=1, max_size=6),
    stages=st.lists(st.tuples(st.integers(1, 5), small, small), min_size=1, max_size=5),
    hold=st.booleans(),
    correction=st.integers(1, 4),
)
@example(
    groups=[(2, 6, 0), (2, 6, 0), (3, 6, 0), (3, 1, 0), (2, 2, 0)], stages=[(1, 1, 1)], hold=True, correction=1
)  # sums move to the writer in the cycle in which those behind them are finished
def test_every_cycle_of_the_crossbar_is_that_of_the_machine_stepped_by_the_clock(groups, stages, hold, correction):
    pulses, *conversions = zip(*stages, strict=True)
    naive = Crossbar(groups, pulses, conversions, hold=hold, correction=correction)
    cycles = naive.run()
    names = ("loading", "load stall", "pulsing", "pulse stall", "converting", "writing")
    assert crossbar(groups, pulses, conversions, hold, correction) == [cycles, *(naive.count[name] for name in names)]


@given(
    tiles=st.lists(st.tuples(small, st.integers(0, 3)), min_size=1, max_size=5),
    positions=small,
    multiply=st.integers(1, 3),
    overlap=st.booleans(),
    depth=st.integers(1, 4),
)
def test_every_cycle_of_the_multipliers_is_that_of_the_machine_stepped_by_the_clock(
    tiles, positions, multiply, overlap, depth
):
    fetch, interval = [tile[0] for tile in tiles], [multiply + tile[1] for tile in tiles]
    naive = Multipliers(fetch, interval, positions=positions, multiply=multiply, overlap=overlap, pipeline=depth)
    cycles = naive.run()
    names = ("fetching", "fetch stall", "multiplying", "multiply stall")
    expected = [cycles, *(naive.count[name] for name in names)]
    assert multipliers(fetch, interval, positions, multiply, overlap, depth) == expected


@given(st.data())
def test_layers_in_a_pipeline_wait_for_what_is_in_front_and_for_room_behind(data):
    layers, steps, samples = (data.draw(st.integers(1, n)) for n in (4, 3, 5))
    service = [[data.draw(st.integers(1, 12)) for _ in range(samples * steps)] for _ in range(layers)]
    front = data.draw(st.sampled_from([0, 1, 5, 30]))
    finished = np.full(samples, -1, np.int64)
    pipeline(np.array(service, np.int64), front, steps, 0, finished)
    assert finished.tolist() == pipeline_ends(service, front, steps)
    alone = np.full(samples, -1, np.int64)
    pipeline(np.array(service, np.int64), front, steps, 1, alone)
    each = [[line[n * steps : (n + 1) * steps] for line in service] for n in range(samples)]
    assert alone.tolist() == [pipeline_ends(one, front, steps)[0] for one in each]


def test_bit_serial_cycles_by_hand():
    # One position of 27 inputs over a port of 16: reads in cycles 0, 1; registered in 1, 2; swap in 3. Six input
    # bits: pulses of 1, 8 columns per converter of 3 cycles each = 24 cycles per conversion, overlapping with
    # sample-and-hold. First pulse in 4, conversions from 5, 29, …, 125 to 148; last addition in 149, the sums
    # move in 150, one word in 151, written two cycles later, in 153: 154 cycles.
    assert crossbar([(2, 1, 0)], [1] * 6, [[24] * 6], True, 2)[kernels.END] == 154
    # Without sample-and-hold a pulse waits for the conversion: 6 × 25 = 150 from cycle 4; move in 155, word in
    # 156, written in 158: 159 cycles.
    assert crossbar([(2, 1, 0)], [1] * 6, [[24] * 6], False, 2)[kernels.END] == 159


def test_analog_cycles_by_hand():
    # 27 rows in groups of 10: trains of 10, 10 and 7 pulses, each followed by a conversion of 4 cycles that does
    # not overlap: 39 cycles per position from cycle 4, so the second position's from cycle 43 to 81;
    # move in 83, word in 84, written in 86: 87 cycles.
    assert crossbar([(2, 1, 0), (2, 1, 0)], [10, 10, 7], [[4] * 3], False, 2)[kernels.END] == 87


def test_multiplier_cycles_by_hand():
    # Two tiles of 3 fetch cycles and 5 positions. In turn: fetch 0–2, registered 3, positions 4–8, fetch 9–11,
    # registered 12, positions 13–17, sums written 4 cycles later, in 21: 22 cycles.
    assert multipliers([3, 3], [1, 1], 5, 1, False, 4)[kernels.FINISH] == 22
    # Overlapped: fetch 0–2, registered 3, swap 4, positions 5–9, second fetch 4–6, swap in 9, positions 10–14,
    # written in 18: 19 cycles.
    assert multipliers([3, 3], [1, 1], 5, 1, True, 4)[kernels.FINISH] == 19

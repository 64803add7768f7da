"""The gather core's read addresses, made by counters, against the list of all reads that the simulator works from."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_schedule_event import shapes

pytest.importorskip("amaranth", reason="needs the extra 'verify'")

from amaranth.sim import Simulator

from pimsim.mapping.fields import field_words
from pimsim.model.architecture import LayerShape
from pimsim.rtl.event.field_reads import FieldReads

WIDTHS = st.sampled_from([8, 16, 32, 128, 512])


def read_by_counters(shape, scan_width, steps, takes):
    """Reads of ``steps`` steps; ``takes`` says cycle by cycle, over and over, whether the next one is taken."""
    reads = FieldReads(shape, scan_width)
    found = []

    async def bench(ctx):
        cycle, final = 0, 0
        while final < steps:
            take = takes[cycle % len(takes)]
            ctx.set(reads.take, take)
            names = (reads.word, reads.low, reads.high, reads.closes, reads.final)
            seen = tuple(int(ctx.get(one)) for one in names)
            if take:
                found.append(seen)
                final += seen[-1]
            await ctx.tick()
            cycle += 1

    simulator = Simulator(reads)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def read_by_list(shape, scan_width):
    fields = field_words(shape, scan_width)
    closes = np.zeros(len(fields.word), int)
    closes[fields.first[1:] - 1] = 1
    final = np.arange(len(fields.word)) == len(fields.word) - 1
    return list(zip(*(a.tolist() for a in (fields.word, fields.low, fields.high - 1, closes, final * 1)), strict=True))


@settings(max_examples=60)
@given(shapes(), WIDTHS, st.lists(st.booleans(), min_size=1, max_size=5).filter(any))
def test_counters_read_what_the_list_of_all_reads_says_step_after_step(shape, scan_width, takes):
    assert read_by_counters(shape, scan_width, 2, takes) == 2 * read_by_list(shape, scan_width)


@pytest.mark.parametrize(
    ("source", "kernel", "pool", "padding", "stride"),
    [
        ((3, 4, 5, 6), (2, 3, 3), (1, 1, 1), (1, 1, 1), (2, 1, 2)),  # gaps behind every row
        ((3, 4, 5, 2), (2, 3, 2), (1, 1, 1), (0, 0, 0), (1, 1, 1)),  # whole width: rows joined along the height
        ((1, 6, 3, 2), (2, 3, 2), (1, 1, 1), (1, 0, 0), (1, 1, 1)),  # and along the depth
        ((2, 5, 5, 5), (1, 2, 2), (2, 2, 2), (0, 1, 1), (1, 1, 1)),  # a pool that leaves the last coordinate out
        ((5, 6, 6, 6), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1)),  # whole along an axis for no output
    ],
)
def test_stretches_are_joined_where_nothing_lies_between_them(source, kernel, pool, padding, stride):
    shape = LayerShape("l", "conv3d", source, 3, kernel, stride, padding, pool)
    assert prod(shape.out_size) > 1
    for scan_width in (8, 64):
        assert read_by_counters(shape, scan_width, 1, [True]) == read_by_list(shape, scan_width)

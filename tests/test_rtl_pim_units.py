"""Units of the described crossbar, each alone against plain Python."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import icarus
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rtl_pim import cases, design_of
from test_rtl_verilog import icarus_outputs, outputs_of

from pimsim.rtl.crossbar.address import ValueAddress
from pimsim.rtl.crossbar.array import IdealArray
from pimsim.rtl.crossbar.design import ArrayDesign
from pimsim.rtl.crossbar.rows import PoolAdder
from pimsim.rtl.parts.odometer import advanced, counts, digit_signals, digits_of_number
from pimsim.rtl.parts.popcount import ones
from pimsim.rtl.verilog.convert import convert
from pimsim.rtl.verilog.hexfiles import hex_text

FEW = settings(max_examples=20)


def played(component, cycles, drive, watch):
    """What ``watch`` gives in each cycle, behind what ``drive(context, cycle)`` sets."""
    simulator, seen = Simulator(component), []
    simulator.add_clock(1e-6)

    async def bench(context):
        for cycle in range(cycles):
            drive(context, cycle)
            seen.append(watch(context))
            await context.tick()

    simulator.add_testbench(bench)
    simulator.run()
    return seen


@FEW
@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 400), st.integers(0, 400))
def test_an_odometer_counts_like_nested_loops(radices, start, by):
    m = Module()
    digits = digit_signals("digit", radices, start)
    counts(m, digits, advanced(m, digits, radices, by))
    seen = played(m, 6, lambda *_: None, lambda context: tuple(context.get(digit) for digit in digits))
    assert seen == [digits_of_number(start + step * by, radices) for step in range(6)]


@FEW
@given(st.lists(st.integers(0, 2**23 - 1), min_size=1, max_size=5), st.integers(1, 23))
def test_ones_are_counted(values, width):
    m, value, total = Module(), Signal(width), Signal(8)
    m.d.sync += total.eq(ones(m, value))
    numbers = [number % 2**width for number in values]

    def drive(context, cycle):
        context.set(value, [*numbers, 0][cycle])

    seen = played(m, len(numbers) + 1, drive, lambda context: context.get(total))
    assert seen[1:] == [number.bit_count() for number in numbers]


def values_of_a_window(design, window):
    """Where the values of a window lie, None in the padding, in the order of §5.3."""
    shape = design.window
    channels, *extent = shape.viewed_shape
    found = []
    for *tap, channel in product(*(range(k) for k in shape.kernel), range(channels)):
        corner = [o * s - p + t for o, s, p, t in zip(window, shape.stride, shape.padding, tap, strict=True)]
        for member in product(*(range(p) for p in shape.pool)):
            place = [row * p + m for row, p, m in zip(corner, shape.pool, member, strict=True)]
            inside = all(0 <= row < n for row, n in zip(corner, shape.in_shape[1:], strict=True))
            d, h, w = place
            found.append(((d * extent[1] + h) * extent[2] + w) * channels + channel if inside else None)
    return found


@settings(max_examples=12)
@given(cases(), st.data())
def test_every_reader_finds_its_values_window_by_window_and_row_by_row(case, data):
    design = design_of(case)
    number = data.draw(st.integers(0, len(design.rounds) - 1))
    reader = data.draw(st.integers(0, design.readers - 1))
    windows = list(product(*(range(n) for n in design.window.out_size)))
    first = data.draw(st.integers(0, design.groups - 1)) * design.at_once
    one, expected = design.rounds[number], []
    for window in windows[first : first + design.at_once]:
        rows = values_of_a_window(design, window)
        start = one.first_row * design.pool
        expected += (rows[start:] + rows[:start])[: one.rows * design.pool]
    unit = ValueAddress(design, reader)

    def drive(context, cycle):
        context.set(unit.step, int(cycle > 0))
        context.set(unit.round, number)
        for axis, digit in enumerate(windows[first][::-1]):
            context.set(getattr(unit, f"window_{axis}"), digit)

    wanted = expected[reader :: design.readers]
    seen = played(unit, len(wanted) + 1, drive, lambda context: (context.get(unit.inside), context.get(unit.address)))
    assert [address if inside else None for inside, address in seen[1:]] == wanted


@settings(max_examples=12)
@given(cases(), st.randoms(use_true_random=False))
def test_a_pool_is_added_up_however_its_values_are_cut_into_reads(case, rng):
    design = design_of(case)
    if design.pool == 1:
        return
    check_pool(design, rng)


@pytest.mark.parametrize("readers", [1, 2, 4, 7, 16])
@pytest.mark.parametrize("pool", [2, 3, 5, 6, 9])
def test_a_pool_of_any_size_is_added_up(pool, readers):
    design = SimpleNamespace(pool=pool, readers=readers, loaded_rows=5, stored_bits=3, row_bits=(7 * pool).bit_length())
    check_pool(design, random.Random(pool * readers))


def check_pool(design, rng):
    """Sums of a group's windows, of whose values ``readers`` come per cycle."""
    unit, total = PoolAdder(design), design.loaded_rows * design.pool
    values = [rng.randrange(2**design.stored_bits) for _ in range(total)]
    reads = [values[at : at + design.readers] for at in range(0, total, design.readers)]

    def drive(context, cycle):
        own = reads[cycle % len(reads)]  # twice, as two groups would follow each other
        context.set(unit.arrive, 1)
        context.set(unit.arrive_last, int(own is reads[-1]))
        context.set(unit.arrived, len(own))
        for index in range(design.readers):
            context.set(unit.values[index], own[index] if index < len(own) else 0)

    def watch(context):
        return [context.get(unit.sums[place]) for place in range(unit.most)], context.get(unit.added)

    seen = played(unit, 2 * len(reads), drive, watch)
    rows, filled = [], 0
    for number, (sums, _) in enumerate(seen[len(reads) :]):
        filled = number * design.readers // design.pool
        rows[filled:] = sums
    assert rows[: design.loaded_rows] == [sum(values[at : at + design.pool]) for at in range(0, total, design.pool)]
    assert sum(added for _, added in seen) == 2 * design.loaded_rows * (design.pool - 1)


def an_array(*, blocks: int = 1, cell_bits: int = 2, dac_bits: int = 2) -> ArrayDesign:
    return ArrayDesign(
        rows=5,
        blocks=blocks,
        kernels=1,
        outputs=2,
        reference=1,
        factors=(1, 4, 16),
        stages=((0, 3), (3, 5)),
        seen=(frozenset({0}), frozenset({0})),
        cell_bits=cell_bits,
        dac_bits=dac_bits,
        adc_bits=5,
        columns_per_adc=3,
        accumulator_bits=12,
    )


def stimulus_of(design: ArrayDesign, rng: random.Random, *, written: bool) -> list[dict[str, int]]:
    """Rows of one stage at a time, as charges hold no more; and where the array is written, new rows."""
    rows, found = design.blocks * design.rows, []
    for _ in range(40):
        start, stop = rng.choice(design.stages)
        lines = sum(
            rng.randrange(2**design.dac_bits) << ((block * design.rows + row) * design.dac_bits)
            for block in range(design.blocks)
            for row in range(start, stop)
        )
        found.append({"settle": rng.randrange(2), "lines": lines})
        if written:
            digits = rng.randrange(2 ** (design.columns * design.cell_bits))
            found[-1] |= {"write": rng.randrange(2), "write_row": rng.randrange(rows), "write_digits": digits}
    return found


def charges(design: ArrayDesign, rows: list[int], stimulus: list[dict[str, int]]) -> list[list[int]]:
    """In plain Python: what every column holds in each cycle."""
    bits, wide, held, seen = design.cell_bits, design.charge_bits, 0, []
    cells = list(rows)
    for one in stimulus:
        seen.append([held])
        if one["settle"]:
            held = 0
            for column in range(design.columns):
                total = 0
                for row, word in enumerate(cells):
                    line = one["lines"] >> (row * design.dac_bits) & (2**design.dac_bits - 1)
                    total += line * (word >> (column * bits) & (2**bits - 1))
                held |= total << (column * wide)
        if one.get("write"):
            cells[one["write_row"]] = one["write_digits"]
    return seen


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("written", [True, False])
def test_an_array_gathers_products_column_by_column(blocks: int, written: bool) -> None:
    rng, design = random.Random(blocks), an_array(blocks=blocks)
    block = design.kernel_columns * design.cell_bits
    content = [rng.randrange(2**block) for _ in range(design.rows)]
    rows = [word << (number * block) for number in range(blocks) for word in content]
    array = IdealArray("array", design, None if written else content)
    stimulus = stimulus_of(design, rng, written=written)
    expected = charges(design, [0] * len(rows) if written else rows, stimulus)
    assert outputs_of(array, stimulus, ["charge"]) == expected
    assert len({held for (held,) in expected}) > 10


@icarus.needed
@pytest.mark.parametrize("written", [True, False])
def test_the_module_of_an_array_does_what_the_array_does(written: bool, tmp_path: Path) -> None:
    rng, design = random.Random(7), an_array(blocks=2, cell_bits=1, dac_bits=3)
    content = [rng.randrange(2 ** (design.kernel_columns * design.cell_bits)) for _ in range(design.rows)]
    array = IdealArray("array", design, None if written else content)
    converted = convert(array, "crossbar")
    (tmp_path / "crossbar.v").write_text(converted.text)
    for name, one in converted.buffers.items():
        (tmp_path / f"{name}.hex").write_text(hex_text(one.init, one.width))
    stimulus = stimulus_of(design, rng, written=written)
    widths = {name: len(getattr(array, name)) for name in [*stimulus[0], "charge"]}
    assert icarus_outputs(tmp_path, "crossbar", widths, stimulus, ["charge"]) == outputs_of(array, stimulus, ["charge"])

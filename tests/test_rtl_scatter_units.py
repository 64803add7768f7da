"""Units of the scatter core alone: division, FIFO, tables, targets."""

from __future__ import annotations

from contextlib import nullcontext
from math import prod

import pytest
from amaranth.hdl import unsigned
from amaranth.sim import Simulator
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_event_design import layers_and_maps, scatter_cores, scatter_design
from naive_event import EventCore

from pimsim.model.architecture import LayerShape
from pimsim.rtl.event.address_generator import AddressGenerator
from pimsim.rtl.event.fifo import Fifo
from pimsim.rtl.event.membranes import BankedMemory
from pimsim.rtl.event.scanner import LowestBit
from pimsim.rtl.parts.divide import Divide, reciprocal


def simulated(unit, testbench, *, clocked=True):
    simulator = Simulator(unit)
    if clocked:
        simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@given(st.integers(1, 2**20), st.integers(1, 2**31), st.data())
@example(7, 2**31, None)
def test_a_reciprocal_is_exact_over_the_whole_range(divisor, limit, data):
    multiplier, shift = reciprocal(divisor, limit)
    edges = [limit - 1, (limit - 1) // divisor * divisor, max((limit // divisor) * divisor - 1, 0)]
    for number in edges if data is None else [*edges, data.draw(st.integers(0, limit - 1))]:
        assert number * multiplier >> shift == number // divisor


@pytest.mark.parametrize("divisor", range(1, 20))
def test_a_reciprocal_is_the_smallest_one(divisor):
    limit = 300
    _, shift = reciprocal(divisor, limit)
    for smaller in range(shift):
        rounded = -(-(1 << smaller) // divisor)
        assert any(n * rounded >> smaller != n // divisor for n in range(limit))


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 300))
def test_division(divisor, limit):
    unit = Divide(divisor, limit)

    async def run(context):
        for number in range(limit):
            context.set(unit.number, number)
            assert (context.get(unit.quotient), context.get(unit.remainder)) == divmod(number, divisor)

    simulated(unit, run, clocked=False)


@settings(max_examples=50)
@given(st.integers(1, 80), st.data())
def test_the_lowest_bit(width, data):
    words = data.draw(st.lists(st.integers(0, 2**width - 1), min_size=1, max_size=20))
    unit = LowestBit(width)

    async def run(context):
        for word in [*words, *(1 << place for place in range(width))]:
            context.set(unit.word, word)
            lowest = (word & -word).bit_length() - 1
            assert context.get(unit.index) == max(lowest, 0)
            assert context.get(unit.rest) == (word ^ 1 << lowest if word else 0)

    simulated(unit, run, clocked=False)


@settings(max_examples=50)
@given(st.integers(1, 9), st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_a_fifo_hands_on_what_it_was_given_a_cycle_later(depth, wishes):
    unit = Fifo(depth=depth, entry=unsigned(8))

    async def run(context):
        held = []
        for number, (pushes, pops) in enumerate(wishes):
            seen = [context.get(signal) for signal in (unit.level, unit.ready, unit.available)]
            assert seen == [len(held), len(held) < depth, len(held) > 0]
            if held:
                assert context.get(unit.head) == held[0]
            push, pop = pushes and len(held) < depth, pops and len(held) > 0
            for signal, value in ((unit.push, push), (unit.entry, number), (unit.pop, pop)):
                context.set(signal, value)
            await context.tick()
            held = held[pop:] + [number] * push

    simulated(unit, run)


@settings(max_examples=60)
@given(layers_and_maps(steps=1), scatter_cores(), st.data())
def test_an_events_slots_are_all_its_targets_in_order(drawn, core, data):
    shape, maps = drawn
    check_slots(shape, core, data.draw(st.lists(st.integers(0, len(maps[0]) - 1), min_size=1, max_size=4)))


@pytest.mark.parametrize(
    ("source", "kernel", "pool", "padding", "stride"),
    [
        ((2, 4, 4, 4), (3, 2, 3), (1, 1, 1), (1, 0, 1), (1, 1, 1)),  # several targets along every axis at once
        ((1, 5, 3, 6), (3, 3, 3), (1, 1, 1), (0, 1, 2), (1, 2, 1)),  # inputs in rows between two targets
        ((2, 5, 5, 5), (1, 2, 2), (2, 2, 2), (0, 1, 1), (1, 1, 1)),  # the pool leaves out what lies where padding does
    ],
)
def test_every_event_of_a_map_reaches_its_targets(source, kernel, pool, padding, stride):
    shape = LayerShape("l", "conv3d", source, 3, kernel, stride, padding, pool)
    check_slots(shape, CORE, range(prod(source)))


CORE = {"lanes": 2, "scan_width": 8, "fifo_depth": 2, "pipeline_depth": 2, "sweep_depth": 2, "ports": 2, "banks": 1}


def check_slots(shape, core, events):
    """The generator issues the slots of one of ``events`` behind the other, one per cycle."""
    design = scatter_design(shape, **core)
    machine, unit = EventCore([0] * design.map_neurons, shape, **core), AddressGenerator(design)

    async def run(context):
        context.set(unit.willing, 1)
        context.set(unit.available, 1)
        for event in events:
            context.set(unit.event, event)
            assert context.get(unit.pop)  # in the cycle of the last slot of the one before
            await context.tick()
            expected = machine.slots_of(event)
            for number, word in enumerate(expected):
                assert context.get(unit.issue)
                assert context.get(unit.pop) == (number == len(expected) - 1)
                slot = context.get(unit.slot)
                assert bool(slot.void) == (word == "void")
                if word != "void":
                    assert slot.at.membrane == word
                    assert slot.at.position == word // machine.position_words
                    assert slot.first == (word % machine.position_words == 0)
                    assert slot.final == ((word + 1) % machine.position_words == 0)
                    assert slot.at.weight == weight_word(design, event, word)
                if number < len(expected) - 1:
                    await context.tick()

    simulated(unit, run)


def weight_word(design, event, word):
    """§4.3 by hand: the tap through which the event reaches the output of membrane ``word``."""
    shape, (channels, _, height, width) = design.shape, design.shape.viewed_shape
    output, beat = divmod(word, design.sweep.beats)
    place, channel = divmod(event, channels)
    where = (place // (height * width), place // width % height, place % width)
    _, rows, columns = shape.out_size
    reached = (output // (rows * columns), output // columns % rows, output % columns)
    tap = 0
    for axis in range(3):
        inside = where[axis] // shape.pool[axis] + shape.padding[axis] - reached[axis] * shape.stride[axis]
        tap = tap * shape.kernel[axis] + inside
    return (tap * channels + channel) * design.sweep.beats + beat


@pytest.mark.parametrize(("ports", "bank", "fits"), [(1, 1, True), (1, 0, False), (2, 0, True)])
def test_a_bank_with_one_port_that_is_read_and_written_stops_the_simulation(ports, bank, fits):
    unit = BankedMemory("words", width=4, depth=6, banks=3, ports=ports)

    async def run(context):
        port = unit.port
        for signal, value in ((port.read_enable, 1), (port.write_enable, 1), (port.write_address, 3 + bank)):
            context.set(signal, value)
        await context.tick()

    with nullcontext() if fits else pytest.raises(AssertionError, match="a bank with one port is read and written"):
        simulated(unit, run)


@settings(max_examples=40)
@given(st.integers(1, 7), st.integers(1, 20), st.booleans(), st.data())
def test_banks_together_are_one_memory(banks, depth, asynchronous, data):
    place = st.integers(0, depth - 1)
    steps = data.draw(st.lists(st.tuples(place, place, st.integers(0, 15), st.booleans(), st.booleans()), max_size=30))
    unit = BankedMemory("words", width=4, depth=depth, banks=banks, ports=2, asynchronous=asynchronous)

    async def run(context):
        port, words, shown = unit.port, [0] * depth, None
        for read, write, value, reads, writes in steps:
            given_now = {"read_enable": reads, "read_address": read}
            given_now |= {"write_enable": writes, "write_address": write, "write_data": value}
            for name, setting in given_now.items():
                context.set(getattr(port, name), setting)
            used = {place % banks for place, enable in ((read, reads), (write, writes)) if enable}
            assert context.get(unit.accessed) == sum(1 << bank for bank in used)
            if asynchronous:
                assert context.get(port.read_data) == words[read]
            shown = words[read] if reads else shown
            if writes:
                words[write] = value
            await context.tick()
            if shown is not None and not asynchronous:
                assert context.get(port.read_data) == shown

    simulated(unit, run)

"""Event cores on which beats wait, and the gather dataflow: the kernels against machines stepped clock by clock."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_event import EventCore, GatherCore
from test_schedule_event import maps, scattered, shapes

from pimsim.hardware import load_hardware
from pimsim.mapping.fields import field_words
from pimsim.mapping.plan import plan_sweep
from pimsim.mapping.reach import fewest_targets_between, targets_in_order
from pimsim.model.architecture import LayerShape
from pimsim.simulation import kernels_schedule_beats as kernels
from pimsim.simulation import kernels_schedule_gather as gather_kernels
from pimsim.simulation.map_parts import read_parts

NAMES = ("pushes", "passes", "scan_stall", "targets", "voids", "waits", "sweep_waits", "cycles")
MANY = settings(max_examples=300)


def placed(bits, shape, *, lanes, scan_width, fifo_depth, pipeline_depth, ports, banks, forwarding, **_):
    """The scatter kernel on one map, twice in a row: the second must not remember the first."""
    beats = -(-shape.out_channels // lanes)
    targets, channels = targets_in_order(shape), shape.viewed_shape[0]
    core = (fifo_depth, pipeline_depth, beats, forwarding, ports, scan_width // 8, banks)
    visits, out = np.zeros(shape.positions, np.int64), np.full((2, kernels.FIELDS), -1, np.int64)
    positions = np.repeat(np.arange(len(bits) // channels), channels)
    kernels.scatter(twice(bits), positions, targets.first, targets.outputs, np.array(core), visits, out)
    assert out[0].tolist() == out[1].tolist()
    return dict(zip(NAMES, out[0].tolist(), strict=True)) | {"visits": (visits // 2).tolist()}


def gathered(bits, shape, *, lanes, scan_width, fifo_depth, pipeline_depth, sweep_depth, ports=2, banks=1):
    """The gather kernels on one map: entry by entry, and read by read where the FIFO has more than one entry."""
    fields = field_words(shape, scan_width)
    start = fields.word * scan_width
    reads = np.stack([start + fields.low, start + fields.high], axis=1)
    core = (fifo_depth, pipeline_depth, -(-shape.out_channels // lanes), sweep_depth, ports, banks)
    out = np.full((2, kernels.FIELDS), -1, np.int64)
    kernels.gather(twice(bits), reads, fields.first, np.array(core), out)
    assert out[0].tolist() == out[1].tolist()
    if fifo_depth > 1:
        # Eight maps go side by side, one is left over: the map itself, its mirror image, and others.
        several = np.array([bits, bits[::-1], *(np.roll(bits, shift) for shift in range(7))], np.uint8)
        rows, parts = np.packbits(several, axis=1, bitorder="little"), read_parts(shape, scan_width)
        one_by_one, by_read = np.full((2, len(rows), kernels.FIELDS), -1, np.int64)
        kernels.gather(rows, reads, fields.first, np.array(core), one_by_one)
        gather_kernels.gather(rows, parts.pieces, parts.masks, fields.first, np.array(core), by_read)
        assert by_read.tolist() == one_by_one.tolist()
        assert one_by_one[0].tolist() == out[0].tolist()
    return dict(zip(NAMES, out[0].tolist(), strict=True))


def twice(bits):
    return np.packbits(np.array([bits, bits], np.uint8), axis=1, bitorder="little")


def swept(shape, *, lanes, sweep_depth, ports, banks, dataflow="scatter"):
    """Words of the sweep, and cycles that it waits."""
    changes = {"lanes": lanes, "sweep_depth": sweep_depth, "membrane_ports": ports, "membrane_banks": banks}
    changes["dataflow"] = dataflow
    event = load_hardware(
        "digital45nm", {f"engines.event.{key}": value for key, value in changes.items()}
    ).engines.event
    sweep = plan_sweep(shape, event, output_word_bits=8, value_bits=1)
    return sweep.words, sweep.stalls


@st.composite
def cores(draw):
    ports = draw(st.sampled_from([1, 1, 2]))
    return {
        "lanes": draw(st.integers(1, 9)),
        "scan_width": draw(st.sampled_from([8, 16, 32, 64, 128])),
        "fifo_depth": draw(st.sampled_from([1, 1, 2, 3, 4, 8, 20])),
        "pipeline_depth": draw(st.integers(3 - ports, 6)),
        "sweep_depth": draw(st.integers(1, 6)),
        "ports": ports,
        "banks": draw(st.integers(1, 5)),
    }


def map_and_shape(data):
    shape = data.draw(shapes())
    return data.draw(maps(int(np.prod(shape.source_shape)))), shape


@MANY
@given(st.data(), cores(), st.booleans())
def test_every_cycle_of_a_scatter_with_waits_is_that_of_the_machine_stepped_by_the_clock(data, core, forwarding):
    bits, shape = map_and_shape(data)
    naive = EventCore(bits, shape, forwarding=forwarding, **core)
    cycles = naive.run()
    found = placed(bits, shape, forwarding=forwarding, **core)
    beats, count = naive.position_words, naive.count
    words, stalls = swept(shape, **{key: core[key] for key in ("lanes", "sweep_depth", "ports", "banks")})
    # The sweep: a word per cycle and its waits, its pipeline, the packer's last word, the hand-over.
    assert found["cycles"] + words + stalls + core["sweep_depth"] + 2 == cycles
    assert (words, stalls) == (count["sweep busy"], count["sweep stall"])
    assert found["pushes"] == count["pushes"] == count["pops"] == sum(bits)
    assert found["pushes"] + found["passes"] == count["scanner busy"]
    assert found["scan_stall"] == count["scanner stall"]
    assert found["targets"] * beats == count["beats"] == count["lane writes"]
    assert sum(found["visits"]) == found["targets"] == count["counted"]
    assert found["targets"] * beats + found["voids"] == count["generator busy"]
    assert found["waits"] == count["generator stall"]
    assert found["targets"] * shape.out_channels == count["accumulates"]


@MANY
@given(st.data(), cores())
def test_every_cycle_of_a_gather_is_that_of_the_machine_stepped_by_the_clock(data, core):
    bits, shape = map_and_shape(data)
    naive = GatherCore(bits, shape, **core)
    cycles = naive.run()
    found = gathered(bits, shape, **core)
    beats, count = naive.position_words, naive.count
    # Behind the last word's issue: the sweep's pipeline, the packer's last word, the hand-over.
    assert found["cycles"] + core["sweep_depth"] + 2 == cycles
    assert found["targets"] == sum(naive.events)
    assert found["targets"] + found["voids"] == found["pushes"] == count["pushes"] == count["pops"]
    assert found["targets"] + found["passes"] == count["scanner busy"]
    assert found["scan_stall"] == count["scanner stall"]
    assert found["targets"] * beats == count["beats"]
    assert found["targets"] * beats + found["voids"] == count["generator busy"]
    assert found["waits"] == count["generator stall"]
    assert found["sweep_waits"] == count["sweep stall"]
    assert count["sweep busy"] == shape.positions * beats
    assert count["scan reads"] == len(field_words(shape, core["scan_width"]).word)
    assert found["targets"] * shape.out_channels == count["accumulates"]
    assert count["spike writes"] == -(-shape.neurons // core["scan_width"])


@given(st.data(), cores())
def test_without_waits_beats_placed_one_by_one_take_the_cycles_of_the_closed_form(data, core):
    bits, shape = map_and_shape(data)
    core = {key: core[key] for key in ("lanes", "scan_width", "fifo_depth", "pipeline_depth")}
    closed = scattered(bits, shape, **core)
    found = placed(bits, shape, ports=2, banks=1, forwarding=True, **core)
    same = {"events": "pushes", "empty": "passes", "stall": "scan_stall", "cycles": "cycles", "targets": "targets"}
    assert {key: found[other] for key, other in same.items()} | {"voids": found["voids"]} == closed
    assert found["waits"] == 0


@given(st.data(), cores(), st.booleans())
def test_outputs_that_never_come_again_within_the_pipeline_never_wait_for_themselves(data, core, all_fire):
    bits, shape = map_and_shape(data)
    beats = -(-shape.out_channels // core["lanes"])
    depth = fewest_targets_between(shape) * beats
    core = core | {"pipeline_depth": depth, "ports": 2}
    found = placed([1] * len(bits) if all_fire else bits, shape, forwarding=False, **core)
    assert found["waits"] == 0


def test_an_output_comes_again_behind_as_many_targets_as_counted_by_hand():
    # Kernel 3, stride 1, padding 1: input i reaches outputs i − 1, i, i + 1, of which there are 0 … 4. Output 2 is the
    # last target of input 1 and the first of input 3, whose event may be the next one.
    line = LayerShape("line", "conv3d", (2, 5, 1, 1), 1, (3, 1, 1), (1, 1, 1), (1, 0, 0))
    assert fewest_targets_between(line) == 1
    # Every input of a linear layer with 1 output position reaches it alone; of a layer of kernel 1, its own one.
    assert fewest_targets_between(LayerShape("one", "conv3d", (2, 4, 1, 1), 3, (1, 1, 1))) == 1
    # Two inputs, two outputs, each reached by both, in the same order: one other output lies between.
    both = LayerShape("both", "conv3d", (1, 2, 1, 1), 1, (3, 1, 1), (1, 1, 1), (1, 0, 0))
    assert fewest_targets_between(both) == 2


@given(st.data(), cores(), st.booleans())
def test_a_second_port_never_costs_a_cycle(data, core, forwarding):
    bits, shape = map_and_shape(data)
    both = dict(core, ports=2)
    one = dict(core, ports=1, pipeline_depth=max(2, core["pipeline_depth"]))
    both["pipeline_depth"] = one["pipeline_depth"]
    assert (
        placed(bits, shape, forwarding=forwarding, **both)["cycles"]
        <= placed(bits, shape, forwarding=forwarding, **one)["cycles"]
    )
    assert gathered(bits, shape, **both)["cycles"] <= gathered(bits, shape, **one)["cycles"]


@given(st.data(), cores(), st.integers(1, 8))
def test_with_two_ports_lanes_fifo_forwarding_and_a_short_pipeline_never_cost_a_cycle(data, core, more):
    # Every cycle is then the smallest solution of inequalities of the form "not before another one and a constant":
    # a deeper FIFO and forwarding take inequalities away, a deeper pipeline raises constants, and more lanes make a
    # position's beats a part of those there were.
    bits, shape = map_and_shape(data)
    core = dict(core, ports=2)

    def cycles(forwarding, **changes):
        return placed(bits, shape, forwarding=forwarding, **(core | changes))["cycles"]

    for forwarding in (True, False):
        base, gather = cycles(forwarding), gathered(bits, shape, **core)["cycles"]
        for key in ("lanes", "fifo_depth"):
            change = {key: core[key] + more}
            assert cycles(forwarding, **change) <= base
            assert gathered(bits, shape, **(core | change))["cycles"] <= gather
        change = {"pipeline_depth": core["pipeline_depth"] + more}
        assert cycles(forwarding, **change) >= base
        assert gathered(bits, shape, **(core | change))["cycles"] >= gather
    assert cycles(True) <= cycles(False)


@given(st.data(), cores())
def test_with_a_bank_per_word_one_port_and_no_forwarding_wait_for_words_only(data, core):
    # A beat that would read in the cycle in which its bank is written would read the word that is written, and
    # without forwarding it waits for that one anyway.
    bits, shape = map_and_shape(data)
    core = dict(core, pipeline_depth=max(2, core["pipeline_depth"]), banks=max(8, 4 * shape.neurons))
    found = [placed(bits, shape, forwarding=False, **dict(core, ports=ports)) for ports in (1, 2)]
    assert found[0] == found[1]
    found = [gathered(bits, shape, **dict(core, ports=ports)) for ports in (1, 2)]
    assert found[0] == found[1]


ONE_PORT = {"lanes": 1, "scan_width": 8, "fifo_depth": 1, "pipeline_depth": 3, "ports": 1, "forwarding": True}
PAIRS = LayerShape("pairs", "conv3d", (2, 4, 1, 1), 1, (2, 1, 1), (2, 1, 1))


def test_a_bank_more_can_cost_a_cycle_with_one_port_because_an_event_comes_into_the_way_of_the_next_one():
    # Events 0, 1, 2 go to output 0, events 3 and 4 to output 1, one beat each. Depth 3: no beat two cycles behind
    # one in its bank. The FIFO of one passes an event every second cycle at best: pushes 2, 4, ….
    # One bank: beats in 4; 6 is two behind 4, so 7; 8; 10 is two behind 8, so 11; 12. Last write in 15, sweep from 17.
    # Two banks: 4; 7; 8; 10, for 8 went to the other bank; 12 is two behind 10, so 13: sweep from 18.
    bits = [0, 1, 1, 1, 0, 0, 1, 1]
    one, two = (placed(bits, PAIRS, banks=banks, **ONE_PORT) for banks in (1, 2))
    assert (one["cycles"], one["waits"]) == (17, 2)
    assert (two["cycles"], two["waits"]) == (18, 2)


def test_over_many_maps_banks_forwarding_and_fifo_pay_with_one_port_too():
    rng = np.random.default_rng(0)
    shape = LayerShape("line", "conv3d", (4, 24, 1, 1), 6, (3, 1, 1), (1, 1, 1), (1, 0, 0))
    every = [(rng.random(96) < rate).astype(int).tolist() for rate in (0.05, 0.1, 0.2, 0.4) for _ in range(25)]

    def cycles(**changes):
        core = ONE_PORT | {"lanes": 2, "fifo_depth": 4, "banks": 2} | changes
        return sum(placed(bits, shape, **core)["cycles"] for bits in every)

    by_banks = [cycles(banks=banks) for banks in (1, 2, 4, 8, 16)]
    assert by_banks == sorted(by_banks, reverse=True)
    assert by_banks[-1] < by_banks[0]
    by_fifo = [cycles(fifo_depth=depth) for depth in (1, 2, 4, 8, 16)]
    assert by_fifo == sorted(by_fifo, reverse=True)
    together = {"lanes": 6, "pipeline_depth": 6}  # a position's beat follows its last one within the pipeline
    assert cycles(forwarding=True, **together) < cycles(forwarding=False, **together)


def test_two_events_in_one_position_are_gathered_in_the_cycles_counted_by_hand():
    # One output position, its field the word 0: examined in 2, event 0 pushed in 2, event 1 in 3, which carries the
    # mark. Popped in 3; beat in 4; popped in 4, beat in 5; added in 5 + 2, set seen full in 8; the sweep's only word
    # is issued in 8, so the cycle behind it is 9.
    shape = LayerShape("two", "linear", (8, 1, 1, 1), 1, (1, 1, 1))
    core = {"lanes": 1, "scan_width": 8, "fifo_depth": 4, "pipeline_depth": 2, "sweep_depth": 3}
    found = gathered([1, 0, 0, 1, 0, 0, 0, 0], shape, **core)
    assert (found["cycles"], found["pushes"], found["targets"], found["voids"]) == (9, 2, 2, 0)


def test_a_position_without_events_passes_a_mark_through_the_fifo():
    # Two output positions of kernel 1, each field a bit of word 0, which is read twice: marks pushed in 2 and 3,
    # popped in 3 and 4, issued in 4 and 5, so sets are seen full from 7 and 8 on (depth 2) and swept there.
    shape = LayerShape("two", "conv3d", (1, 2, 1, 1), 1, (1, 1, 1))
    core = {"lanes": 1, "scan_width": 8, "fifo_depth": 4, "pipeline_depth": 2, "sweep_depth": 3}
    found = gathered([0, 0], shape, **core)
    assert (found["cycles"], found["voids"], found["passes"], found["waits"]) == (9, 2, 2, 0)


def test_the_third_position_waits_until_the_first_ones_sums_are_taken():
    # Sweeps of 3 words (one lane, 3 channels) are longer than a position without events: marks issued in 4 and 5;
    # the first set is full in 4 + 2 + 1 = 7 and taken in 7 … 9, so the third mark, held from 6 on, is issued in 10.
    shape = LayerShape("three", "conv3d", (1, 3, 1, 1), 3, (1, 1, 1))
    core = {"lanes": 1, "scan_width": 8, "fifo_depth": 4, "pipeline_depth": 2, "sweep_depth": 1}
    found = gathered([0, 0, 0], shape, **core)
    # Second sweep in 10 … 12; the third set is full in 13, swept in 13 … 15.
    assert (found["waits"], found["cycles"]) == (4, 16)


def test_stretches_of_a_field_are_joined_where_the_map_leaves_no_gap():
    # A 2 × 2 kernel on a 3 × 2 map of 4 channels: as wide as the map, so each field is one stretch of 16 bits: bits
    # 0 … 15 in words 0 and 1, bits 8 … 23 in words 1 and 2. On a map of width 3, each field is two stretches of 8.
    joined = field_words(LayerShape("joined", "conv2d", (4, 1, 3, 2), 1, (1, 2, 2)), 8)
    assert joined.word.tolist() == [0, 1, 1, 2]
    apart = field_words(LayerShape("apart", "conv2d", (4, 1, 2, 3), 1, (1, 2, 2)), 8)
    assert apart.first.tolist() == [0, 3, 6]
    # Rows start at bits 0, 4 (row 0) and 12, 16 (row 1): 0 … 7 and 12 … 19; 4 … 11 and 16 … 23.
    assert apart.word.tolist() == [0, 1, 2, 0, 1, 2]
    assert apart.low.tolist() == [0, 4, 0, 4, 0, 0]
    assert apart.high.tolist() == [8, 8, 4, 8, 4, 8]

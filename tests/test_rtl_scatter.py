"""The described scatter core against the machine of `naive_event`, stepped by the same clock."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_event_design import layers_and_maps, random_weights, scatter_cores, scatter_design
from naive_event import COUNTED_AS, EventCore

from pimsim.errors import HardwareError
from pimsim.model.architecture import LayerShape
from pimsim.rtl.bench import run_event as runs
from pimsim.rtl.bench.run_event import run_event, watch_event


def stepped(bits, shape, core):
    """What the stepped machine does in each cycle of a step, by field of the described core's activity."""
    machine, log = EventCore(bits, shape, **core), []
    while not machine.finished:
        before, seen = Counter(machine.count), {"fifo_level": len(machine.fifo)}
        machine.accesses = Counter()
        machine.step()
        changed = machine.count - before
        seen |= {field: changed[name] for field, name in COUNTED_AS.items()}
        seen |= {"membrane": accesses(machine, "membrane"), "count": accesses(machine, "count")}
        seen |= {f"bank_access_{bank}": machine.accesses["membrane", bank] for bank in range(core["banks"])}
        log.append(seen)
    return log


def accesses(machine, memory):
    return sum(count for (name, _), count in machine.accesses.items() if name == memory)


def packed_maps(maps):
    return np.packbits(np.array(maps, np.uint8), axis=1, bitorder="little")


@settings(max_examples=40)
@given(layers_and_maps(), scatter_cores(), st.sampled_from(["lif", "single_spike", "accumulate"]), st.booleans())
def test_every_signal_in_every_cycle_is_that_of_the_machine_stepped_by_the_clock(drawn, core, kind, counted):
    shape, maps = drawn
    design = scatter_design(shape, kind=kind, weight_zero=31 * counted, signed=not counted, **core)
    observed, signals = watch_event(design, random_weights(design, 0), packed_maps(maps)[None])
    logs = [stepped(bits, shape, core) for bits in maps]
    assert observed.step_cycles.tolist() == [[len(log) for log in logs]]
    signals["membrane"] = signals["membrane_memory_read"] + signals["membrane_memory_write"]
    if counted:
        signals["count"] = signals["count_memory_read"] + signals["count_memory_write"]
    cycles = [seen for log in logs for seen in log]
    compared = set(cycles[0]) & set(signals)
    assert compared >= (set(COUNTED_AS) | {"fifo_level", "membrane"}) - {"spike_memory_write"}
    for name in compared:
        assert signals[name].tolist() == [seen[name] for seen in cycles], name
    reached = sum(seen["address_generator_beat"] for seen in cycles) // design.sweep.beats
    assert observed.counts["lane_accumulate"] == reached * shape.out_channels
    assert observed.counts["lanes_busy"] == observed.counts["weight_memory_read"] == reached * design.sweep.beats


@settings(max_examples=40)
@given(layers_and_maps(steps=1), scatter_cores(), st.integers(0, 2**32 - 1), st.booleans())
def test_sums_of_a_step_are_those_of_a_convolution(drawn, core, seed, affine):
    # Behind the classifier a step's membranes are its sums, corrected.
    shape, maps = drawn
    zero = 17 if affine else 0
    design = scatter_design(shape, kind="accumulate", weight_zero=zero, signed=not affine, **core)
    weights = random_weights(design, seed)
    observed = run_event(design, weights, packed_maps(maps)[None])
    expected = convolved(np.array(maps[0]), weights - zero, shape)
    assert observed.membranes[0, 0].tolist() == expected.reshape(-1).tolist()
    if shape.positions == 1:  # as every classifier has
        assert observed.classes.tolist() == [expected.argmax()]


def convolved(bits, weights, shape):
    """(S, C_out) sums over the pooled, padded map, position by position."""
    channels, *size = shape.viewed_shape
    pooled = np.zeros((*shape.in_shape[1:], channels), np.int64)
    for where, fired in np.ndenumerate(bits.reshape(*size, channels)):
        at = tuple(i // p for i, p in zip(where, shape.pool, strict=False))
        if all(i < n for i, n in zip(at, pooled.shape, strict=False)):
            pooled[(*at, where[3])] += fired
    padded = np.pad(pooled, [*((p, p) for p in shape.padding), (0, 0)])
    sums = []
    for output in np.ndindex(*shape.out_size):
        corner = [o * s for o, s in zip(output, shape.stride, strict=True)]
        d, h, w = (slice(c, c + k) for c, k in zip(corner, shape.kernel, strict=True))
        sums.append(np.einsum("dhwc,ocdhw->o", padded[d, h, w], weights))
    return np.array(sums)


PAIRS = LayerShape("pairs", "conv3d", (2, 4, 1, 1), 1, (2, 1, 1), (2, 1, 1))
ONE = LayerShape("one", "linear", (8, 1, 1, 1), 1, (1, 1, 1))


def test_one_spike_takes_the_cycles_that_the_pipeline_has_stages():
    # Word 0 is examined in cycle 2 and pushed; popped in 3; one beat in 4; written in 4 + 3; seen empty in 8; the
    # sweep's only word is issued in cycle 9, written in 13, packed in 14, handed over in 15: 16 cycles.
    design = scatter_design(ONE, lanes=1, scan_width=8, fifo_depth=4, pipeline_depth=3, sweep_depth=4)
    maps = np.array([[[0b1]]], np.uint8)
    observed, signals = watch_event(design, np.full((1, 8, 1, 1, 1), 10), maps)
    assert observed.step_cycles.tolist() == [[16]]
    where = {name: np.flatnonzero(signal).tolist() for name, signal in signals.items()}
    assert where["fifo_push"] == [2]
    assert where["fifo_pop"] == [3]
    assert where["address_generator_beat"] == [4]
    assert where["weight_memory_read"] == [5]
    assert where["lanes_busy"] == [6]
    assert where["membrane_memory_write"] == [7, 13]
    assert where["sweep_busy"] == [9]
    assert where["spike_memory_write"] == [14]
    assert observed.spikes.tolist() == [[[1]]]


def test_a_bank_more_can_cost_a_cycle_with_one_port_because_an_event_comes_into_the_way_of_the_next_one():
    # Counted by hand in test_schedule_beats.py: the sweep starts in cycle 17 with one bank, 18 with two.
    core = {"lanes": 1, "scan_width": 8, "fifo_depth": 1, "pipeline_depth": 3, "ports": 1, "sweep_depth": 4}
    maps = packed_maps([[0, 1, 1, 1, 0, 0, 1, 1]])[None]
    for banks, first in ((1, 17), (2, 18)):
        design = scatter_design(PAIRS, banks=banks, **core)
        _, signals = watch_event(design, random_weights(design, 0), maps)
        assert np.flatnonzero(signals["sweep_busy"])[0] == first
        assert signals["address_generator_stall"].sum() == 2


@pytest.mark.parametrize("forwarding", [False, True])
@pytest.mark.parametrize(
    ("ports", "depth"), [(ports, depth) for ports in (1, 2) for depth in (1, 2, 3, 4, 5, 8) if depth + ports > 2]
)
def test_sums_of_one_word_in_every_stage_at_once(depth, forwarding, ports):
    # Eight inputs of one output: every beat needs the sum of the one before it, and so does every count.
    core = {**CORE, "fifo_depth": 8, "pipeline_depth": depth, "forwarding": forwarding, "ports": ports}
    design = scatter_design(ONE, kind="accumulate", weight_zero=30, signed=False, **core)
    weights = random_weights(design, 3)
    bits = [[1] * 8, [1, 0, 1, 1, 0, 1, 0, 1]]
    observed, signals = watch_event(design, weights, packed_maps(bits)[None])
    assert observed.membranes[0].reshape(-1).tolist() == np.cumsum(np.array(bits) @ (weights.reshape(-1) - 30)).tolist()
    if forwarding and ports == 2:
        assert signals["address_generator_stall"].sum() == 0
    elif not forwarding:  # a beat in every δ-th cycle
        assert np.diff(np.flatnonzero(signals["address_generator_beat"])[:8]).tolist() == [depth] * 7


def test_samples_follow_each_other_as_if_each_were_alone():
    design = scatter_design(PAIRS, weight_zero=20, signed=False, **{**CORE, "lanes": 2})
    weights = random_weights(design, 1)
    maps = np.random.default_rng(0).integers(0, 256, (3, 4, 1), np.uint8)
    together = run_event(design, weights, maps)
    for sample in range(3):
        alone = run_event(design, weights, maps[sample : sample + 1])
        for name in ("step_cycles", "membranes", "spikes"):
            assert (getattr(together, name)[sample] == getattr(alone, name)[0]).all(), name


CORE = {"lanes": 1, "scan_width": 8, "fifo_depth": 2, "pipeline_depth": 2, "sweep_depth": 3}


def test_a_core_that_never_hands_over_is_an_error_not_a_wait(monkeypatch):
    design = scatter_design(ONE, **CORE)
    monkeypatch.setattr(runs, "patience", lambda _design: 5)
    with pytest.raises(RuntimeError, match='layer "one": no hand-over within 5 cycles'):
        run_event(design, np.ones((1, 8, 1, 1, 1)), np.zeros((1, 1, 1), np.uint8))


@given(layers_and_maps(steps=1), scatter_cores())
@settings(max_examples=20)
def test_patience_is_longer_than_the_longest_step(drawn, core):
    shape, maps = drawn
    design = scatter_design(shape, **core)
    everything = packed_maps([[1] * len(maps[0])])[None]
    assert run_event(design, random_weights(design, 0), everything).step_cycles.max() < runs.patience(design)


@pytest.mark.parametrize("lanes", [84, 256, pytest.param(720, marks=pytest.mark.slow)])
def test_words_wider_than_any_memory_of_the_simulator(lanes):
    # 1,680 bits: two slices of a memory's word; 14,400 bits: more than Python writes down as a decimal number.
    wide = LayerShape("wide", "linear", (4, 1, 1, 1), 90, (1, 1, 1))
    design = scatter_design(wide, kind="accumulate", **{**CORE, "lanes": lanes})
    weights = random_weights(design, 0)
    observed = run_event(design, weights, packed_maps([[1, 0, 1, 1]])[None])
    assert observed.membranes[0, 0].tolist() == weights[:, [0, 2, 3]].sum(axis=1).reshape(-1).tolist()


def test_more_lanes_than_can_be_simulated_are_refused_by_name():
    design = scatter_design(ONE, **{**CORE, "lanes": 2049})
    with pytest.raises(HardwareError, match="lanes=2049: at most 2048 can be simulated"):
        run_event(design, random_weights(design, 0), np.zeros((1, 1, 1), np.uint8))

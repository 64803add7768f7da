"""The event core: the run-by-run kernel against the machine stepped clock by clock."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from naive_event import EventCore
from strategies import architectures

from pimsim.model.architecture import LayerShape
from pimsim.simulation import kernels_schedule_event as kernels
from pimsim.simulation.spike_planes import spike_planes


def scattered(bits, shape, *, lanes, scan_width, fifo_depth, pipeline_depth):
    """The kernel on one map: (cycles before the sweep, events, empty words, stalls, targets, voids)."""
    planes = spike_planes(shape, scan_width, -(-shape.out_channels // lanes), fifo_depth)
    layout = planes.layout
    rows = np.packbits(np.array([bits], np.uint8), axis=1, bitorder="little")
    counts, out = np.full((1, len(planes.service)), -1, np.int64), np.full((1, kernels.FIELDS), -1, np.int64)
    kernels.scatter(
        rows,
        layout.as_array,
        layout.tail_mask,
        planes.masks,
        planes.service,
        np.array((fifo_depth, planes.least, planes.raised), np.int64),
        counts,
        out,
    )
    events, empty, stall, scanned, issued = out[0].tolist()
    found = {"events": events, "empty": empty, "stall": stall, "cycles": max(scanned, issued + pipeline_depth) + 2}
    return found | {"targets": int(counts[0] @ planes.targets), "voids": int(counts[0] @ planes.voids)}


@st.composite
def shapes(draw):
    """A hidden layer or classifier: pools, reshapes, strides and paddings as networks have them."""
    return draw(st.sampled_from(draw(architectures()).layers))


@st.composite
def maps(draw, neurons):
    """Spikes at any density, with stretches of silence as long as scan words."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rate = draw(st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5, 1.0]))
    stretch = draw(st.sampled_from([1, 8, 64, 200]))
    loud = np.repeat(rng.random(-(-neurons // stretch)) < draw(st.sampled_from([0.2, 0.6, 1.0])), stretch)[:neurons]
    return ((rng.random(neurons) < rate) & loud).astype(int).tolist()


# A FIFO of one entry, where every other cycle is lost; and one that holds the scanner back before a long silence.
ROW = LayerShape("row", "conv3d", (5, 40, 1, 1), 3, (3, 1, 1), (1, 1, 1), (1, 0, 0))


@given(st.data())
@example(None)
def test_every_cycle_and_count_of_a_step_is_that_of_the_machine_stepped_by_the_clock(data):
    if data is None:
        shape, bits = ROW, [1] * 30 + [0] * 160 + [1] * 10
        core = {"lanes": 1, "scan_width": 8, "fifo_depth": 1, "pipeline_depth": 2}
        sweep_depth = 3
    else:
        shape = data.draw(shapes())
        bits = data.draw(maps(int(np.prod(shape.source_shape))))
        core = {
            "lanes": data.draw(st.integers(1, 9)),
            "scan_width": data.draw(st.sampled_from([8, 16, 32, 64, 128])),
            "fifo_depth": data.draw(st.sampled_from([1, 1, 2, 3, 4, 8, 20])),
            "pipeline_depth": data.draw(st.integers(1, 4)),
        }
        sweep_depth = data.draw(st.integers(1, 5))
    naive = EventCore(bits, shape, sweep_depth=sweep_depth, **core)
    cycles = naive.run()
    found = scattered(bits, shape, **core)
    beats = -(-shape.out_channels // core["lanes"])
    words = shape.positions * beats
    # The sweep: one word per cycle, its pipeline, the packer's last word, the hand-over.
    assert found["cycles"] + words + sweep_depth + 2 == cycles
    assert found["events"] == naive.count["pushes"] == naive.count["pops"] == sum(bits)
    assert found["events"] + found["empty"] == naive.count["scanner busy"]
    assert found["stall"] == naive.count["scanner stall"]
    assert found["targets"] * beats == naive.count["beats"] == naive.count["lane writes"]
    assert found["targets"] * beats + found["voids"] == naive.count["generator busy"]
    assert found["targets"] == naive.count["counted"]
    assert found["targets"] * shape.out_channels == naive.count["accumulates"]
    assert naive.count["sweep busy"] == words
    assert naive.count["spike writes"] == -(-shape.neurons // core["scan_width"])


def test_one_spike_takes_the_cycles_that_the_pipeline_has_stages():
    # Word 0 is examined in cycle 2 and pushed; popped in 3; one beat (1 target, 1 lane word) in 4; written in
    # 4 + 3; seen empty in 8; so the sweep starts in cycle 9.
    shape = LayerShape("one", "linear", (8, 1, 1, 1), 1, (1, 1, 1))
    found = scattered([1, 0, 0, 0, 0, 0, 0, 0], shape, lanes=1, scan_width=8, fifo_depth=4, pipeline_depth=3)
    assert found == {"events": 1, "empty": 0, "stall": 0, "cycles": 9, "targets": 1, "voids": 0}


def test_a_silent_map_costs_a_cycle_per_word():
    # Words in cycles 2 … 6, done seen in 7, sweep from 8.
    shape = LayerShape("five", "linear", (40, 1, 1, 1), 1, (1, 1, 1))
    found = scattered([0] * 40, shape, lanes=1, scan_width=8, fifo_depth=4, pipeline_depth=3)
    assert (found["cycles"], found["empty"], found["events"]) == (8, 5, 0)


def test_a_full_fifo_stops_the_scanner():
    # 8 events of 4 beats. Pushes: 2, 3; the FIFO of 2 is full in 4 (pop of the first, in 3, shows in 4: level 1),
    # so 4; then full until pops in 7, 11, 15, 19 show one cycle later: pushes in 8, 12, 16, 20, 24.
    # The 8 pushes without stall would end in 9, so it stalled 24 − 9 = 15 cycles.
    shape = LayerShape("slow", "linear", (8, 1, 1, 1), 4, (1, 1, 1))
    found = scattered([1] * 8, shape, lanes=1, scan_width=8, fifo_depth=2, pipeline_depth=1)
    assert found["stall"] == 15
    # Pops in 3, 7, …, 31; last beat in 35, written in 36, seen in 37, sweep from 38.
    assert found["cycles"] == 38


@given(st.data())
def test_more_lanes_or_a_deeper_fifo_never_take_more_cycles(data):
    shape = data.draw(shapes())
    bits = data.draw(maps(int(np.prod(shape.source_shape))))
    core = {"scan_width": 8, "pipeline_depth": 3}
    lanes, depth = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    base = scattered(bits, shape, lanes=lanes, fifo_depth=depth, **core)["cycles"]
    assert (
        scattered(bits, shape, lanes=lanes + data.draw(st.integers(1, 8)), fifo_depth=depth, **core)["cycles"] <= base
    )
    assert (
        scattered(bits, shape, lanes=lanes, fifo_depth=depth + data.draw(st.integers(1, 8)), **core)["cycles"] <= base
    )


def test_bits_behind_the_last_neuron_are_not_events():
    shape = LayerShape("five", "linear", (5, 1, 1, 1), 1, (1, 1, 1))
    found = scattered([1, 1, 1, 1, 1, 1, 1, 1], shape, lanes=1, scan_width=8, fifo_depth=4, pipeline_depth=1)
    assert found["events"] == 5

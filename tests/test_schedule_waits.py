"""Scatter with waits, looked up by position: every map's figures are those of placing beat after beat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_schedule_event import maps, shapes

from pimsim.mapping.reach import targets_in_order
from pimsim.model.architecture import LayerShape
from pimsim.simulation import kernels_schedule_beats as beats
from pimsim.simulation import kernels_schedule_waits as waits
from pimsim.simulation.map_parts import map_parts
from pimsim.simulation.schedule_dataflow import WaitingFlow

MANY = settings(max_examples=200)
FOR_EVER = 2**40

# As many states as beats fit the deepest pipelines: services of one cycle, and words that never repeat in order.
WIDE = LayerShape("wide", "conv3d", (1, 60, 9, 9), 3, (3, 1, 1), (2, 1, 1), (1, 0, 0))


@st.composite
def flows(draw, shape):
    """A core on which beats may wait, with any FIFO of two entries or more."""
    one_port = draw(st.booleans())
    return WaitingFlow(
        shape=shape,
        scan_width=draw(st.sampled_from([8, 16, 32, 64, 128])),
        beats=-(-shape.out_channels // draw(st.integers(1, 9))),
        fifo_depth=draw(st.sampled_from([2, 2, 3, 4, 8, 20, 70])),
        pipeline_depth=draw(st.one_of(st.integers(2, 6), st.integers(2, 32))),
        forwarding=one_port and draw(st.booleans()),
        banks=draw(st.integers(1, 9)) if one_port else 0,
    )


def looked_up(flow, rows, *, learned=FOR_EVER):
    """(maps done, what the kernel finds in those, events of each position in all maps)."""
    cut, targets = map_parts(flow.shape, flow.scan_width), targets_in_order(flow.shape)
    ports, banks = (1, flow.banks) if flow.banks else (2, 1)
    core = (flow.fifo_depth, flow.pipeline_depth, flow.beats, flow.forwarding, ports, banks, learned)
    counts, out = np.zeros(len(cut.masks), np.int64), np.full((len(rows), waits.FIELDS), -1, np.int64)
    words = targets.outputs * flow.beats
    done = waits.scatter(rows, cut.parts, cut.masks, targets.first, words, np.array(core), counts, out)
    assert (out[done:] == -1).all()
    return done, out[:done], np.bincount(cut.parts[1], counts, len(targets.first) - 1)


def placed(flow, rows):
    """The same, beat by beat, and how often each output position was reached."""
    targets, channels = targets_in_order(flow.shape), flow.shape.viewed_shape[0]
    positions = np.repeat(np.arange(len(targets.first) - 1), channels)
    ports, banks = (1, flow.banks) if flow.banks else (2, 1)
    core = (flow.fifo_depth, flow.pipeline_depth, flow.beats, flow.forwarding, ports, flow.scan_width // 8, banks)
    visits, out = np.zeros(flow.shape.positions, np.int64), np.full((len(rows), beats.FIELDS), -1, np.int64)
    beats.scatter(rows, positions, targets.first, targets.outputs, np.array(core), visits, out)
    service = out[:, beats.TARGETS] * flow.beats + out[:, beats.VOIDS] + out[:, beats.WAITS]
    columns = [out[:, beats.PUSHES], out[:, beats.PASSES], out[:, beats.SCAN_STALL], service, out[:, beats.CYCLES]]
    return np.stack(columns, axis=1), visits


def several(bits):
    """The map, its mirror image, none and all of its neurons, the map again; bits behind the map are set."""
    every = np.array([bits, bits[::-1], [0] * len(bits), [1] * len(bits), bits], np.uint8)
    spare = np.ones((len(every), -len(bits) % 8), np.uint8)
    return np.packbits(np.concatenate([every, spare], axis=1), axis=1, bitorder="little")


@MANY
@given(st.data())
def test_looking_up_finds_in_every_map_what_placing_every_beat_finds(data):
    shape = data.draw(shapes())
    flow, rows = data.draw(flows(shape)), several(data.draw(maps(int(np.prod(shape.source_shape)))))
    done, found, events = looked_up(flow, rows)
    expected, visits = placed(flow, rows)
    assert done == len(rows)
    assert found.tolist() == expected.tolist()
    targets = targets_in_order(shape)
    reached = np.repeat(events, np.diff(targets.first))
    assert np.bincount(targets.outputs, reached, shape.positions).tolist() == visits.tolist()


@settings(max_examples=60)
@given(st.data(), st.sampled_from([0, 1, 20]))
def test_giving_up_early_changes_nothing(data, learned):
    shape = data.draw(shapes())
    flow, rows = data.draw(flows(shape)), several(data.draw(maps(int(np.prod(shape.source_shape)))))
    done, found, events = looked_up(flow, rows, learned=learned)
    whole, expected, every_event = looked_up(flow, rows)
    assert done <= whole
    assert found.tolist() == expected[:done].tolist()
    assert events.tolist() == every_event.tolist()


@pytest.mark.parametrize("banks", [0, 7])
def test_states_that_are_forgotten_are_found_again(banks):
    rng = np.random.default_rng(0)
    rows = np.packbits(rng.random((6, 60 * 81)) < 0.4, axis=1, bitorder="little")
    flow = WaitingFlow(WIDE, 32, 1, 4, 32, forwarding=False, banks=banks)
    done, found, _ = looked_up(flow, rows)
    assert done == len(rows)
    assert found[:, waits.PUSHES].sum() > 2 * waits.KEPT_BEATS // flow.pipeline_depth
    assert found.tolist() == placed(flow, rows)[0].tolist()


@pytest.mark.parametrize("depth", [1, 5])
def test_a_flow_gives_the_same_however_its_maps_are_worked_off(depth):
    """With a FIFO of one entry every beat is placed; a deep pipeline's maps are looked up until it does not pay."""
    rng = np.random.default_rng(0)
    rows = np.packbits(rng.random((12, 60 * 81)) < 0.4, axis=1, bitorder="little")
    flow = WaitingFlow(WIDE, 32, 1, depth, 32, forwarding=False, banks=7)
    assert (looked_up(flow, rows, learned=8192)[0] in range(1, 12)) == (depth > 1)
    out = np.empty((len(rows), flow.fields), np.int64)
    events = flow.run(rows, out)
    assert out.tolist() == placed(flow, rows)[0].tolist()
    assert events.tolist() == looked_up(replace(flow, fifo_depth=2), rows)[2].tolist()

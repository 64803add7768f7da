"""Signals, cycle by cycle, against the machines that are stepped by the clock."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from made_trace import event_settings, machine
from naive_event import core_of
from naive_schedule import Crossbar, Multipliers, Pipeline
from test_schedule_event import maps, shapes

from pimsim.hardware.hardware import Event
from pimsim.mapping import map_model
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.input import InputQuantization
from pimsim.model.network import ACCUMULATE, AFFINE, LIF, IntegerLayer, IntegerNetwork, Neuron
from pimsim.simulation import kernels_timeline_dense as dense
from pimsim.simulation.timeline import _pipelined
from pimsim.simulation.timeline_event import event_waves
from pimsim.simulation.timeline_sweep import Swept, active_lanes

small = st.integers(1, 9)


def network_around(shape, weight_zero):
    """A network whose layer number 1 has ``shape``: between a layer that makes its map and a classifier."""
    c, d, h, w = shape.source_shape
    first = LayerShape("front", "conv3d", (1, d, h, w), c, (1, 1, 1))
    layer = LayerShape(
        "layer", shape.kind, first.out_shape, shape.out_channels, shape.kernel, shape.stride, shape.padding, shape.pool,
        shape.spectral_map,
    )  # fmt: skip
    last = LayerShape.linear("classifier", layer.out_shape, 2)

    def made(one, neuron):
        weight = np.ones((one.out_channels, one.in_shape[0], *one.kernel), np.uint8)
        return IntegerLayer(one, weight, 6, AFFINE, weight_zero, 0.1, neuron)

    return IntegerNetwork(
        Architecture("around", first.source_shape, (first, layer, last)),
        InputQuantization(4, 0.1, 3, np.zeros(d), np.ones(d)),
        (made(first, Neuron(LIF, 9, 100)), made(layer, Neuron(LIF, 9, 100)), made(last, Neuron(ACCUMULATE))),
        time_steps=2,
    )


class Recorder:
    """Steps a naive machine and keeps what it counted in every cycle."""

    def __init__(self, core):
        self.core, self.cycles = core, []

    def step(self):
        before = Counter(self.core.count)
        self.core.accesses = Counter()
        seen = {"level": len(getattr(self.core, "fifo", []))}
        self.core.step()
        seen |= {name: self.core.count[name] - before[name] for name in self.core.count}
        self.cycles.append(seen | {("bank", bank): many for bank, many in self.core.accesses.items()})

    def signal(self, name, later=0):
        """Per cycle, shifted ``later``: what is counted where it is decided is seen where it is done."""
        values = [cycle.get(name, 0) for cycle in self.cycles]
        assert not later or not any(values[-later:])
        return [0] * later + values[: len(values) - later]


ADDS = -1
"""Stands for the stage of the lanes that adds."""

EVENT_SIGNALS = {
    "scanner_busy": ("scanner busy", 0),
    "scanner_stall": ("scanner stall", 0),
    "spike_memory_read": ("scan reads", 0),
    "fifo_push": ("pushes", 0),
    "fifo_pop": ("pops", 0),
    "fifo_level": ("level", 0),
    "address_generator_busy": ("generator busy", 0),
    "address_generator_stall": ("generator stall", 0),
    "address_generator_beat": ("beats", 0),
    "lanes_busy": ("beats", ADDS),
    "lane_accumulate": ("accumulates", ADDS),
    "correction_count": ("counted", ADDS),
    "sweep_busy": ("sweep busy", 0),
    "sweep_stall": ("sweep stall", 0),
    "spike_memory_write": ("spike writes", 0),
}


@given(st.data())
@example(None)
def test_every_signal_of_a_step_is_that_of_the_machine_stepped_by_the_clock(data):
    if data is None:  # as full as can be: a FIFO of one entry, one bank with one port, no forwarding
        shape, bits = LayerShape("row", "conv3d", (5, 40, 1, 1), 3, (3, 1, 1), (1, 1, 1), (1, 0, 0)), [1] * 200
        settings = {"lanes": 1, "scan_width": 8, "fifo_depth": 1, "pipeline_depth": 3, "forwarding": False}
        settings |= {"sweep_depth": 3, "membrane_ports": 1, "membrane_banks": 1, "dataflow": "scatter"}
        settings, zero = {f"engines__event__{key}": value for key, value in settings.items()}, 5
    else:
        shape, settings = data.draw(shapes()), data.draw(event_settings)
        bits, zero = data.draw(maps(int(np.prod(shape.source_shape)))), data.draw(st.sampled_from([0, 30]))
    hardware = machine("digital45nm", **settings)
    event, layer = hardware.engines.event, map_model(network_around(shape, zero), hardware).layers[1]
    assert isinstance(event, Event)
    row, fired = np.packbits(np.array(bits, np.uint8), bitorder="little"), np.zeros(layer.sweep.words, np.int64)
    waves = {wave.name: wave for wave in event_waves(layer, event, row, Swept(fired, active_lanes(layer), False))}
    record = Recorder(core_of(bits, layer.shape, event))
    while not record.core.finished:
        record.step()
    length = len(record.cycles)
    adds = event.pipeline_depth if event.dataflow == "gather" else min(2, event.pipeline_depth)
    for name, (counted, later) in EVENT_SIGNALS.items():
        if name != "correction_count" or zero:
            stage = adds if later == ADDS else later
            assert waves[name].dense(length).tolist() == record.signal(counted, stage), name
    banks = {name for name in waves if name.startswith("bank_access_")}
    assert len(banks) == (event.membrane_banks if event.membrane_ports == 1 else 0)
    for name in banks:
        bank = ("bank", ("membrane", int(name.removeprefix("bank_access_"))))
        assert waves[name].dense(length).tolist() == record.signal(bank), name
    touched = [("bank", ("membrane", bank)) for bank in range(event.membrane_banks)]
    accesses = [sum(cycle.get(bank, 0) for bank in touched) for cycle in record.cycles]
    reads, writes = (waves[f"membrane_memory_{name}"].dense(length) for name in ("read", "write"))
    assert (reads + writes).tolist() == accesses


def test_a_word_is_in_the_scan_register_from_the_cycle_behind_its_load():
    # 3 words of 8: the first holds two events, pushed in 2 and 3; the second none, passed in 4; the third one, in 5.
    # Words are loaded in the cycles before they are seen: 1, 3, 4; read in 0, 1 and, as the first one passes, 3.
    shape = LayerShape("row", "linear", (24, 1, 1, 1), 1, (1, 1, 1))
    hardware = machine("digital45nm", engines__event__scan_width=8, engines__event__lanes=1)
    layer = map_model(network_around(shape, 0), hardware).layers[1]
    row = np.array([0b10000001, 0, 0b00000100], np.uint8)
    swept = Swept(np.zeros(1, np.int64), active_lanes(layer), last=False)
    found = event_waves(layer, hardware.engines.event, row, swept)
    waves = {wave.name: wave.dense(8).tolist() for wave in found}
    assert waves["scanner_word"] == [0, 0, 0, 0, 1, 2, 2, 2]
    assert waves["scanner_load"] == [0, 1, 0, 1, 1, 0, 0, 0]
    assert waves["spike_memory_read"] == [1, 1, 0, 1, 0, 0, 0, 0]
    assert waves["scanner_encode"] == [0, 0, 1, 1, 0, 1, 0, 0]


CROSSBAR = ("loading", "load stall", "pulsing", "pulse stall", "converting", "writing")


@given(
    groups=st.lists(st.tuples(small, small, st.integers(0, 1)), min_size=1, max_size=6),
    stages=st.lists(st.tuples(st.integers(1, 5), small, small), min_size=1, max_size=5),
    hold=st.booleans(),
    correction=st.integers(1, 4),
)
def test_every_cycle_of_a_crossbar_is_that_of_the_machine_stepped_by_the_clock(groups, stages, hold, correction):
    pulses, *kinds = (np.array(column, np.int64) for column in zip(*stages, strict=True))
    naive = Recorder(Crossbar(groups, pulses.tolist(), np.stack(kinds).tolist(), hold=hold, correction=correction))
    while naive.core.moved < len(groups) or naive.core.words_left or any(naive.core.stages):
        naive.step()
    length = len(naive.cycles)
    load, swap, move = (np.empty(len(groups), np.int64) for _ in range(3))
    pulse, sample = (np.empty((len(groups), len(pulses)), np.int64) for _ in range(2))
    groups, engine = np.array(groups, np.int64), np.array([hold], np.int64)
    dense.crossbar_cycles(groups, pulses, np.stack(kinds), engine, load, swap, pulse, sample, move)
    conversions = np.stack(kinds)[groups[:, 2]]
    free = sample if hold else sample + conversions
    found = [
        filled(length, load, load + groups[:, 0]),
        filled(length, (load + groups[:, 0])[:-1], load[1:]),
        filled(length, pulse, pulse + pulses),
        filled(length, pulse + pulses, free),
        filled(length, sample, sample + conversions),
        filled(length, move + 1, move + 1 + groups[:, 1]),
    ]
    assert found == [naive.signal(name) for name in CROSSBAR]
    assert length == move[-1] + groups[-1, 1] + correction + 1


def filled(length, starts, stops):
    """Per cycle, how many stretches it lies in."""
    found = np.zeros(length, np.int64)
    for start, stop in zip(starts.ravel().tolist(), stops.ravel().tolist(), strict=True):
        found[start:stop] += 1
    return found.tolist()


@given(
    tiles=st.lists(st.tuples(small, st.integers(0, 3)), min_size=1, max_size=5),
    positions=small,
    multiply=st.integers(1, 3),
    overlap=st.booleans(),
    depth=st.integers(1, 4),
)
def test_every_cycle_of_multipliers_is_that_of_the_machine_stepped_by_the_clock(
    tiles, positions, multiply, overlap, depth
):
    fetch, interval = [tile[0] for tile in tiles], [multiply + tile[1] for tile in tiles]
    core = Multipliers(fetch, interval, positions=positions, multiply=multiply, overlap=overlap, pipeline=depth)
    naive = Recorder(core)
    while core.computed < len(fetch) or any(core.stages):
        naive.step()
    length = len(naive.cycles)
    port, start = np.empty(len(fetch), np.int64), np.empty(len(fetch), np.int64)
    settings = np.array([positions, overlap], np.int64)
    dense.multiplier_cycles(np.array(fetch, np.int64), np.array(interval, np.int64), settings, port, start)
    begins = start[:, None] + np.arange(positions) * np.array(interval)[:, None]
    full = port + fetch
    found = {
        "fetching": filled(length, port, full),
        "fetch stall": filled(length, full[:-1], port[1:] if overlap else full[:-1]),
        "multiplying": filled(length, begins, begins + multiply),
        "multiply stall": filled(length, begins + multiply, begins + np.array(interval)[:, None]),
    }
    assert found == {name: naive.signal(name) for name in found}


@given(st.data())
def test_layers_of_a_pipeline_start_when_the_machine_stepped_by_the_clock_starts_them(data):
    layers, steps = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    service = [[data.draw(st.integers(1, 12)) for _ in range(steps)] for _ in range(layers)]
    front = data.draw(st.sampled_from([0, 1, 5, 30]))
    naive = Pipeline(service, front, steps)
    working = []
    while naive.done[-1] < steps:
        before = list(naive.done)
        naive.step()
        working.append([left > 0 or done > old for left, done, old in zip(naive.left, naive.done, before, strict=True)])
    phases = _pipelined([made_layer(index, steps, service[index], front) for index in range(layers)])
    for index in range(layers):
        own = [phase for phase in phases if (phase.layer, phase.kind) == (index, "step")]
        starts, stops = (np.array([getattr(phase, end) for phase in own]) for end in ("start", "stop"))
        assert filled(len(working), starts, stops) == [cycle[index] for cycle in working]


def made_layer(index, steps, service, front):
    """What `_pipelined` asks a layer: its number, and jobs of so many cycles."""

    def job(kind, cycles):
        return SimpleNamespace(kind=kind, step=None, cycles=cycles, draw=tuple)

    return SimpleNamespace(
        index=index,
        steps=steps,
        sweeps=True,
        front=lambda: [job("sums", front)] if front and index == 0 else [],
        step=lambda step: [job("step", service[step])],
    )

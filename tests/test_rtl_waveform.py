"""Signals of the waveform against those of the described hardware, simulated clock by clock: every one, every cycle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("amaranth")

from amaranth.hdl import Value
from rtl_cases import event_cases
from test_rtl_current_sweep import case_of, dense_layers
from test_rtl_pim import cases as pim_cases

from pimsim.rtl.bench.event_bench import EventBench
from pimsim.rtl.bench.run_event import patience, watch_event
from pimsim.rtl.bench.run_pim import watch_pim
from pimsim.rtl.bench.run_sweep import SweepBench
from pimsim.rtl.bench.step_bench import run_bench
from pimsim.rtl.bench.words import current_words, map_words, weight_words
from pimsim.rtl.parts.design import event_design, sweep_design
from pimsim.rtl.parts.signals import index_bits
from pimsim.simulation.timeline import layer_phases
from pimsim.simulation.waves import counting

FEW = settings(max_examples=20, deadline=None)


def drawn(case, kinds=("sums", "step", "sweep")):
    """Name → value in every cycle of all samples, one behind the other: of the phases of some kinds."""
    fired, phases = case.record().spikes, []
    silent = case.classifies or case.network.is_cnn
    for sample in range(case.samples):
        inputs, spikes = case.inputs[sample : sample + 1], None if silent else fired[sample]
        phases += layer_phases(case.mapping, case.hardware, case.number, inputs, spikes)
    waves = [(phase, {wave.name: wave for wave in phase.waves()}) for phase in phases if phase.kind in kinds]
    names = {name for _, own in waves for name in own}
    none = counting("", "", np.empty(0, np.int64))
    return {
        name: np.concatenate([own.get(name, none).dense(phase.cycles) for phase, own in waves]).tolist()
        for name in names
    }


def agree(seen, found):
    """Every signal that the description reports is that of the waveform, in every cycle."""
    for name, values in seen.items():
        assert len(values) == len(found["busy"])
        assert values.tolist() == found.get(name, [0] * len(values)), name


CONTROL = {"start", "busy", "done", "last", "step"}
WORDS = {"scanner_word", "membrane_word", "sweep_word"}
"""Signals that are no reports of a core: of its controller, and registers of its units."""


@FEW
@given(event_cases(most_cycles=1500, behind=True))
def test_every_signal_that_a_core_reports_is_the_waveforms_in_every_cycle(case):
    design = event_design(case.network, case.mapping, case.hardware, case.index)
    _, seen = watch_event(design, case.weights.weight, case.inputs)
    found = drawn(case)
    agree(seen, found)
    assert set(found) == {*seen, *CONTROL, *WORDS}


@FEW
@given(event_cases(most_cycles=800, behind=True))
def test_words_and_controls_are_those_of_the_units(case):
    design = event_design(case.network, case.mapping, case.hardware, case.index)
    seen = watched(case, design)
    found = drawn(case)
    for name in ("start", "busy", "done", "last", "sweep_word"):
        assert seen[name].tolist() == found[name], name
    assert seen["push"].tolist() == found["fifo_push"]
    events = np.array(found["scanner_encode"]) == 1  # a void entry names no word
    assert seen["scanner_word"][events].tolist() == np.array(found["scanner_word"])[events].tolist()
    if not design.gather:
        beat = np.array(found["address_generator_beat"]) == 1
        assert seen["membrane_word"][beat].tolist() == np.array(found["membrane_word"])[beat].tolist()


def watched(case, design):
    """Ports of the core and of its units in every cycle."""
    samples, steps = case.inputs.shape[:2]
    words = map_words(case.inputs.reshape(samples * steps, -1), design.map_neurons, design.scan_width)
    bench = EventBench(design, weight_words(design, case.weights.weight), words, steps, patience(design))
    core = bench.core
    entry = Value.cast(core.fifo.entry)[: index_bits(design.map_neurons)]  # the event comes first
    signals = {
        "start": core.start,
        "done": core.done,
        "busy": core.busy,
        "last": core.last,
        "sweep_word": core.sweep.issue_word,
        "push": core.fifo.push,
        "scanner_word": entry,
        **({} if design.gather else {"membrane_word": core.generator.slot.at.membrane}),
    }
    found = dict(zip(signals, run_bench(bench, design.shape.name, signals)[1], strict=True))
    found["scanner_word"] //= design.scan_width
    return found


@settings(max_examples=10, deadline=None)
@given(pim_cases())
def test_every_signal_of_a_crossbar_is_the_waveforms_in_every_cycle(case):
    _, seen = watch_pim(case.network, case.mapping, case.hardware, case.index, case.inputs)
    found = drawn(case)
    agree(seen, found)
    assert set(found) - CONTROL - WORDS <= set(seen)


@settings(max_examples=10, deadline=None)
@given(dense_layers().map(lambda made: case_of(*made)))
def test_every_signal_of_a_sweep_from_currents_is_the_waveforms_in_every_cycle(case):
    design = sweep_design(case.network, case.mapping, case.hardware, case.index)
    words = current_words(design, case.record().currents.reshape(-1, design.neurons))
    bench = SweepBench(design, words, steps=case.steps, sweeps=1)
    activity = bench.core.activity
    signals = {name: activity[name] for name in activity.shape().members} | {"sweep_word": bench.core.sweep.issue_word}
    seen = dict(zip(signals, run_bench(bench, case.layer.name, signals)[1], strict=True))
    found = drawn(case, kinds=("sweep",))
    agree(seen, found)
    assert set(found) - CONTROL == set(seen)

"""Signals of the waveform against those of the described hardware, simulated clock by clock: every one, every cycle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("amaranth")

from amaranth.hdl import Value
from rtl_cases import event_cases

from pimsim.rtl.design import event_design
from pimsim.rtl.event_bench import EventBench
from pimsim.rtl.run_event import patience, watch_event
from pimsim.rtl.signals import index_bits
from pimsim.rtl.step_bench import run_bench
from pimsim.rtl.words import map_words, weight_words
from pimsim.simulation.timeline import spikes_per_word
from pimsim.simulation.timeline_event import event_waves

FEW = settings(max_examples=30, deadline=None)


def drawn(case):
    """Name → value in every cycle of all samples and steps, one behind the other, and the cycles of each step."""
    event, record = case.hardware.engines.named(case.layer.engine), case.record()
    cycles, found = case.timing().step_cycles, []
    for sample in range(case.samples):
        for step in range(case.steps):
            fired = None if case.classifies else spikes_per_word(case.layer, record.spikes[sample, step])
            row, last = case.inputs[sample, step], step == case.steps - 1
            waves = event_waves(case.layer, event, row, last=last, fired=fired)
            found.append({wave.name: wave.dense(int(cycles[sample, step])) for wave in waves})
    silent = [np.zeros(n, np.int64) for n in cycles.ravel().tolist()]
    names = {name for step in found for name in step}
    joined = {
        name: np.concatenate([step.get(name, rest) for step, rest in zip(found, silent, strict=True)]) for name in names
    }
    return joined, cycles.ravel()


@FEW
@given(event_cases(most_cycles=1500))
def test_every_signal_that_a_core_reports_is_the_waveforms_in_every_cycle(case):
    design = event_design(case.network, case.mapping, case.hardware, case.index)
    _, seen = watch_event(design, case.weights.weight, case.inputs)
    found, cycles = drawn(case)
    for name, values in seen.items():
        assert len(values) == cycles.sum()
        assert values.tolist() == found.pop(name).tolist(), name
    # What is left are registers of units, which `test_words_and_controls_are_those_of_the_units` looks at.
    assert set(found) == {"scanner_word", "membrane_word", "sweep_word"}


@FEW
@given(event_cases(most_cycles=800))
def test_words_and_controls_are_those_of_the_units(case):
    design = event_design(case.network, case.mapping, case.hardware, case.index)
    seen = watched(case, design)
    found, cycles = drawn(case)
    ends = np.cumsum(cycles)
    assert np.flatnonzero(seen["start"]).tolist() == (ends - cycles).tolist()
    assert np.flatnonzero(seen["done"]).tolist() == (ends - 1).tolist()
    assert seen["busy"].all()
    steps = np.repeat(np.arange(len(cycles)) % case.steps, cycles)
    assert seen["last"].tolist() == (steps == case.steps - 1).tolist()
    assert seen["sweep_word"].tolist() == found["sweep_word"].tolist()
    beat, pushed = found["address_generator_beat"] == 1, seen["push"] == 1
    assert pushed.tolist() == (found["fifo_push"] == 1).tolist()
    events = found["scanner_encode"] == 1  # a void entry names no word
    assert seen["scanner_word"][events].tolist() == found["scanner_word"][events].tolist()
    if not design.gather:
        assert seen["membrane_word"][beat].tolist() == found["membrane_word"][beat].tolist()


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

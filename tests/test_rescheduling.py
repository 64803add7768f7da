"""One trace on many machines: equal to scheduling each by itself, and nothing is computed twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import event_settings, machine, rates, trace_of
from strategies import cases, cnns, networks

from pimsim.errors import MappingError, TraceError
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.model import load_network
from pimsim.resources import HARDWARE, MODEL, TRACE, find
from pimsim.resources import shipped as shipped_files
from pimsim.simulation import Rescheduler, execute, rescheduling, schedule
from pimsim.simulation.rescheduling import Reuse
from pimsim.traces import load_trace, select

FEW = settings(max_examples=25)
NAMES = ("pim45nm", "pim45nm_bitserial", "digital45nm", "gather45nm", "ann45nm")


def pairs(network, machines):
    """(mapping, hardware) of each machine that the network fits."""
    fitting = []
    for hardware in machines:
        try:
            fitting.append((map_model(network, hardware), hardware))
        except MappingError:
            continue
    return fitting


@st.composite
def many_machines(draw):
    """Machines of few different settings in any order, so that they share some of them, and come again."""
    cores = draw(st.lists(event_settings, min_size=1, max_size=3))
    machines = []
    for _ in range(draw(st.integers(2, 8))):
        name = draw(st.sampled_from(NAMES))
        changes = {
            "schedule": draw(st.sampled_from(["shared", "pipelined"])),
            "order": draw(st.sampled_from(["step_major", "layer_major"])),
        }
        if name != "ann45nm":
            changes |= draw(st.sampled_from(cores))
            key = draw(st.sampled_from(sorted(cores[0])))
            changes |= {key: draw(st.sampled_from(cores))[key]}
            if changes["engines__event__dataflow"] == "gather":
                changes["engines__event__forwarding"] = True
            if changes["engines__event__membrane_ports"] == 1:
                changes["engines__event__pipeline_depth"] = max(2, changes["engines__event__pipeline_depth"])
        if name == "pim45nm_bitserial":
            changes["engines__pim__dac_bits"] = draw(st.sampled_from([1, 2]))
        machines.append(machine(name, **changes))
    return machines


@FEW
@given(networks(), many_machines(), rates, st.sampled_from([0, 3000, 10**6]), st.integers(0, 99))
def test_machines_in_any_order_are_scheduled_as_each_by_itself(network, machines, rate, kept_bytes, seed):
    trace = trace_of(network, np.random.default_rng(seed), 3, rate)
    rescheduler = Rescheduler(trace, network, kept_bytes=kept_bytes)
    for mapping, hardware in 2 * pairs(network, machines):
        assert rescheduler.schedule(mapping, hardware) == schedule(trace, network, mapping, hardware)
        assert rescheduler.kept_bytes <= kept_bytes


@settings(max_examples=8)
@given(cases(of=cnns(max_bits=4)), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_a_cnn_is_scheduled_as_by_itself(case, ports):
    names = [("ann45nm", {"engines__mac__input_port_codes": n}) for n in ports]
    names += [("allpim45nm", {"engines__pim__input_port_codes": n}) for n in ports]
    fitting = pairs(case.network, [machine(name, **changes) for name, changes in names])
    assume(fitting)
    mapping, hardware = fitting[0]
    trace = execute(case.network, case.inputs, numerics=mapping.numerics, labels=case.labels)
    rescheduler = Rescheduler(trace, case.network)
    for mapping, hardware in 2 * fitting:
        assert rescheduler.schedule(mapping, hardware) == schedule(trace, case.network, mapping, hardware)


@pytest.fixture(scope="module")
def shipped():
    """The shipped network and the first samples of its trace."""
    network = load_network(find(MODEL, "cnn3d_6b"))
    return network, select(load_trace(find(TRACE, "cnn3d_indian_pines")), 4)


def test_shipped_machines_share_a_trace(shipped):
    network, trace = shipped
    rescheduler = Rescheduler(trace, network)
    for name in shipped_files(HARDWARE):
        hardware = load_hardware(name)
        mapping = map_model(network, hardware)
        assert rescheduler.schedule(mapping, hardware, threads=2) == schedule(trace, network, mapping, hardware)


SAME = {
    "pim45nm": [
        {"clock_mhz": 100},
        {"memories__macro_kib": 4},
        {"engines__pim__rows": 64},
        {"engines__event__sweep_depth": 6},
        {"engines__event__pipeline_depth": 9},
        {"engines__event__forwarding": False, "engines__event__pipeline_depth": 1},
        {"engines__event__lanes": 43},
        {"engines__event__membrane_banks": 4},
        {"engines__event__membrane_bits": 19},
        {"schedule": "pipelined"},
        {"cost__temperature_k": 350},
    ],
    "gather45nm": [
        {"engines__event__sweep_depth": 6},
        {"engines__event__membrane_banks": 4},
        {"memories__spike_kib": 64},
        {"order": "layer_major"},
    ],
}
OTHER = {
    "pim45nm": [
        {"engines__event__lanes": 8},
        {"engines__event__scan_width": 16},
        {"engines__event__fifo_depth": 5},
        {"engines__event__membrane_ports": 1},
        {"engines__event__forwarding": False, "engines__event__pipeline_depth": 9},
        {"engines__event__dataflow": "gather"},
    ],
    "gather45nm": [
        {"engines__event__lanes": 8},
        {"engines__event__membrane_ports": 1},
        {"engines__event__pipeline_depth": 5},
    ],
}


@pytest.mark.parametrize("name", SAME)
def test_a_machine_that_differs_in_nothing_a_kernel_reads_runs_none(shipped, name):
    network, trace = shipped
    base = machine(name)
    rescheduler = Rescheduler(trace, network)
    rescheduler.schedule(map_model(network, base), base)
    layers = sum(layer.engine == "event" for layer in map_model(network, base).layers)
    assert rescheduler.reuse == Reuse(computed=layers, reused=0)
    for number, changes in enumerate(SAME[name], 1):
        hardware = machine(name, **changes)
        mapping = map_model(network, hardware)
        found = rescheduler.schedule(mapping, hardware)
        assert rescheduler.reuse == Reuse(computed=layers, reused=number * layers), changes
        assert found == schedule(trace, network, mapping, hardware)


@pytest.mark.parametrize("name", OTHER)
def test_a_machine_that_differs_in_what_a_kernel_reads_is_computed(shipped, name):
    network, trace = shipped
    base = machine(name)
    for changes in OTHER[name]:
        rescheduler = Rescheduler(trace, network)
        rescheduler.schedule(map_model(network, base), base)
        before = rescheduler.reuse.computed
        hardware = machine(name, **changes)
        mapping = map_model(network, hardware)
        assert rescheduler.schedule(mapping, hardware) == schedule(trace, network, mapping, hardware)
        assert rescheduler.reuse.computed > before, changes


def test_word_lines_are_counted_once_per_window_and_slices(shipped, monkeypatch):
    network, trace = shipped
    asked = []
    counting = rescheduling.driven
    monkeypatch.setattr(rescheduling, "driven", lambda *of: asked.append(of) or counting(*of))
    rescheduler = Rescheduler(trace, network)
    columns = (32, 64, 128)
    for count in columns:
        hardware = machine("pim45nm_bitserial", engines__pim__columns=count, engines__pim__copies_in_array="diagonal")
        mapping = map_model(network, hardware)
        assert rescheduler.schedule(mapping, hardware) == schedule(trace, network, mapping, hardware)
    assert 1 <= len(asked) < len(columns)


def test_what_is_kept_has_a_bound_and_cannot_be_written(shipped):
    network, trace = shipped
    rescheduler = Rescheduler(trace, network, kept_bytes=4000)
    for lanes in (8, 16, 8, 16, 8):
        hardware = machine("digital45nm", engines__event__lanes=lanes)
        found = rescheduler.schedule(map_model(network, hardware), hardware)
        assert found == schedule(trace, network, map_model(network, hardware), hardware)
        assert 0 < rescheduler.kept_bytes <= 4000
    assert rescheduler.reuse.computed > 2 * 3


def test_a_trace_of_another_network_is_refused(shipped):
    network, _ = shipped
    other = made_network()
    with pytest.raises(TraceError, match="inputs have shape"):
        Rescheduler(trace_of(other, np.random.default_rng(0), 2, 0.1), network)

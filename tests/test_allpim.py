"""The machine with everything in crossbars: what its file claims about the shipped network holds."""

from __future__ import annotations

import pytest

from pimsim import report
from pimsim.errors import MappingError
from pimsim.hardware import load_hardware
from pimsim.hardware.hardware import PIM
from pimsim.mapping import layer_numerics, map_model
from pimsim.mapping.crossbar import CrossbarPlan
from pimsim.model import load_network
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import schedule
from pimsim.traces import Trace, load_trace, select


@pytest.fixture(scope="module")
def trace() -> Trace:
    return select(load_trace(find(TRACE, "cnn3d_indian_pines")), 2)


def test_every_layer_of_the_shipped_network_stays_in_arrays_of_its_own() -> None:
    mapping = map_model(load_network(find(MODEL, "cnn3d_6b")), load_hardware("allpim45nm"))
    for layer in mapping.layers:
        assert layer.engine == PIM
        assert isinstance(layer.plan, CrossbarPlan)
        assert layer.plan.resident  # nothing is rewritten
        assert layer.memories.weight is None
    (arrays,) = (item.instances for item in mapping.storage if item.component == "pim_array")
    assert arrays == 10 * len(mapping.layers)


def test_converters_are_lossless_and_a_bit_less_is_not() -> None:
    network = load_network(find(MODEL, "cnn3d_6b"))
    exact = layer_numerics(network, load_hardware("allpim45nm"))
    assert all(item.crossbar is None for item in exact)
    clipping = layer_numerics(network, load_hardware("allpim45nm", {"engines.pim.adc_bits": 4}))
    assert any(item.crossbar is not None for item in clipping)


def test_accumulators_that_cannot_hold_every_sum_are_refused() -> None:
    network = load_network(find(MODEL, "cnn3d_6b"))
    narrow = {"engines.pim.accumulator_bits": 16, "engines.pim.membrane_bits": 14}
    with pytest.raises(MappingError, match="accumulator_bits=16"):
        map_model(network, load_hardware("allpim45nm", narrow))


def test_dense_layers_work_through_every_step_and_reuse_the_trace(trace: Trace) -> None:
    """F₁ sums once, then T dense passes of every other layer: T·F_l accumulates whatever the spikes."""
    network, machine = load_network(find(MODEL, "cnn3d_6b")), load_hardware("allpim45nm")
    activity = schedule(trace, network, map_model(network, machine), machine)
    done = [layer.accumulates / trace.samples for layer in activity.layers]
    macs = [layer.shape.macs for layer in network.layers]
    assert done == [macs[0], *(network.time_steps * count for count in macs[1:])]
    assert not report.run("cnn3d_6b", "allpim45nm", samples=2).executed


def test_word_lines_are_driven_for_spikes_only(trace: Trace) -> None:
    """Behind the first layer an input is a spike: row pulses can be no more than dense rows, and follow the spikes."""
    network, machine = load_network(find(MODEL, "cnn3d_6b")), load_hardware("allpim45nm")
    activity = schedule(trace, network, map_model(network, machine), machine)
    for layer in activity.layers[1:]:
        counts = {(item.component, item.action): item.count for item in layer.actions}
        assert 0 < counts["row_driver", "pulse"] < counts["row_register", "load"]

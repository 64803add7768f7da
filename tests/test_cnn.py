"""A CNN on machines: what it costs, which engines take it, and what its activations drive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from counting import counted
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_trace import machine
from strategies import cases, cnns

from pimsim.activity.activity import Activity
from pimsim.errors import MappingError, TraceError
from pimsim.hardware import Hardware
from pimsim.mapping import layer_numerics, map_model
from pimsim.model import network_hash, reference
from pimsim.model.network import ACCUMULATE, LIF, RELU, IntegerNetwork, Neuron
from pimsim.model.windows import arrange, windows
from pimsim.simulation import execute, schedule
from pimsim.traces import Trace, check_belongs, holds_for, load_trace, save_trace, select, trace_hash

FEW = settings(max_examples=30, deadline=None)
BITS = 5
NARROW = cnns(max_bits=6)
"""Networks whose sums fit 32-bit accumulators, the widest that a hardware file may ask for."""


def of_one_width(network: IntegerNetwork) -> IntegerNetwork:
    """The network with activations of `BITS` everywhere, so that a hardware file can state the width."""
    layers = [
        replace(layer, neuron=replace(layer.neuron, activation_bits=BITS)) if layer.neuron.kind == RELU else layer
        for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


def spiking_twin(network: IntegerNetwork) -> IntegerNetwork:
    """The same weights under spiking neurons."""
    layers = [
        replace(layer, neuron=Neuron(LIF, 1, 1)) if layer.neuron.kind == RELU else layer for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


def scheduled(network: IntegerNetwork, inputs: np.ndarray, hardware: Hardware) -> Activity:
    mapping = map_model(network, hardware)
    return schedule(execute(network, inputs, None, threads=1), network, mapping, hardware)


@FEW
@given(data=st.data(), organisation=st.sampled_from(["shared", "pipelined"]))
def test_a_cnn_costs_on_multipliers_what_its_bare_layers_are_costed_at(data: st.DataObject, organisation: str) -> None:
    """``network: iso_cnn`` predicts every cycle, action, buffer and register of the CNN that then comes and runs."""
    case = data.draw(cases(of=NARROW))
    network = of_one_width(case.network)
    hardware = machine("ann45nm", schedule=organisation, engines__mac__activation_bits=BITS)
    numerics = layer_numerics(network, hardware)
    trace = execute(network, case.inputs, None, numerics, threads=1)
    ran = schedule(trace, network, map_model(network, hardware), hardware)
    twin = spiking_twin(network)
    costed = scheduled(twin, case.inputs, hardware)
    assert ran.storage == costed.storage
    assert ran.layers == costed.layers
    assert (ran.latency_cycles, ran.interval_cycles) == (costed.latency_cycles, costed.interval_cycles)
    as_it_is = machine("ann45nm", network="as_is", schedule=organisation)
    again = schedule(trace, network, map_model(network, as_it_is), as_it_is)
    assert again.layers == ran.layers


@FEW
@given(cases(of=NARROW))
def test_word_lines_are_driven_for_the_ones_among_the_bits_of_the_activations(case) -> None:
    hardware = machine("allpim45nm", engines__pim__columns=512)
    network = case.network
    mapping = map_model(network, hardware)
    trace = execute(network, case.inputs, None, mapping.numerics, threads=1)
    activity = schedule(trace, network, mapping, hardware)
    dense = reference.run(network, case.inputs)
    for index, layer in enumerate(network.layers[1:], 1):
        signal = dense.activations[index - 1][:, None]
        columns = windows(arrange(signal, layer.shape), layer.shape, fill=0)
        tiles = len({tile.output for tile in mapping.layers[index].plan.tiles})
        pulses = counted(activity.layers[index], "row_driver", "pulse")
        assert pulses == int(np.bitwise_count(columns).sum()) * tiles


@FEW
@given(data=st.data())
def test_the_narrowest_proved_accumulator_holds_every_sum_and_one_bit_less_is_refused(data: st.DataObject) -> None:
    """Inputs and activations at their highest, which is what drives sums to their ends."""
    network = data.draw(NARROW)
    bits = next(bits for bits in range(4, 33) if _accepted(network, bits))
    inputs = np.full((1, *network.architecture.input_shape), 2**network.input.bits - 1, network.input.code_dtype)
    hardware = machine("ann45nm", engines__mac__accumulator_bits=bits, engines__mac__membrane_bits=4)
    execute(network, inputs, None, layer_numerics(network, hardware), threads=1)  # raises where a sum leaves its word
    assume(bits > 4)
    with pytest.raises(MappingError, match=rf"need {bits} bits, engines.mac.accumulator_bits={bits - 1}"):
        map_model(network, machine("ann45nm", engines__mac__accumulator_bits=bits - 1, engines__mac__membrane_bits=4))


def _accepted(network: IntegerNetwork, bits: int) -> bool:
    try:
        layer_numerics(network, machine("ann45nm", engines__mac__accumulator_bits=bits, engines__mac__membrane_bits=4))
    except MappingError:
        return False
    return True


@pytest.mark.parametrize("name", ["digital45nm", "pim45nm", "pim45nm_bitserial"])
def test_an_event_core_takes_no_activations(name: str, cnn: IntegerNetwork) -> None:
    with pytest.raises(
        MappingError, match=r'the event core takes spikes of 1 bit, layer "layer1" hands on activations'
    ):
        map_model(cnn, machine(name))


@pytest.fixture
def cnn() -> IntegerNetwork:
    """Two convolutions with 5-bit activations behind them, and a classifier behind a pool."""
    from test_execute import chain

    network = chain((3, 4, 2), pool=(1, 2, 2))
    layers = [
        replace(
            layer,
            shape=replace(layer.shape, name=f"layer{index + 1}"),
            neuron=layer.neuron if layer.neuron.kind == ACCUMULATE else Neuron(RELU, 0, 0, 40000, 21, BITS),
        )
        for index, layer in enumerate(network.layers)
    ]
    architecture = replace(network.architecture, layers=tuple(layer.shape for layer in layers))
    return replace(network, architecture=architecture, layers=tuple(layers), time_steps=1, leak_fraction_bits=0)


@pytest.fixture
def trace(cnn: IntegerNetwork) -> Trace:
    from test_execute import codes

    return execute(cnn, codes(cnn, 4), np.array([0, 1, -1, 0]))


def belongs(trace: Trace, network: IntegerNetwork, **changes: object) -> None:
    given_: dict = {
        "model_hash": network_hash(network),
        "input_shape": network.architecture.input_shape,
        "input_bits": network.input.bits,
        "steps": 1,
        "neurons": [layer.shape.neurons for layer in network.layers[:-1]],
        "classes": network.classes,
        "activation_bits": [BITS] * (len(network.layers) - 1),
    }
    check_belongs(trace, **(given_ | changes))


def test_a_trace_of_activations_survives_a_file(tmp_path, trace: Trace, cnn: IntegerNetwork) -> None:
    save_trace(trace, tmp_path / "a.npz")
    read = load_trace(tmp_path / "a.npz")
    assert trace_hash(read) == trace_hash(trace)
    assert read.spikes == ()
    assert read.steps == 1
    for mine, theirs in zip(trace.activations, read.activations, strict=True):
        assert mine.dtype == theirs.dtype == np.uint8
        assert np.array_equal(mine, theirs)
        assert 0 < np.count_nonzero(mine) < mine.size
    belongs(read, cnn)


def test_a_part_of_a_trace_holds_the_first_activations(trace: Trace) -> None:
    part = select(trace, 2)
    assert [values.shape[0] for values in part.activations] == [2, 2]
    assert part.recorded_samples == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation_bits": [BITS, 2]}, r"activations\.1: code \d+ exceeds 3, the largest of the model's 2 bits"),
        ({"activation_bits": ()}, "the trace holds activations, the model's layers hand on spikes"),
        ({"neurons": [9, 9]}, r"activations\.0: 240, the model has 9"),
    ],
)
def test_a_trace_that_another_cnn_made_is_refused(
    changes: dict[str, object], words: str, trace: Trace, cnn: IntegerNetwork
) -> None:
    with pytest.raises(TraceError, match=words):
        belongs(trace, cnn, **changes)


def test_activations_and_spikes_do_not_go_together(trace: Trace) -> None:
    with pytest.raises(TraceError, match="the trace holds spikes too"):
        replace(trace, spikes=(np.zeros((4, 1, 3), np.uint8),))
    with pytest.raises(TraceError, match=r"activations\.0: expected uint8 or uint16, got uint32"):
        replace(trace, activations=tuple(values.astype(np.uint32) for values in trace.activations))
    with pytest.raises(TraceError, match=r"activations\.1: expected shape \(4, any\)"):
        replace(trace, activations=(trace.activations[0], trace.activations[1][:3]))


def test_a_recorded_cnn_holds_for_every_accumulator_that_holds_its_sums(trace: Trace) -> None:
    needed = max(
        max(int(high), -int(low) - 1).bit_length() + 1
        for low, high in zip(trace.membrane_low, trace.membrane_high, strict=True)
    )
    wide, narrow = (
        [dict(layer) | {"accumulator_bits": bits, "membrane_bits": bits} for layer in trace.numerics]
        for bits in (needed, needed - 1)
    )
    assert holds_for(trace, wide)
    assert not holds_for(trace, narrow)


def test_a_trace_of_a_cnn_is_scheduled_for_that_cnn_only(trace: Trace, cnn: IntegerNetwork) -> None:
    hardware = machine("ann45nm")
    wrong = replace(trace, activations=(trace.activations[0][:, :-1], trace.activations[1]))
    with pytest.raises(TraceError, match='activations of layer "layer1"'):
        schedule(wrong, cnn, map_model(cnn, hardware), hardware)

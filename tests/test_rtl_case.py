"""Layers cut for a simulation clock by clock: what is left is what was there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trace import machine
from strategies import Case, cases, cnns, networks

from pimsim.errors import MappingError, ModelError, PimsimError, TraceError
from pimsim.model.network import ACCUMULATE
from pimsim.rtl.verify.case import fitting_crop, layer_case
from pimsim.rtl.verify.crop import Crop, cut_shape
from pimsim.simulation import execute, record_layer
from pimsim.simulation.execute import record
from pimsim.traces import Trace

ON_EVENT, ON_MAC = machine("digital45nm"), machine("ann45nm", network="as_is")


def traced(case: Case) -> Trace:
    return execute(case.network, case.inputs)


@settings(max_examples=30)
@given(cases(of=networks(max_hidden=2)))
def test_a_layer_that_is_not_cut_is_that_of_its_network(case):
    whole = record(case.network, case.inputs)
    for index, layer in enumerate(case.network.layers):
        found = layer_case(case.network, ON_MAC, whole.trace, layer.name)
        assert (found.index, found.cut) == (index, ())
        alone = record_layer(found.network, found.index, found.inputs)
        assert alone.membranes.tolist() == whole.membranes[index].tolist()


@settings(max_examples=60)
@given(st.data())
def test_first_channels_of_a_layer_do_what_they_do_in_the_whole_layer(data):
    # A channel's sums depend on no other channel: those that are left keep their membranes.
    case = data.draw(cases(of=data.draw(st.sampled_from([networks(max_hidden=2), cnns(max_hidden=2)]))))
    index = data.draw(st.integers(0, len(case.network.layers) - 1))
    layer = case.network.layers[index]
    channels = data.draw(st.integers(1, layer.shape.out_channels))
    whole = record(case.network, case.inputs)
    found = layer_case(case.network, ON_MAC, whole.trace, layer.name, Crop(channels=channels))
    assert found.weights.shape.out_channels == channels
    alone = record_layer(found.network, found.index, found.inputs)
    steps = case.network.time_steps
    kept = whole.membranes[index].reshape(len(case.inputs), steps, layer.shape.positions, -1)[..., :channels]
    assert alone.membranes.tolist() == kept.reshape(len(case.inputs), steps, -1).tolist()


@settings(max_examples=60)
@given(st.data())
def test_a_region_is_the_front_corner_of_the_map(data):
    case = data.draw(cases(of=data.draw(st.sampled_from([networks(max_hidden=2), cnns(max_hidden=2)]))))
    index = data.draw(st.integers(0, len(case.network.layers) - 1))
    layer, trace = case.network.layers[index], traced(case)
    channels, *size = layer.shape.source_shape
    region = tuple(data.draw(st.integers(1, n)) for n in size)
    try:
        found = layer_case(case.network, ON_MAC, trace, layer.name, Crop(region=region))
    except PimsimError:
        return  # the kernel does not fit what is left, or the classifier would have several positions
    d, h, w = found.weights.shape.source_shape[1:]
    assert (d, h, w) == region
    neurons = channels * int(np.prod(size))
    if index == 0:
        assert found.inputs.tolist() == trace.inputs[:, :, :d, :h, :w].tolist()
    elif case.network.is_cnn:
        maps = trace.activations[index - 1].reshape(-1, *size, channels)[:, :d, :h, :w]
        assert found.inputs.tolist() == maps.reshape(len(maps), -1).tolist()
    else:
        bits = np.unpackbits(trace.spikes[index - 1], axis=2, count=neurons, bitorder="little")
        left = bits.reshape(*bits.shape[:2], *size, channels)[:, :, :d, :h, :w]
        got = np.unpackbits(found.inputs, axis=2, count=d * h * w * channels, bitorder="little")
        assert got.reshape(left.shape).tolist() == left.tolist()


@settings(max_examples=40)
@given(cases(of=networks(max_hidden=2)), st.data())
def test_fewer_samples_and_steps_are_the_first_ones_and_take_the_cycles_that_they_took(case, data):
    trace, steps = traced(case), data.draw(st.integers(1, case.network.time_steps))
    samples = data.draw(st.integers(1, len(case.inputs)))
    for layer in case.network.layers[1:]:
        whole = layer_case(case.network, ON_EVENT, trace, layer.name)
        short = layer_case(case.network, ON_EVENT, trace, layer.name, Crop(samples=samples, steps=steps))
        assert short.inputs.tolist() == whole.inputs[:samples, :steps].tolist()
        assert short.timing().step_cycles.tolist() == whole.timing().step_cycles[:samples, :steps].tolist()


@settings(max_examples=40)
@given(cases(of=networks(max_hidden=2)), st.integers(20, 400))
def test_a_fitting_crop_fits_unless_nothing_is_left_to_cut(case, most):
    trace = traced(case)
    for layer in case.network.layers:
        crop = fitting_crop(case.network, ON_EVENT, trace, layer.name, Crop(samples=1, steps=1), most_cycles=most)
        found = layer_case(case.network, ON_EVENT, trace, layer.name, crop)
        small = found.weights.shape
        assert found.timing().cycles <= most or small.out_channels == 1
        assert small.kernel == layer.shape.kernel or layer.shape.kind == "linear"
        assert (found.weights.neuron.kind == ACCUMULATE) == (layer is case.network.layers[-1])
        again = fitting_crop(case.network, ON_EVENT, trace, layer.name, crop, most_cycles=most)
        assert again == crop


@given(cases(of=networks(max_hidden=1)))
def test_what_cannot_be_cut_is_named(case):
    trace, network = traced(case), case.network
    with pytest.raises(MappingError, match=r'has no layer "layer9".*layer1'):
        layer_case(network, ON_EVENT, trace, "layer9")
    with pytest.raises(TraceError, match=f"samples=99 is outside 1 … {trace.samples}"):
        layer_case(network, ON_EVENT, trace, "layer1", Crop(samples=99))
    with pytest.raises(TraceError, match=f"steps=99 is outside 1 … {network.time_steps}"):
        layer_case(network, ON_EVENT, trace, "layer1", Crop(steps=99))
    with pytest.raises(MappingError, match="iso_cnn"):
        layer_case(network, machine("ann45nm"), trace, "layer1")


def test_a_kernel_that_no_longer_fits_its_map_is_refused():
    from pimsim.model.architecture import LayerShape

    shape = LayerShape("conv", "conv3d", (1, 9, 5, 5), 4, (3, 3, 3))
    with pytest.raises(ModelError, match='layer "conv": kernel'):
        cut_shape(shape, channels=None, region=(9, 2, 5))
    assert cut_shape(shape, channels=99, region=(99, 99, 99)) == shape

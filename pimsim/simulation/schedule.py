"""Trace → Activity: when everything happens on a given machine, and how often.

Values never change here.  docs/microarchitecture.md defines every cycle; the kernels' module docstrings
repeat the contract in short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from pimsim.activity.activity import Activity
from pimsim.errors import TraceError
from pimsim.hardware import Event, Hardware, Mac
from pimsim.hardware.hardware import Pim
from pimsim.mapping import LayerMapping, Mapping
from pimsim.model.architecture import LayerShape
from pimsim.model.network import IntegerLayer, IntegerNetwork
from pimsim.simulation import schedule_crossbar, schedule_multipliers
from pimsim.simulation.schedule_event import EventLayer
from pimsim.simulation.schedule_layer import LayerTiming, Spikes, dense_timing, layer_activity
from pimsim.simulation.schedule_machine import machine_time
from pimsim.simulation.schedule_parallel import run_all
from pimsim.simulation.schedule_source import (
    count_spikes,
    driven_by_activations,
    driven_by_codes,
    driven_by_spikes,
    input_writes,
)
from pimsim.traces.trace import Trace


def schedule(
    trace: Trace, network: IntegerNetwork, mapping: Mapping, hardware: Hardware, *, threads: int = 1
) -> Activity:
    """Count cycles and actions of every sample of ``trace``; the result does not depend on ``threads``.

    Where a CNN is only costed neither spikes nor activations are used, and every sample costs the same.
    Raises TraceError where the trace has no sample or does not belong to the network.
    """
    check_trace(trace, network)
    events = _event_layers(trace, mapping, hardware)
    run_all([task for event in events.values() for task in event.tasks(threads)], threads)
    spikes = _spikes(trace, mapping, events)
    timings = [
        events[index].timing() if index in events else _dense(mapping, hardware, index, in_front(trace, index))
        for index in range(len(mapping.layers))
    ]
    layers = tuple(
        layer_activity(layer, timing, between, steps=mapping.steps)
        for layer, timing, between in zip(mapping.layers, timings, spikes, strict=True)
    )
    time = machine_time(timings, layers, hardware)
    return Activity(
        samples=trace.samples,
        layers=layers,
        storage=mapping.storage,
        latency_cycles=time.latency_cycles,
        total_cycles=time.total_cycles,
        interval_cycles=time.interval_cycles,
        bottleneck=time.bottleneck,
        deadlines=mapping.deadlines,
    )


def time_layer(
    mapping: Mapping, hardware: Hardware, index: int, inputs: npt.NDArray[np.unsignedinteger]
) -> LayerTiming:
    """What `schedule` finds out about layer ``index``, from the ``inputs`` in front of it (see `in_front`) alone."""
    layer = mapping.layers[index]
    engine = hardware.engines.named(layer.engine)
    if not isinstance(engine, Event):
        return _dense(mapping, hardware, index, inputs)
    events = EventLayer(layer, engine, np.asarray(inputs, np.uint8))
    run_all(events.tasks(1), 1)
    return events.timing()


def in_front(trace: Trace, index: int) -> npt.NDArray[np.unsignedinteger]:
    """What layer ``index`` reads.

    Codes (N, C, D, H, W) in front of the first one; behind a layer its packed spikes uint8 (N, T, bytes), or in a CNN
    its activations (N, neurons).
    """
    return trace.inputs if index == 0 else (trace.spikes or trace.activations)[index - 1]


def check_trace(trace: Trace, network: IntegerNetwork) -> None:
    """Whether the trace's arrays are those of the network: TraceError names the first that is not."""
    if trace.samples == 0:
        raise TraceError("trace has no sample")
    if trace.inputs.shape[1:] != network.architecture.input_shape:
        raise TraceError(
            f"trace inputs have shape {trace.inputs.shape}, the network expects (N, {network.architecture.input_shape})"
        )
    hidden = network.layers[:-1]
    if network.is_cnn:
        _check_activations(trace, hidden)
        return
    if len(trace.spikes) != len(hidden):
        raise TraceError(f"trace has spikes of {len(trace.spikes)} layers, the network has {len(hidden)} that spike")
    for layer, maps in zip(hidden, trace.spikes, strict=True):
        expected = (trace.samples, network.time_steps, -(-layer.shape.neurons // 8))
        if maps.shape != expected or maps.dtype != np.uint8:
            raise TraceError(
                f'spikes of layer "{layer.name}": {maps.dtype} of shape {maps.shape}, expected uint8 of {expected}'
            )


def _check_activations(trace: Trace, hidden: Sequence[IntegerLayer]) -> None:
    if len(trace.activations) != len(hidden):
        raise TraceError(
            f"trace has activations of {len(trace.activations)} layers, the network has {len(hidden)} that hand some on"
        )
    for layer, values in zip(hidden, trace.activations, strict=True):
        expected = (trace.samples, layer.shape.neurons)
        if values.shape != expected or int(values.max()) > layer.neuron.largest:
            raise TraceError(
                f'activations of layer "{layer.name}": shape {values.shape}, up to {values.max()}; '
                f"expected {expected}, at most {layer.neuron.largest}"
            )


def _event_layers(trace: Trace, mapping: Mapping, hardware: Hardware) -> dict[int, EventLayer]:
    """Layers on the event core by index; each reads the map of the layer before it."""
    return {
        index: EventLayer(layer, engine, trace.spikes[index - 1])
        for index, layer in enumerate(mapping.layers)
        if isinstance(engine := hardware.engines.named(layer.engine), Event)
    }


def _spikes(trace: Trace, mapping: Mapping, events: dict[int, EventLayer]) -> list[Spikes]:
    """Spikes before and behind every layer; the event core has counted those that it read."""
    if mapping.of_cnn:
        return [Spikes(0, 0)] * len(mapping.layers)
    totals = [
        events[index].spikes if index in events else count_spikes(trace.spikes[index - 1])
        for index in range(1, len(mapping.layers))
    ]
    return [Spikes(before, behind) for before, behind in zip([0, *totals], [*totals, 0], strict=True)]


def _dense(mapping: Mapping, hardware: Hardware, index: int, inputs: npt.NDArray[np.unsignedinteger]) -> LayerTiming:
    layer, samples = mapping.layers[index], len(inputs)
    engine = hardware.engines.named(layer.engine)
    evaluations = samples * layer.operands.evaluations
    if isinstance(engine, Mac):
        sums = schedule_multipliers.evaluate(layer, engine, evaluations=evaluations)
    else:
        assert engine is not None  # the hardware file was checked for it
        assert not isinstance(engine, Event)
        driven = partial(_driven, inputs, layer, index, engine)
        sums = schedule_crossbar.evaluate(layer, engine, evaluations=evaluations, driven=driven)
    stored = (input_writes(layer, samples),) if index == 0 else ()
    sums = replace(sums, actions=stored + sums.actions)
    return dense_timing(layer, sums, samples=samples, steps=mapping.steps, first=index == 0)


def _driven(
    inputs: npt.NDArray[np.unsignedinteger], layer: LayerMapping, index: int, engine: Pim, window: LayerShape
) -> int:
    """Word-line pulses of all windows of the layer's input map; only slices that are not 0 drive a line."""
    if index == 0:
        return driven_by_codes(window, inputs, engine.dac_bits, zero=layer.operands.input_zero)
    if inputs.ndim == 2:  # activations
        return driven_by_activations(window, inputs, engine.dac_bits)
    return driven_by_spikes(window, np.asarray(inputs, np.uint8), engine.dac_bits)

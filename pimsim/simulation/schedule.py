"""Trace → Activity: when everything happens on a given machine, and how often.

Values never change here.  docs/microarchitecture.md defines every cycle; the kernels' module docstrings
repeat the contract in short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from pimsim.activity.activity import Activity
from pimsim.errors import TraceError
from pimsim.hardware import Event, Hardware, Mac
from pimsim.mapping import Mapping
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
    events = event_layers(trace, mapping, hardware)
    passes = {index: layer.start() for index, layer in events.items()}
    run_all([task for one in passes.values() for task in one.tasks(threads)], threads)
    found = {index: one.found() for index, one in passes.items()}
    timings = [
        events[index].timing(found[index])
        if index in events
        else dense_layer(
            mapping, hardware, index, samples=trace.samples, driven=partial(driven, in_front(trace, index))
        )
        for index in range(len(mapping.layers))
    ]
    between = [
        found[index].spikes if index in found else count_spikes(trace.spikes[index - 1])
        for index in range(1, len(mapping.layers))
        if not mapping.of_cnn
    ]
    return whole_machine(mapping, hardware, timings, between)


def time_layer(
    mapping: Mapping, hardware: Hardware, index: int, inputs: npt.NDArray[np.unsignedinteger]
) -> LayerTiming:
    """What `schedule` finds out about layer ``index``, from the ``inputs`` in front of it (see `in_front`) alone."""
    layer = mapping.layers[index]
    engine = hardware.engines.named(layer.engine)
    if not isinstance(engine, Event):
        return dense_layer(mapping, hardware, index, samples=len(inputs), driven=partial(driven, inputs))
    events = EventLayer(layer, engine, np.asarray(inputs, np.uint8))
    maps = events.start()
    run_all(maps.tasks(1), 1)
    return events.timing(maps.found())


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


def event_layers(trace: Trace, mapping: Mapping, hardware: Hardware) -> dict[int, EventLayer]:
    """Layers on the event core by index; each reads the map of the layer before it."""
    return {
        index: EventLayer(layer, engine, trace.spikes[index - 1])
        for index, layer in enumerate(mapping.layers)
        if isinstance(engine := hardware.engines.named(layer.engine), Event)
    }


Pulses = Callable[[int, int | None, LayerShape], int]
"""Word-line pulses in front of a layer: what `driven` tells of its inputs."""


def dense_layer(mapping: Mapping, hardware: Hardware, index: int, *, samples: int, driven: Pulses) -> LayerTiming:
    """A layer whose cycles do not depend on its inputs; ``driven`` tells how many word lines those pulse."""
    layer = mapping.layers[index]
    engine = hardware.engines.named(layer.engine)
    evaluations = samples * layer.operands.evaluations
    if isinstance(engine, Mac):
        sums = schedule_multipliers.evaluate(layer, engine, evaluations=evaluations)
    else:
        assert engine is not None  # the hardware file was checked for it
        assert not isinstance(engine, Event)
        zero = layer.operands.input_zero if index == 0 else None
        pulses = partial(driven, engine.dac_bits, zero)
        sums = schedule_crossbar.evaluate(layer, engine, evaluations=evaluations, driven=pulses)
    stored = (input_writes(layer, samples),) if index == 0 else ()
    sums = replace(sums, actions=stored + sums.actions)
    return dense_timing(layer, sums, samples=samples, steps=mapping.steps, first=index == 0)


def driven(inputs: npt.NDArray[np.unsignedinteger], slice_bits: int, zero: int | None, window: LayerShape) -> int:
    """Word-line pulses of all windows of a layer's input map; only slices that are not 0 drive a line.

    ``inputs`` as `in_front` gives them: codes, whose ``zero`` stands in the padding; of other layers it is None.
    """
    if zero is not None:
        return driven_by_codes(window, inputs, slice_bits, zero=zero)
    if inputs.ndim == 2:  # activations
        return driven_by_activations(window, inputs, slice_bits)
    return driven_by_spikes(window, np.asarray(inputs, np.uint8), slice_bits)


def whole_machine(
    mapping: Mapping, hardware: Hardware, timings: Sequence[LayerTiming], spikes: Sequence[int]
) -> Activity:
    """The record of a run, given its layers' times and the ``spikes`` between one layer and the next, none of a CNN."""
    known = list(spikes) or [0] * (len(timings) - 1)
    layers = tuple(
        layer_activity(layer, timing, Spikes(before, behind), steps=mapping.steps)
        for layer, timing, before, behind in zip(mapping.layers, timings, [0, *known], [*known, 0], strict=True)
    )
    time = machine_time(timings, layers, hardware)
    return Activity(
        samples=timings[0].step_cycles.shape[0],
        layers=layers,
        storage=mapping.storage,
        latency_cycles=time.latency_cycles,
        total_cycles=time.total_cycles,
        interval_cycles=time.interval_cycles,
        bottleneck=time.bottleneck,
        deadlines=mapping.deadlines,
    )

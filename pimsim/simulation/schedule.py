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

from pimsim.activity.activity import Activity, LayerActivity
from pimsim.errors import TraceError
from pimsim.hardware import Event, Hardware, Mac
from pimsim.mapping import Mapping
from pimsim.model.architecture import LayerShape
from pimsim.model.encoding import packed_input_spikes
from pimsim.model.network import SINGLE_SPIKE, IntegerLayer, IntegerNetwork
from pimsim.simulation import schedule_crossbar, schedule_multipliers
from pimsim.simulation.schedule_dataflow import Found
from pimsim.simulation.schedule_encoder import encoded, front_timing
from pimsim.simulation.schedule_event import EventLayer
from pimsim.simulation.schedule_fired import Gated, gated_lanes
from pimsim.simulation.schedule_layer import LayerTiming, Spikes, dense_timing, front_activity, layer_activity
from pimsim.simulation.schedule_machine import machine_time
from pimsim.simulation.schedule_parallel import run_all
from pimsim.simulation.schedule_records import behind, in_front, of_codes, of_input_spikes, sums_of_codes
from pimsim.simulation.schedule_source import (
    count_spikes,
    driven_by_activations,
    driven_by_codes,
    driven_by_spikes,
    input_writes,
)
from pimsim.traces.repeats import check_input_spikes, check_single_spikes
from pimsim.traces.trace import Trace


def schedule(
    trace: Trace, network: IntegerNetwork, mapping: Mapping, hardware: Hardware, *, threads: int = 1
) -> Activity:
    """Count cycles and actions of every sample of ``trace``; the result does not depend on ``threads``.

    Where a CNN is only costed neither spikes nor activations are used, and every sample costs the same.
    Raises TraceError where the trace has no sample or does not belong to the network.
    """
    check_trace(trace, network)
    records = range(len(mapping.records))
    events = event_layers(trace, mapping, hardware)
    passes = {record: layer.start() for record, layer in events.items()}
    run_all([task for one in passes.values() for task in one.tasks(threads)], threads)
    found = {record: one.found() for record, one in passes.items()}
    gated = [
        gated_lanes(mapping.records[record], hardware, events=in_front(trace, record), spikes=behind(trace, record))
        for record in records
    ]
    timings = [
        event_timing(mapping, hardware, record, events[record], found[record], gated[record])
        if record in events
        else dense_layer(
            mapping, hardware, record, samples=trace.samples, driven=partial(driven, in_front(trace, record))
        )
        for record in records
    ]
    between = [
        found[record].spikes if record in found else count_spikes(np.asarray(in_front(trace, record), np.uint8))
        for record in records[1:]
        if not mapping.of_cnn
    ]
    return whole_machine(mapping, hardware, timings, between, gated)


def time_layer(
    mapping: Mapping,
    hardware: Hardware,
    record: int,
    inputs: npt.NDArray[np.unsignedinteger],
    spikes: npt.NDArray[np.uint8] | None = None,
) -> LayerTiming:
    """What `schedule` finds out about record number ``record`` of `Mapping.records`, a layer but in hybrid networks.

    ``inputs`` are those in front of it (see `in_front`), ``spikes`` its own (see `behind`): without them no lane is
    gated, whatever the hardware file says.
    """
    layer = mapping.records[record]
    engine = hardware.engines.named(layer.engine)
    if not isinstance(engine, Event):
        return dense_layer(mapping, hardware, record, samples=len(inputs), driven=partial(driven, inputs))
    events = _event_layer(mapping, engine, record, inputs)
    maps = events.start()
    run_all(maps.tasks(1), 1)
    gated = gated_lanes(layer, hardware, events=inputs, spikes=spikes)
    return event_timing(mapping, hardware, record, events, maps.found(), gated)


def check_trace(trace: Trace, network: IntegerNetwork) -> None:
    """Whether the trace's arrays are those of the network: TraceError names the first that is not.

    Input spikes are those of its encoding, and no single-spike neuron fires twice.
    """
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
        if layer.neuron.kind == SINGLE_SPIKE:
            check_single_spikes(maps, layer.name)
    check_input_spikes(trace, packed_input_spikes(network, trace.inputs) if network.is_hybrid else None)


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
    """Records on the event core by number; each reads the maps in front of it."""
    return {
        record: _event_layer(mapping, engine, record, in_front(trace, record))
        for record, layer in enumerate(mapping.records)
        if isinstance(engine := hardware.engines.named(layer.engine), Event)
    }


def _event_layer(mapping: Mapping, event: Event, record: int, inputs: npt.NDArray[np.unsignedinteger]) -> EventLayer:
    """Input spikes come from step 2 on."""
    silent = int(of_input_spikes(mapping, record))
    return EventLayer(mapping.records[record], event, np.asarray(inputs, np.uint8), silent=silent)


def event_timing(
    mapping: Mapping, hardware: Hardware, record: int, layer: EventLayer, found: Found, gated: Gated
) -> LayerTiming:
    """A record on the event core, given what its flow found, with the encoder if there is one in front."""
    timing = layer.timing(found, gated)
    return encoded(timing, mapping, hardware) if of_input_spikes(mapping, record) else timing


Pulses = Callable[[int, int | None, LayerShape], int]
"""Word-line pulses in front of a layer: what `driven` tells of its inputs."""


def dense_layer(mapping: Mapping, hardware: Hardware, record: int, *, samples: int, driven: Pulses) -> LayerTiming:
    """A record whose cycles do not depend on its inputs; ``driven`` tells how many word lines those pulse."""
    layer = mapping.records[record]
    engine = hardware.engines.named(layer.engine)
    evaluations = samples * layer.operands.evaluations
    if isinstance(engine, Mac):
        sums = schedule_multipliers.evaluate(layer, engine, evaluations=evaluations)
    else:
        assert engine is not None  # the hardware file was checked for it
        assert not isinstance(engine, Event)
        zero = layer.operands.input_zero if record == 0 else None
        pulses = partial(driven, engine.dac_bits, zero)
        sums = schedule_crossbar.evaluate(layer, engine, evaluations=evaluations, driven=pulses)
    stored = (input_writes(layer, samples),) if record == 0 else ()
    sums = replace(sums, actions=stored + sums.actions)
    if of_codes(mapping, record):
        return front_timing(layer, sums, samples=samples, steps=mapping.steps)
    silent = int(of_input_spikes(mapping, record))
    timing = dense_timing(layer, sums, samples=samples, steps=mapping.steps, first=record == 0, silent=silent)
    return encoded(timing, mapping, hardware) if silent else timing


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
    mapping: Mapping,
    hardware: Hardware,
    timings: Sequence[LayerTiming],
    spikes: Sequence[int],
    gated: Sequence[Gated],
) -> Activity:
    """The record of a run, given its records' times, the ``spikes`` in front of each but the first, none of a CNN, and
    the lanes that each one gates.
    """
    known = list(spikes) or [0] * (len(timings) - 1)
    layers = tuple(
        _record(mapping, record, timing, Spikes(before, behind, lanes.neurons))
        for record, (timing, before, behind, lanes) in enumerate(
            zip(timings, [0, *known], [*known, 0], gated, strict=True)
        )
    )
    time = machine_time(timings, layers, mapping, hardware)
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


def _record(mapping: Mapping, record: int, timing: LayerTiming, spikes: Spikes) -> LayerActivity:
    layer = mapping.records[record]
    if of_codes(mapping, record):
        return front_activity(layer, timing)
    return layer_activity(layer, timing, spikes, steps=mapping.steps, first=sums_of_codes(mapping, record))

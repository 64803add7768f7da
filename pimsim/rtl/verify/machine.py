"""All layers of a pipeline together, through the described hardware clock by clock and through the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pimsim.hardware import Hardware
from pimsim.mapping import Mapping, map_model
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.verify.case import plural
from pimsim.rtl.verify.compare import CYCLES, MACHINE, PIPELINE, UNITS, VALUES, Difference, LayerVerdict, Row
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verify.run_pipeline import PipelineRun, pipeline_design, run_pipeline, sums_described
from pimsim.simulation import execute, in_front, schedule, time_layer
from pimsim.simulation.schedule_machine import class_cycles, stages
from pimsim.simulation.schedule_records import behind
from pimsim.traces import Trace


def compare_machine(network: IntegerNetwork, hardware: Hardware, trace: Trace, crop: Crop) -> LayerVerdict:
    """Every class and every spike, the cycle of every class, and the cycles of every unit behind the first sums.

    Of a crop samples and steps count.  Raises MappingError where the machine is no pipeline that is described.
    """
    used = replace(network, time_steps=crop.steps or network.time_steps)
    mapping = map_model(used, hardware)
    pipeline_design(used, mapping, hardware)
    recorded = execute(used, trace.inputs[: crop.samples or trace.samples], numerics=mapping.numerics)
    run = run_pipeline(used, mapping, hardware, recorded.inputs)
    rows = (*_cycles(mapping, hardware, recorded, run), *_units(used, mapping, hardware, recorded, run))
    kept = [
        ("step", used.time_steps, network.time_steps),
        ("sample", recorded.samples, trace.samples),
    ]
    cut = [f"{left} of {plural(there, what)}" for what, left, there in kept if left < there]
    return LayerVerdict(
        layer=MACHINE,
        engine=PIPELINE,
        cut=tuple(cut),
        sums_described=sums_described(used, mapping, hardware, 0, of_codes=used.is_hybrid),
        samples=recorded.samples,
        steps=used.time_steps,
        rows=(*rows, *_sums(mapping, recorded, run)),
        differences=(*_values(mapping, recorded, run), *(_difference(row) for row in rows if not row.equal)),
    )


def _difference(row: Row) -> Difference:
    return Difference(f"{row.kind} {row.name}: simulator {row.simulated}, RTL {row.described}")


def _cycles(mapping: Mapping, hardware: Hardware, trace: Trace, run: PipelineRun) -> list[Row]:
    """When each sample's class is there."""
    timings = [
        time_layer(mapping, hardware, number, in_front(trace, number), behind(trace, number))
        for number in range(len(mapping.records))
    ]
    both = zip(class_cycles(stages(timings, mapping), hardware).tolist(), run.finished.tolist(), strict=True)
    return [Row(CYCLES, f"until the class of sample {n}", *ends) for n, ends in enumerate(both)]


def _units(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, trace: Trace, run: PipelineRun) -> list[Row]:
    """Busy and stalled cycles of every unit behind the first layer's sums; idle ones are the rest of the run."""
    found, activity = [], schedule(trace, network, mapping, hardware)
    with_neurons = activity.layers[
        len(activity.layers) - len(run.counts) :
    ]  # of a hybrid network not its sums of codes
    for layer, counts in zip(with_neurons, run.counts, strict=True):
        for name, unit in layer.units:
            if f"{name}_busy" not in counts:
                continue
            ours = unit.busy, unit.stall
            theirs = counts[f"{name}_busy"], counts.get(f"{name}_stall", 0)
            idle = activity.total_cycles - sum(ours), int(run.finished[-1]) - sum(theirs)
            both = zip(("busy", "stall", "idle"), (*ours, idle[0]), (*theirs, idle[1]), strict=True)
            found += [Row(UNITS, f"{layer.layer} {name} {state}", *cycles) for state, *cycles in both]
    return found


def _sums(mapping: Mapping, trace: Trace, run: PipelineRun) -> list[Row]:
    """Spikes or activations of every layer, and classes, added up."""
    maps = zip(mapping.layers[:-1], trace.spikes or trace.activations, run.maps, strict=True)
    count = np.bitwise_count if trace.spikes else np.abs
    rows = [
        Row(VALUES, f"{_what(trace)}s of {layer.name}", *(int(count(one).sum(dtype=np.int64)) for one in both))
        for layer, *both in maps
    ]
    return [*rows, Row(VALUES, "class", int(trace.outputs.argmax(1).sum()), int(run.classes.sum()))]


def _what(trace: Trace) -> str:
    return "spike" if trace.spikes else "activation"


def _values(mapping: Mapping, trace: Trace, run: PipelineRun) -> list[Difference]:
    """The first spike or activation of each layer, and the first class, that differ."""
    found = []
    for layer, ours, theirs in zip(mapping.layers[:-1], trace.spikes or trace.activations, run.maps, strict=True):
        places = (
            np.unpackbits(maps.astype(np.uint8), axis=2, bitorder="little") if trace.spikes else maps[:, None]
            for maps in (ours, theirs)
        )
        differing = np.argwhere(np.not_equal(*places))
        if len(differing):
            sample, step, neuron = (int(place) for place in differing[0])
            where = f"sample {sample}, step {step}, neuron {neuron} ({len(differing)} differ)"
            found.append(Difference(f"{_what(trace)} of {layer.name}: {where}", sample, step))
    classes = trace.outputs.argmax(1)
    for sample in np.flatnonzero(classes != run.classes)[:1].tolist():
        text = f"class: sample {sample}: simulator {classes[sample]}, RTL {run.classes[sample]}"
        found.append(Difference(text, sample))
    return found

"""What a described layer would be seen to do: machines stepped by the clock (`naive_event`), values in plain Python.

Nothing here comes from the simulator, so a comparison that finds both equal has compared two machines.
"""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
from naive_event import core_of, reached_outputs
from naive_model import NaiveLayer, _step, naive_outputs, sums

from pimsim.hardware import Event
from pimsim.model.fixed_point import effective_leak
from pimsim.rtl.parts.design import digits_of
from pimsim.rtl.parts.observe import Observed
from pimsim.rtl.verify.case import LayerCase


def observe_naively(case: LayerCase) -> Observed:
    """A layer on the event core."""
    cycles, counts = machine_counts(case)
    values = [naive_values(case, sample) for sample in range(case.samples)]
    fired = sum(sum(spikes.values()) for one in values for spikes in one.spikes)
    gated = gated_lanes(case, values) if skips(case) else Counter()
    counts.update(neuron_counts(case, fired, gated["swept"]))
    for name, lanes in gated_fields(case, gated):
        counts[name] -= lanes
    membranes = np.array([[in_order(case, m) for m in written_back(case, one)] for one in values], np.int64)
    observed = {"step_cycles": cycles, "counts": dict(counts), "membranes": membranes}
    if case.classifies:
        return Observed(**observed, classes=np.array([winner(case, one) for one in values]))
    spikes = np.array([[in_order(case, o) for o in one.spikes] for one in values], np.uint8)
    return Observed(**observed, spikes=np.packbits(spikes, axis=2, bitorder="little"))


def event_core(case: LayerCase) -> Event:
    engine = case.hardware.engines.named(case.layer.engine)
    assert isinstance(engine, Event)
    return engine


def bits_of(case: LayerCase) -> np.ndarray:
    """Spikes in front of the layer (N, T, neurons)."""
    neurons = int(np.prod(case.layer.shape.source_shape))
    return np.unpackbits(case.inputs, axis=2, count=neurons, bitorder="little")


def machine_counts(case: LayerCase) -> tuple[np.ndarray, Counter]:
    """Cycles (N, T) and all counts that do not depend on values."""
    event, shape = event_core(case), case.layer.shape
    gathers, total = event.dataflow == "gather", Counter()
    cycles = np.zeros((case.samples, case.steps), np.int64)
    for (sample, step), bits in ((place, bits_of(case)[place].tolist()) for place in np.ndindex(*cycles.shape)):
        core = core_of(bits, shape, event)
        while not core.finished:
            core.accesses = Counter()
            core.step()
            cycles[sample, step] += 1
            total.update({f"bank {k}": n for (memory, k), n in core.accesses.items() if memory == "membrane"})
        total.update(core.count)
    return cycles, by_field(case, total, gathers)


def by_field(case: LayerCase, seen: Counter, gathers: bool) -> Counter:
    """The names of the description's counts."""
    shape, sweeps = case.layer.shape, case.samples * case.steps
    words, counted = seen["sweep busy"], seen["counted"]
    found = Counter(
        scanner_busy=seen["scanner busy"],
        scanner_stall=seen["scanner stall"],
        address_generator_busy=seen["generator busy"],
        address_generator_stall=seen["generator stall"],
        lanes_busy=seen["beats"],
        sweep_busy=words,
        sweep_stall=seen["sweep stall"],
        spike_memory_read=seen["scan reads"],
        scanner_load=seen["scan reads"],
        scanner_encode=counted if gathers else seen["pushes"],
        fifo_push=seen["pushes"],
        fifo_pop=seen["pops"],
        address_generator_beat=seen["beats"],
        weight_memory_read=seen["beats"],
        lane_accumulate=seen["accumulates"],
        membrane_memory_read=words + (0 if gathers else seen["beats"]),
        membrane_memory_write=words + (0 if gathers else seen["lane writes"]),
    )
    if gathers:
        found.update(accumulator_read=seen["accumulates"] + shape.neurons * sweeps)
        found.update(accumulator_write=seen["accumulates"] + shape.neurons * sweeps)
        found.update(neuron_integrate=shape.neurons * sweeps)
    if case.weights.zero_point:
        kept, counter = counted + shape.positions * sweeps, "counter" if gathers else "count_memory"
        found.update({"correction_count": counted, f"{counter}_read": kept, f"{counter}_write": kept})
        found.update(correction_multiply=shape.positions * sweeps, correction_add=shape.neurons * sweeps)
    if event_core(case).membrane_ports == 1:
        found.update({f"bank_access_{name.split()[1]}": n for name, n in seen.items() if name.startswith("bank ")})
    if not case.classifies:
        found.update(packer_pack=words, spike_memory_write=seen["spike writes"])
    return found


def skips(case: LayerCase) -> bool:
    """Whether lanes of neurons that have fired do nothing."""
    return event_core(case).skip_fired and case.weights.neuron.kind == "single_spike"


def gated_lanes(case: LayerCase, values: list[NaiveLayer]) -> Counter:
    """Neurons that fired in an earlier step, by step; and of what each event reaches in it, those."""
    found, (targets, channels) = Counter(), reached_outputs(case.layer.shape)
    for sample, one in zip(bits_of(case).tolist(), values, strict=True):
        fired: set = set()
        for bits, spikes in zip(sample, one.spikes, strict=True):
            at = Counter(tuple(position) for _, *position in fired)
            events = [event for event, bit in enumerate(bits) if bit]
            found["reached"] += sum(at[target] for event in events for target in targets[event // channels])
            found["swept"] += len(fired)
            fired |= {index for index, spike in spikes.items() if spike}
    return found


def gated_fields(case: LayerCase, gated: Counter) -> list[tuple[str, int]]:
    """What they leave out but the neurons' own: gathered sums are formed before a flag is read."""
    gathers = event_core(case).dataflow == "gather"
    own = ("neuron_integrate", gated["swept"]) if gathers else ("lane_accumulate", gated["reached"])
    return [own, *([("correction_add", gated["swept"])] if case.weights.zero_point else [])]


def written_back(case: LayerCase, values: NaiveLayer) -> list[dict]:
    """Membranes of every step; that of a neuron whose lane is gated stays as it was when it fired."""
    if not skips(case):
        return values.membranes
    kept: dict = {}
    found = []
    for spikes, membranes in zip(values.spikes, values.membranes, strict=True):
        found.append(membranes | kept)
        kept |= {index: membranes[index] for index, spike in spikes.items() if spike}
    return found


def winner(case: LayerCase, values: NaiveLayer) -> int:
    """The class of a sample, the first of equals."""
    last = values.membranes[-1]
    if case.weights.neuron.kind == "timed":
        outputs = naive_outputs(case.network, values)
        return outputs.index(max(outputs))
    sums_ = in_order(case, last)
    return sums_.index(max(sums_))


def neuron_counts(case: LayerCase, fired: int, gated: int) -> Counter:
    """What the sweep does with values; ``gated`` lanes of it do nothing."""
    neurons, neuron = case.layer.shape.neurons * case.samples * case.steps - gated, case.weights.neuron
    if neuron.kind == "timed":  # the threshold in every step, the argmax and the time taken off in the last one
        return Counter(neuron_compare=neurons + neurons // case.steps, neuron_integrate=neurons // case.steps)
    if case.classifies:
        return Counter(neuron_compare=neurons // case.steps)
    found = Counter(neuron_compare=neurons)
    one = 2**case.network.leak_fraction_bits
    leak = effective_leak(neuron, case.network.leak_fraction_bits, case.layer.numerics.leak_terms)
    if leak not in (0, one) and neuron.kind != "if":
        shifts = event_core(case).leak == "shifts"
        found.update(neuron_shift_leak=neurons * len(digits_of(leak))) if shifts else found.update(neuron_leak=neurons)
    if neuron.kind in ("lif", "if"):
        found.update(neuron_reset=fired)
    return found


def naive_values(case: LayerCase, sample: int) -> NaiveLayer:
    """Spikes and membranes of every step."""
    channels, depth, height, width = case.layer.shape.source_shape
    places = [(c, d, h, w) for d, h, w, c in product(range(depth), range(height), range(width), range(channels))]
    record, state, fired = NaiveLayer(), {}, set()
    widths = case.layer.numerics
    for bits in bits_of(case)[sample].tolist():
        current = sums(case.weights, dict(zip(places, bits, strict=True)), 0, widths.crossbar)
        _step(case.network, case.weights, current, state, fired, widths, record)
    return record


def in_order(case: LayerCase, values: dict) -> list[int]:
    """A map as the hardware stores it."""
    size = [range(n) for n in case.layer.shape.out_size]
    return [values[c, d, h, w] for d, h, w in product(*size) for c in range(case.layer.shape.out_channels)]

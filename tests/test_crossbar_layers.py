"""Whole layers on the crossbar: cycles, units and counts against a machine written out cell by cell."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_crossbar import machines
from made_trace import trace_of, unpacked
from naive_layouts import Layer
from strategies import cnns, networks

from pimsim.mapping import map_model
from pimsim.model.cells import column_factors
from pimsim.model.windows import arrange
from pimsim.simulation import schedule

SMALL = settings(max_examples=40)
"""The cell-by-cell machine is slow."""


def naive_layer(network, index, pim, serial):
    """The layer in the twin's words, from the network's own numbers."""
    layer = network.layers[index]
    centred = layer.centred.reshape(-1)
    magnitude = max(1, int(np.abs(centred).max()).bit_length())
    lowest, largest = network.input_range(index)
    highest = largest - lowest
    input_bits = (highest * int(np.prod(layer.shape.pool))).bit_length()
    if not serial:
        slices = -(-input_bits // pim.dac_bits)
        return Layer(layer.shape, pim, columns=magnitude + 1, reference=0, slices=slices, serial=False, conversions=2)
    signed = next(b for b in range(1, 20) if -(2 ** (b - 1)) <= centred.min() and centred.max() < 2 ** (b - 1))
    bits = {"offset": layer.weight_bits, "differential": magnitude, "twos_complement": signed}[pim.weight_encoding]
    zero = layer.zero_point if layer.scheme == "affine" else 2 ** (layer.weight_bits - 1)
    return Layer(
        layer.shape,
        pim,
        columns=len(column_factors(pim.weight_encoding, bits, pim.cell_bits)),
        reference=int(pim.weight_encoding == "offset" and zero != 0),
        slices=-(-input_bits // pim.dac_bits),
        serial=True,
        conversions=1,
    )


def pooled_maps(trace, network, index):
    """Maps in front of a layer after reshape and pool, (evaluations, D, H, W, C)."""
    shape = network.layers[index].shape
    if index == 0:
        signal = np.moveaxis(trace.inputs, 1, -1).astype(np.int64)[:, None]
    else:
        depth, height, width = shape.source_shape[1:]
        behind = trace.activations[index - 1][:, None] if network.is_cnn else unpacked(trace, network, index - 1)
        values = behind.astype(np.int64)
        signal = values.reshape(*values.shape[:2], depth, height, width, shape.source_shape[0])
    arranged = arrange(signal, shape)
    return arranged.reshape(-1, *arranged.shape[2:])


@SMALL
@given(networks(max_hidden=2), machines(), st.integers(0, 99))
def test_cycles_units_and_counts_are_those_of_the_machine_written_out_cell_by_cell(network, hardware, seed):
    agree(network, hardware, trace_of(network, np.random.default_rng(seed), 1, 0.3))


@settings(max_examples=20)
@given(cnns(max_hidden=2, max_bits=6), machines(), st.integers(0, 99))
def test_activations_of_several_bits_are_loaded_and_driven_slice_by_slice(network, hardware, seed):
    rng = np.random.default_rng(seed)
    activations = [rng.integers(0, layer.neuron.largest + 1, (1, layer.shape.neurons)) for layer in network.layers[:-1]]
    activations = tuple(values.astype(np.uint16 if values.max() > 255 else np.uint8) for values in activations)
    agree(network, hardware, replace(trace_of(network, rng, 1, 0.0), spikes=(), activations=activations))


def agree(network, hardware, trace):
    """Cycles, units and actions of every layer against `naive_layouts`."""
    pim = hardware.engines.pim
    mapping = map_model(network, hardware)
    activity = schedule(trace, network, mapping, hardware)
    layers = [naive_layer(network, index, pim, pim.style == "bit_serial") for index in range(len(network.layers))]
    shared = hardware.schedule == "shared"
    fits = not shared or sum(len(list(naive.tiles())) for naive in layers) <= pim.arrays
    for index, (naive, found) in enumerate(zip(layers, activity.layers, strict=True)):
        maps = pooled_maps(trace, network, index)
        together = len(maps) if index and hardware.order == "layer_major" else 1
        pool = int(np.prod(naive.shape.pool))
        fastest = naive.best(pool, resident=fits, spare=not shared, maps=together)
        words = naive.shape.positions * -(-naive.shape.out_channels // pim.neuron_lanes)
        evaluations = len(maps) // together
        sweeps = network.time_steps * (words + pim.sweep_depth + 2)
        assert found.cycles == (fastest[0].cycles + 1) * evaluations + sweeps
        zero = network.input.zero_point if index == 0 else 0
        # Layouts that are equally fast may count differently; one of them was taken.
        layer, passes = mapping.layers[index], network.time_steps
        known = [expected(naive, attempt, layer, maps, zero, evaluations, passes) for attempt in fastest]
        assert observed(found) in known


BUSY = {"loader": "loading", "row_driver": "pulsing", "adc": "converting", "writer": "writing"}
STALL = {"loader": "load stall", "row_driver": "pulse stall"}
SWEEP = ("neuron", "packer", "membrane_memory")


def observed(found):
    """Unit cycles and actions of the sums alone; the sweep and what fills the maps have tests of their own."""
    units = {name: (unit.busy, unit.stall) for name, unit in found.units if name != "sweep"}
    actions = Counter()
    for one in found.actions:
        filled = one.component in ("input_memory", "spike_memory", "activation_memory") and one.action == "write"
        if one.component not in SWEEP and not filled:
            actions[one.component, one.action] += one.count
    return units, actions


def expected(naive, attempt, layer, maps, zero, evaluations, sweeps):
    pim, total, memories = naive.pim, Counter(), layer.memories
    pool, per_word = int(np.prod(naive.shape.pool)), memories.source.word_bits // layer.operands.stored_bits
    for values in maps:
        total += naive.count(attempt, reader(values, zero), pim.dac_bits)
        total += naive.words(attempt, pool, per_word)
    written = sum(len(array.rows) for arrays in attempt.rounds for array in arrays) * evaluations * attempt.reloaded
    constants = naive.shape.neurons * len(maps) if zero else 0
    current = memories.current.wide
    actions = {
        ("row_register", "load"): total["row loads"],
        ("adc", "convert"): total["conversions"],
        ("shift_add", "add"): total["conversions"],
        ("pim_array", "write"): written,
        ("weight_memory", "read"): written * memories.weight.wide if attempt.reloaded else 0,
        (memories.source.component, "read"): total["map reads"] * memories.source.wide,
        ("pool", "add"): total["pool adds"],
        ("current_memory", "write"): total["sum writes"] * current,
        ("current_memory", "read"): (total["sum reads"] + sweeps * layer.sweep.words) * current,
        ("correction", "multiply"): total["zero products"],
        ("correction", "add"): total["zero adds"] + constants,
    }
    if naive.serial:
        actions["dac", "convert"] = total["pulses"] if pim.dac_bits > 1 else 0
        actions |= {("row_driver", "pulse"): total["pulses"], ("column", "precharge"): total["samples"] * pim.cell_bits}
    else:
        actions["dac", "convert"] = total["row loads"] * naive.slices
        actions["analog_column", "multiply"] = total["products"]
    units = {
        name: (attempt.units[busy] * evaluations, attempt.units[STALL.get(name, "")] * evaluations)
        for name, busy in BUSY.items()
    }
    return units, Counter({name: count for name, count in actions.items() if count})


def reader(values, zero):
    """Value at (d, h, w, c), ``zero`` in the padding."""
    return lambda at: int(values[at]) if all(0 <= i < n for i, n in zip(at, values.shape, strict=True)) else zero

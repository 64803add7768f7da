"""The networks the machine was made for, at their real size."""

from __future__ import annotations

import numpy as np
from made_trace import machine, trace_of

from pimsim.mapping import map_model
from pimsim.model.architecture import cnn3d
from pimsim.model.input import InputQuantization
from pimsim.model.network import ACCUMULATE, AFFINE, LIF, IntegerLayer, IntegerNetwork, Neuron
from pimsim.simulation import schedule

BANDS = 200


def cnn3d_network():
    """CNN-3D for Indian Pines with random 6-bit weights."""
    architecture, rng, layers = cnn3d(BANDS, 16), np.random.default_rng(0), []
    for shape in architecture.layers:
        size = (shape.out_channels, shape.in_shape[0], *shape.kernel)
        weight = np.clip(np.rint(rng.normal(31, 5, size)), 0, 63).astype(np.uint8)
        neuron = Neuron(ACCUMULATE) if shape is architecture.layers[-1] else Neuron(LIF, 100, 4000)
        layers.append(IntegerLayer(shape, weight, 6, AFFINE, 31, 0.01, neuron))
    quantization = InputQuantization(6, 0.1, 30, np.zeros(BANDS), np.ones(BANDS))
    return IntegerNetwork(architecture, quantization, tuple(layers), 5)


def test_dense_counts_are_the_papers_macs_on_every_machine():
    network = cnn3d_network()
    trace = trace_of(network, np.random.default_rng(0), 2, 0.1)
    for name in ("pim45nm", "pim45nm_bitserial", "digital45nm", "ann45nm"):
        hardware = machine(name)
        activity = schedule(trace, network, map_model(network, hardware), hardware)
        assert sum(layer.dense_macs for layer in activity.layers) == 2 * 14_600_616


def test_bit_serial_sums_of_the_first_layer_take_the_cycles_counted_by_hand():
    # 1782 positions over 4 copies: 445 groups of 4 and one of 2. A group takes 6 input bits × 24 cycles of
    # conversion (8 columns × 3 cycles, pulses overlapped). First reads: 108 codes over a port of 16 in 7 cycles,
    # registered in 7, swap in 8, pulse in 9, first conversion from 10; 446 × 144 later, in 64234, the last one
    # has ended; last addition in 64234, sums move in 64235, the two positions' words in 64236 and 64237, written
    # in 64239, so 64240 cycles and the hand-over.
    network = cnn3d_network()
    hardware = machine("pim45nm_bitserial")
    trace = trace_of(network, np.random.default_rng(0), 1, 0.0)
    activity = schedule(trace, network, map_model(network, hardware), hardware)
    sweeps = 5 * (1782 + 4 + 2)
    assert activity.layers[0].cycles == 64241 + sweeps


def test_a_silent_network_costs_scanning_and_sweeping_only():
    network = cnn3d_network()
    hardware = machine("digital45nm")
    trace = trace_of(network, np.random.default_rng(0), 1, 0.0)
    activity = schedule(trace, network, map_model(network, hardware), hardware)
    for layer in activity.layers[1:]:
        words = -(-int(np.prod(layer_source(network, layer.layer))) // 64)
        sweep = next(one for one in network.layers if one.name == layer.layer).shape
        per_step = words + 3 + sweep.positions * -(-sweep.out_channels // 42) + 4 + 2
        assert layer.cycles == 5 * per_step
        assert layer.accumulates == 0


def layer_source(network, name):
    return next(layer for layer in network.layers if layer.name == name).shape.source_shape

"""First layers whose inputs fire, and timed classifiers, for the comparison with the described hardware."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from rtl_cases import SHAPES, made_crossbar, made_knobs, made_network, on_event_core, once, placed_on

from pimsim.model.input import InputSpikes
from pimsim.model.network import HYBRID, SINGLE_SPIKE, TIMED, IntegerNetwork, Neuron
from pimsim.rtl.verify.case import LayerCase


def made_hybrid_case(number: int) -> LayerCase:
    """A first layer whose inputs fire, on an event core or a crossbar, or the sums of its codes; and every third time a
    classifier that notes when."""
    rng = np.random.default_rng(number)
    shapes = [shape for shape in SHAPES if prod(shape.pool) == 1]
    shape, steps = shapes[number % len(shapes)], 2 + number % 4
    network = _made_hybrid(rng, made_network(rng, shape, steps, classifies=False, first=True))
    skips = {"skip_fired": number % 2 == 1}
    if number % 4 == 3:
        knobs = made_crossbar(rng, shape) | skips
        hardware, mapping = placed_on("pim45nm_bitserial", "pim", network, knobs, 1)
    else:
        hardware, mapping = on_event_core(network, made_knobs(rng, gather=number % 2 == 0) | skips, 1)
    codes = rng.integers(0, 2**network.input.bits, (1 + number % 2, *shape.source_shape)).astype(np.uint8)
    if number % 3 != 2:
        return LayerCase(network, mapping, hardware, 0, codes, of_codes=number % 8 == 7)
    fires = rng.random((2, steps, network.layers[1].shape.fan_in)) < 0.3
    return LayerCase(network, mapping, hardware, 1, once(np.packbits(fires, axis=2, bitorder="little")))


def _made_hybrid(rng: np.random.Generator, network: IntegerNetwork) -> IntegerNetwork:
    """Its inputs fire, its hidden neurons at most once, its classes note when."""
    first, last = network.layers
    hidden = Neuron(SINGLE_SPIKE, int(rng.integers(5, 60)), first.neuron.leak)
    timed = Neuron(TIMED, int(rng.integers(0, 20)), time_weight=int(rng.integers(1, 9)))
    return replace(
        network,
        layers=(replace(first, neuron=hidden), replace(last, neuron=timed)),
        encoding=HYBRID,
        input_spikes=InputSpikes(int(rng.integers(0, 6)), int(rng.integers(8, 16)), int(rng.integers(0, 4))),
    )

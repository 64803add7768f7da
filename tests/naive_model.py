"""The integer network once more, in plain Python integers and loops: slow, obvious, and sharing nothing with it.

Only the description of a network is read from pimsim (shapes, codes, thresholds); the arithmetic is written anew
from docs/model-format.md.  Maps are dictionaries {(channel, d, h, w): value}; a missing key is a padded operand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import product
from math import floor
from typing import Any

import numpy as np
from naive_crossbar import NaiveCrossbar

from pimsim.model.macro import Macro
from pimsim.model.network import IntegerLayer, IntegerNetwork, LayerNumerics

Index = tuple[int, int, int, int]
Map = dict[Index, int]
HIGHEST = 2**20 - 1
"""No operand is above it; slices of 0 convert to 0, so that their number does not matter."""


@dataclass
class NaiveLayer:
    """Of one sample: per step, maps of spikes (of a CNN activations), potentials and membranes; and the write-backs
    before saturation.
    """

    spikes: list[Map] = field(default_factory=list)
    potentials: list[Map] = field(default_factory=list)
    membranes: list[Map] = field(default_factory=list)
    offers: list[Map] = field(default_factory=list)
    saturations: int = 0


def run_naive(network: IntegerNetwork, sample: Any, numerics: tuple[LayerNumerics, ...]) -> list[NaiveLayer]:
    """One sample of codes (C, D, H, W) through every layer and step."""
    codes: Map = {index: int(sample[index]) for index in np.ndindex(*sample.shape)}
    states: list[Map] = [{} for _ in network.layers]
    fired: list[set[Index]] = [set() for _ in network.layers]
    result = [NaiveLayer() for _ in network.layers]
    first = sums(network.layers[0], codes, int(network.input.zero_point), numerics[0].crossbar)
    for step in range(1, network.time_steps + 1):
        signal: Map = {}
        for number, layer in enumerate(network.layers):
            if number > 0:
                current = sums(layer, signal, 0, numerics[number].crossbar)
            elif step == 1 or network.encoding == "direct":
                current = first
            else:
                current = naive_spike_sums(network, codes, step, numerics[0])
            signal = _step(network, layer, current, states[number], fired[number], numerics[number], result[number])
    return result


def naive_spike_sums(network: IntegerNetwork, codes: Map, step: int, widths: LayerNumerics) -> Map:
    """2^k · Σ (w − z_w) over the inputs that fire at a step behind the first."""
    fired = {index: int(naive_firing_step(network, code) == step) for index, code in codes.items()}
    counts = sums(network.layers[0], fired, 0, widths.spike_crossbar)
    return {index: value * 2 ** int(network.input_spikes.shift) for index, value in counts.items()}


def naive_firing_step(network: IntegerNetwork, code: int) -> int:
    """T + (2 − T)(code − low) / (high − low), code between low and high, to nearest; halves go to the later step."""
    low, high, last = int(network.input_spikes.low), int(network.input_spikes.high), network.time_steps
    share = Fraction(max(low, min(high, code)) - low, high - low)
    return floor(last + (2 - last) * share + Fraction(1, 2))


def naive_outputs(network: IntegerNetwork, classifier: NaiveLayer) -> list[int]:
    """The last running sum of every class, less its weighed time where the classifier is timed."""
    weight, threshold = int(network.layers[-1].neuron.time_weight), int(network.layers[-1].neuron.threshold)
    result = []
    for channel in range(network.classes):
        sums_ = [step[(channel, 0, 0, 0)] for step in classifier.membranes]
        crossed = [number for number, u in enumerate(sums_, 1) if u > threshold]
        result.append(sums_[-1] - weight * (crossed[0] if crossed else network.time_steps))
    return result


def _step(
    network: IntegerNetwork,
    layer: IntegerLayer,
    current: Map,
    state: Map,
    fired: set[Index],
    widths: LayerNumerics,
    record: NaiveLayer,
) -> Map:
    """One step of one layer: updates ``state`` and ``fired``, appends to ``record``, returns the spikes."""
    kind, threshold = layer.neuron.kind, int(layer.neuron.threshold)
    spikes: Map = {}
    potentials: Map = {}
    offers: Map = {}
    for index, a in current.items():
        v = state.get(index, 0) + a
        spike = 1 if v > threshold else 0
        if kind in ("accumulate", "timed"):
            spike, offer, bits = 0, v, widths.accumulator_bits
        elif kind == "relu":
            spike, offer, bits = naive_requantized(a, layer), a, widths.accumulator_bits
        elif kind == "single_spike":
            spike = 0 if index in fired else spike
            offer, bits = naive_leak(v, layer, network, widths.leak_terms), widths.membrane_bits
        else:
            offer = naive_leak(v, layer, network, widths.leak_terms) - threshold * spike
            bits = widths.membrane_bits
        if spike:
            fired.add(index)
        highest, step = 2 ** (bits - 1) - 1, 1 if kind in ("accumulate", "timed", "relu") else 2**widths.membrane_shift
        word = offer // step if widths.membrane_rounding == "floor" else (2 * offer + step) // (2 * step)
        record.saturations += not -highest - 1 <= word <= highest
        state[index] = max(-highest - 1, min(highest, word)) * step
        spikes[index], potentials[index], offers[index] = spike, v, offer
    record.spikes.append(spikes)
    record.potentials.append(potentials)
    record.offers.append(offers)
    record.membranes.append(dict(state))
    return spikes


def naive_requantized(a: int, layer: IntegerLayer) -> int:
    """a · multiplier / 2^shift plus one half, rounded down, between 0 and the highest code."""
    neuron, one = layer.neuron, 2 ** int(layer.neuron.shift)
    nearest = (2 * a * int(neuron.multiplier) + one) // (2 * one)
    return max(0, min(2 ** int(neuron.activation_bits) - 1, nearest))


def naive_leak(v: int, layer: IntegerLayer, network: IntegerNetwork, terms: int) -> int:
    """v · λ / 2^f: Python's // rounds towards minus infinity."""
    one = 2**network.leak_fraction_bits
    leak = int(layer.neuron.leak)
    product_ = v * (naive_nearest(leak, network.leak_fraction_bits, terms) if terms else leak)
    if network.leak_rounding == "floor":
        return product_ // one
    return (2 * product_ + one) // (2 * one)


@cache
def naive_nearest(leak: int, fraction_bits: int, terms: int) -> int:
    """Of every sum of ``terms`` numbers out of 0 and ± 2^k the one nearest to the leak, the smaller of two."""
    powers = [0, *(sign * 2**k for k in range(fraction_bits + 1) for sign in (1, -1))]
    totals = {0}
    for _ in range(terms):
        totals = {total + power for total in totals for power in powers}
    return min((total for total in totals if 0 <= total <= 2**fraction_bits), key=lambda x: (abs(x - leak), x))


def sums(layer: IntegerLayer, signal: Map, zero: int, macro: Macro | None) -> Map:
    """Σ (w − z_w)(x − z_x) at every output position and channel, or what a crossbar makes of it."""
    shape = layer.shape
    source = _pooled(_reshaped(signal, layer), layer)
    codes = layer.weight.tolist()
    result: Map = {}
    taps = list(product(*(range(k) for k in shape.kernel), range(shape.in_shape[0])))
    crossbar = None if macro is None else NaiveCrossbar(layer, macro, zero, HIGHEST)
    for position in product(*(range(n) for n in shape.out_size)):
        corner = [o * s - p for o, s, p in zip(position, shape.stride, shape.padding, strict=True)]
        operands = [source.get((c, corner[0] + d, corner[1] + h, corner[2] + w), zero) for d, h, w, c in taps]
        for channel in range(shape.out_channels):
            if crossbar is not None:
                result[(channel, *position)] = crossbar.output(channel, operands)
                continue
            column = [codes[channel][c][d][h][w] for d, h, w, c in taps]
            products = zip(column, operands, strict=True)
            result[(channel, *position)] = sum((w - int(layer.zero_point)) * (x - zero) for w, x in products)
    return result


def _reshaped(signal: Map, layer: IntegerLayer) -> Map:
    """Channel c of depth d becomes row d, column c of a one-channel map."""
    if not layer.shape.spectral_map:
        return signal
    return {(0, 0, d, c): value for (c, d, _, _), value in signal.items()}


def _pooled(signal: Map, layer: IntegerLayer) -> Map:
    (pd, ph, pw), (_, depth, height, width) = layer.shape.pool, layer.shape.in_shape
    result: Map = {}
    for (c, d, h, w), value in signal.items():
        if d // pd < depth and h // ph < height and w // pw < width:
            key = (c, d // pd, h // ph, w // pw)
            result[key] = result.get(key, 0) + value
    return result

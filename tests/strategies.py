"""Hypothesis strategies: random small integer networks, inputs for them and word widths.

Structure is drawn by hypothesis, so failures shrink to small networks; values come from a drawn seed.
Thresholds are placed where neurons fire sometimes, since a network that is silent or always on tests little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod, sqrt

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from pimsim.model.architecture import CONV2D, CONV3D, LINEAR, Architecture, LayerShape, Shape3, Shape4
from pimsim.model.input import InputQuantization, InputSpikes
from pimsim.model.macro import Macro
from pimsim.model.network import (
    ACCUMULATE,
    AFFINE,
    HYBRID,
    IF,
    LIF,
    RELU,
    ROUNDINGS,
    SCHEMES,
    SINGLE_SPIKE,
    TIMED,
    IntegerLayer,
    IntegerNetwork,
    LayerNumerics,
    Neuron,
)


@dataclass(frozen=True, eq=False)
class Case:
    """A network, input codes for it (N, C, D, H, W) and labels (N,), −1 for unknown."""

    network: IntegerNetwork
    inputs: npt.NDArray[np.unsignedinteger]
    labels: npt.NDArray[np.int64]


@st.composite
def networks(draw: st.DrawFn, max_hidden: int = 3) -> IntegerNetwork:
    """An integer network of 1 … ``max_hidden`` spiking layers and a classifier, at most a few hundred neurons."""
    architecture = draw(architectures(max_hidden))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fraction_bits = draw(st.sampled_from([0, 1, 4, 12, 16]))
    quantization = draw(input_quantizations(architecture.input_shape))
    spread = 2**quantization.bits / sqrt(12)
    layers = []
    for shape in architecture.layers:
        last = shape is architecture.layers[-1]
        layers.append(draw(_layers(shape, rng, fraction_bits, spread, last)))
        spread = 0.5
    return IntegerNetwork(
        architecture=architecture,
        input=quantization,
        layers=tuple(layers),
        time_steps=draw(st.integers(1, 5)),
        leak_fraction_bits=fraction_bits,
        leak_rounding=draw(st.sampled_from(ROUNDINGS)),
        provenance={"made": "at random"},
    )


@st.composite
def coded_networks(draw: st.DrawFn, max_hidden: int = 3) -> IntegerNetwork:
    """Any encoding with any neuron and either classifier: `networks`, and hybrid ones and timed classifiers."""
    network = draw(networks(max_hidden))
    if draw(st.booleans()):
        network = replace(network, layers=(*network.layers[:-1], draw(_timed(network.layers[-1]))))
    if draw(st.integers(0, 2)) == 0:
        return network
    steps, highest = draw(st.integers(2, 6)), 2**network.input.bits - 1
    low = draw(st.integers(0, highest - 1))
    spikes = InputSpikes(low, draw(st.integers(low + 1, highest)), draw(st.sampled_from([0, 0, 1, 3, 6, 16])))
    return replace(network, encoding=HYBRID, input_spikes=spikes, time_steps=steps)


@st.composite
def _timed(draw: st.DrawFn, layer: IntegerLayer) -> IntegerLayer:
    """Thresholds that some sums pass at once, some later, some never."""
    typical = sqrt(layer.shape.fan_in) * 2**layer.weight_bits
    threshold = int(draw(st.sampled_from([0.0, 0.2, 0.5, 1.0, 1e5])) * typical)
    weight = draw(st.sampled_from([0, 1, 17, 2**20, 2**31 - 1]))
    return replace(layer, neuron=Neuron(TIMED, min(threshold, 2**31 - 1), time_weight=weight))


@st.composite
def cnns(draw: st.DrawFn, max_hidden: int = 3, max_bits: int = 16) -> IntegerNetwork:
    """An integer CNN of 1 … ``max_hidden`` ReLU layers and a classifier; activations of different widths."""
    architecture = draw(architectures(max_hidden))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    quantization = draw(input_quantizations(architecture.input_shape))
    spread = 2**quantization.bits / sqrt(12)
    layers = []
    for shape in architecture.layers:
        last = shape is architecture.layers[-1]
        layer = draw(_layers(shape, rng, 0, spread, last))
        if not last:
            typical = sqrt(shape.fan_in * prod(shape.pool)) * 2**layer.weight_bits / sqrt(12) * spread
            layer = replace(layer, neuron=draw(_requantizing(typical, max_bits)))
            spread = 2**layer.neuron.activation_bits / sqrt(12)
        layers.append(layer)
    return IntegerNetwork(architecture, quantization, tuple(layers), time_steps=1, leak_fraction_bits=0)


@st.composite
def _requantizing(draw: st.DrawFn, typical: float, max_bits: int) -> Neuron:
    """A ratio that spreads sums of a ``typical`` size over the codes, or one of the ends of what is allowed."""
    bits = draw(st.sampled_from([bits for bits in (1, 2, 4, 6, 8, 9, 12, 16) if bits <= max_bits]))
    ends = st.sampled_from([(1, 0), (1, 46), (65535, 0), (65535, 46), (3, 1)])
    if draw(st.integers(0, 4)) == 0:
        multiplier, shift = draw(ends)
    else:
        shift = draw(st.integers(0, 40))
        multiplier = int(min(max(2**bits / max(typical, 1.0) * 2**shift, 1), 65535))
    return Neuron(RELU, multiplier=multiplier, shift=shift, activation_bits=bits)


@st.composite
def cases(
    draw: st.DrawFn, max_hidden: int = 3, max_samples: int = 3, of: st.SearchStrategy[IntegerNetwork] | None = None
) -> Case:
    """A network with inputs: random codes, and sometimes all-zero or all-highest ones."""
    network = draw(networks(max_hidden) if of is None else of)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, max_samples)), *network.architecture.input_shape)
    highest = 2**network.input.bits - 1
    kind = draw(st.sampled_from(["random"] * 6 + ["zero", "highest", "silent"]))
    fixed = {"zero": 0, "highest": highest, "silent": network.input.zero_point}
    codes = np.full(shape, fixed[kind]) if kind in fixed else rng.integers(0, highest + 1, shape)
    labels = rng.integers(-1, network.classes, shape[0])
    return Case(network, codes.astype(network.input.code_dtype), labels.astype(np.int64))


@st.composite
def numerics(
    draw: st.DrawFn, network: IntegerNetwork, *, bit_serial: bool = True, every_layer: bool = False
) -> tuple[LayerNumerics, ...]:
    """Words per layer: accumulators that cannot overflow, membranes from 2 bits up in steps of 1 … 512, any leak form.

    With ``bit_serial`` the first layer, or with ``every_layer`` each one, is sometimes a crossbar whose converter
    may clip.
    """
    result = []
    for index, _ in enumerate(network.layers):
        serial, of_spikes = None, None
        if bit_serial and (index == 0 or every_layer) and draw(st.booleans()):
            serial = Macro(rows=draw(st.integers(1, 24)), adc_bits=draw(st.integers(1, 5)))
        if bit_serial and index == 0 and network.is_hybrid and draw(st.booleans()):
            of_spikes = Macro(rows=draw(st.integers(1, 24)), adc_bits=draw(st.integers(1, 5)))
        membrane = draw(st.sampled_from([2, 3, 4, 6, 8, 12, 16, 24, 32, 40]))
        result.append(
            LayerNumerics(
                accumulator_bits=42,
                membrane_bits=membrane,
                crossbar=serial,
                spike_crossbar=of_spikes,
                membrane_shift=draw(st.sampled_from([0, 0, 1, 2, min(9, 42 - membrane)])),
                membrane_rounding=draw(st.sampled_from(ROUNDINGS)),
                leak_terms=draw(st.sampled_from([0, 0, 1, 2])),
            )
        )
    return tuple(result)


@st.composite
def architectures(draw: st.DrawFn, max_hidden: int = 3) -> Architecture:
    """Chains of every layer kind with strides, paddings, pools and reshapes; channel counts odd and even."""
    source: Shape4 = (draw(st.integers(1, 3)), *draw(_triples(1, 6)))
    if draw(st.integers(0, 3)) == 0:
        source = (source[0], source[1], 1, 1)
    layers: list[LayerShape] = []
    shape = source
    for index in range(draw(st.integers(1, max_hidden))):
        layers.append(draw(_shapes(f"layer{index + 1}", shape, first=index == 0)))
        shape = layers[-1].out_shape
    pool = draw(_pools(shape[1:]))
    layers.append(LayerShape.linear("classifier", shape, draw(st.integers(1, 5)), pool=pool))
    return Architecture("random", source, tuple(layers))


@st.composite
def input_quantizations(draw: st.DrawFn, source: Shape4) -> InputQuantization:
    """With statistics of the bands of a map ``source``, or of its channels and bands."""
    statistics = source[:2] if draw(st.booleans()) else source[1:2]
    bits = draw(st.sampled_from([1, 2, 4, 6, 8, 9]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return InputQuantization(
        bits=bits,
        scale=draw(st.floats(1e-3, 10)),
        zero_point=draw(st.integers(0, 2**bits - 1)),
        mean=rng.normal(0, 100, statistics),
        deviation=rng.uniform(0.1, 50, statistics),
    )


@st.composite
def _shapes(draw: st.DrawFn, name: str, source: Shape4, *, first: bool) -> LayerShape:
    """One layer on a map of shape ``source``; the first layer takes no pool."""
    view = source[2:] == (1, 1) and draw(st.booleans())
    viewed: Shape4 = (1, 1, source[1], source[0]) if view else source
    pool = (1, 1, 1) if first else draw(_pools(viewed[1:]))
    size = tuple(n // p for n, p in zip(viewed[1:], pool, strict=True))
    channels = draw(st.sampled_from([1, 2, 3, 5, 7, 8, 9, 17]))
    kinds = [CONV3D, CONV3D, LINEAR, *([CONV2D, CONV2D] if size[0] == 1 else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == LINEAR:
        return LayerShape.linear(name, source, channels, pool=pool, spectral_map=view)
    axes = [draw(_axes(n, free=kind == CONV3D or axis > 0)) for axis, n in enumerate(size)]
    kernel, stride, padding = zip(*axes, strict=True)
    return LayerShape(name, kind, source, channels, kernel, stride, padding, pool, view)


@st.composite
def _axes(draw: st.DrawFn, size: int, *, free: bool) -> tuple[int, int, int]:
    """Kernel, stride and padding along one axis of a map."""
    if not free:
        return 1, 1, 0
    kernel = draw(st.integers(1, 3))
    least = max(0, -((size - kernel) // 2))
    if least >= kernel:
        kernel, least = size, 0
    return kernel, draw(st.integers(1, 3)), draw(st.integers(least, kernel - 1))


def _triples(low: int, high: int) -> st.SearchStrategy[Shape3]:
    return st.tuples(*[st.integers(low, high)] * 3)


def _pools(size: Shape3) -> st.SearchStrategy[Shape3]:
    return st.one_of(st.just((1, 1, 1)), st.tuples(*(st.integers(1, min(2, n)) for n in size)))


@st.composite
def _layers(
    draw: st.DrawFn, shape: LayerShape, rng: np.random.Generator, fraction_bits: int, spread: float, last: bool
) -> IntegerLayer:
    """Weights and neurons on a given structure; ``spread`` is the deviation of one input value."""
    scheme, bits = draw(st.sampled_from(SCHEMES)), draw(st.sampled_from([2, 4, 5, 6, 8, 10]))
    low, high = (0, 2**bits - 1) if scheme == AFFINE else (-(2 ** (bits - 1) - 1), 2 ** (bits - 1) - 1)
    size = (shape.out_channels, shape.in_shape[0], *shape.kernel)
    weight = rng.integers(low, high + 1, size).astype(np.int32)
    typical = sqrt(shape.fan_in * prod(shape.pool)) * (high - low) / sqrt(12) * spread
    threshold = int(draw(st.sampled_from([0.0, 0.3, 0.7, 1.5])) * typical)
    zero_points = st.one_of(st.just(high // 2), st.just(0), st.integers(0, high))
    return IntegerLayer(
        shape=shape,
        weight=weight,
        weight_bits=bits,
        scheme=scheme,
        zero_point=draw(zero_points) if scheme == AFFINE else 0,
        scale=float(rng.uniform(1e-4, 1.0)),
        neuron=Neuron(ACCUMULATE) if last else draw(_neurons(threshold, 2**fraction_bits)),
    )


@st.composite
def _neurons(draw: st.DrawFn, threshold: int, one: int) -> Neuron:
    kind = draw(st.sampled_from([LIF, LIF, IF, SINGLE_SPIKE]))
    leak = one if kind == IF else draw(st.sampled_from([one, one - one // 8, one // 2, 0]))
    return Neuron(kind, threshold, leak)

"""Small networks of each encoding and kind of neuron, with the weights and thresholds of one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import made_inputs
import numpy as np

from pimsim.model import network_hash, reference
from pimsim.model.architecture import Architecture, LayerShape, vgg
from pimsim.model.encoding import packed_input_spikes
from pimsim.model.input import InputQuantization, InputSpikes
from pimsim.model.network import (
    ACCUMULATE,
    AFFINE,
    HYBRID,
    LIF,
    RELU,
    SINGLE_SPIKE,
    TIMED,
    IntegerLayer,
    IntegerNetwork,
    Neuron,
)
from pimsim.traces import Trace, pack_spikes

SPIKES = InputSpikes(low=8, high=56, shift=3)


def changed(
    network: IntegerNetwork, *, hybrid: bool = True, kind: str = SINGLE_SPIKE, timed: bool = True
) -> IntegerNetwork:
    """The same weights, thresholds and leaks under another encoding, hidden neurons and classifier."""
    hidden = [replace(layer, neuron=replace(layer.neuron, kind=kind)) for layer in network.layers[:-1]]
    readout = Neuron(TIMED, threshold=200, time_weight=50) if timed else Neuron(ACCUMULATE)
    return replace(
        network,
        layers=(*hidden, replace(network.layers[-1], neuron=readout)),
        encoding=HYBRID if hybrid else network.encoding,
        input_spikes=SPIKES if hybrid else None,
    )


def network(*, hybrid: bool = True, kind: str = SINGLE_SPIKE, timed: bool = True) -> IntegerNetwork:
    """`made_inputs.network` in another form."""
    return changed(made_inputs.network(), hybrid=hybrid, kind=kind, timed=timed)


def images(classes: int = 4) -> IntegerNetwork:
    """A narrow VGG-6 on images of 3 × 8 × 8, direct encoding, LIF; weights at random."""
    wide = vgg("vgg6", classes, height=8, width=8, hidden=12)
    shapes: list[LayerShape] = []
    source = wide.input_shape
    for shape in wide.layers:
        channels = shape.out_channels if shape.kind == "linear" else shape.out_channels // 16
        made = (
            LayerShape.linear(shape.name, source, channels, pool=shape.pool)
            if shape.kind == "linear"
            else replace(shape, source_shape=source, out_channels=channels)
        )
        shapes.append(made)
        source = made.out_shape
    rng = np.random.default_rng(3)
    layers = []
    for shape in shapes:
        weight = rng.integers(0, 64, (shape.out_channels, shape.in_shape[0], *shape.kernel), dtype=np.uint8)
        typical = 18 * np.sqrt(shape.fan_in) * (18 if shape is shapes[0] else 1)
        neuron = Neuron(LIF, int(typical / 2), 4000) if shape is not shapes[-1] else Neuron(ACCUMULATE)
        layers.append(IntegerLayer(shape, weight, 6, AFFINE, 31, 0.02, neuron))
    return IntegerNetwork(
        architecture=Architecture("vgg6", wide.input_shape, tuple(shapes)),
        input=InputQuantization(6, 0.12, 30, np.full(1, 120.0), np.full(1, 60.0)),
        layers=tuple(layers),
        time_steps=5,
    )


@cache
def of(architecture: Architecture, *, kind: str = SINGLE_SPIKE) -> IntegerNetwork:
    """A hybrid network of any size, T = 5: normal weights of 6 bits, their range four deviations to each side."""
    rng = np.random.default_rng(0)
    layers = []
    for shape in architecture.layers:
        drawn = rng.standard_normal((shape.out_channels, shape.in_shape[0], *shape.kernel), dtype=np.float32)
        weight = np.clip(np.rint(32 + 8 * drawn), 0, 63).astype(np.uint8)
        last = shape is architecture.layers[-1]
        neuron = Neuron(TIMED, 200, time_weight=50) if last else Neuron(kind, 1000, 4000)
        layers.append(IntegerLayer(shape, weight, 6, AFFINE, 32, 0.02, neuron))
    bands = architecture.input_shape[1]
    return IntegerNetwork(
        architecture=architecture,
        input=InputQuantization(6, 0.07, 28, np.zeros(bands), np.ones(bands)),
        layers=tuple(layers),
        time_steps=5,
        encoding=HYBRID,
        input_spikes=SPIKES,
    )


def cnn(spiking: IntegerNetwork) -> IntegerNetwork:
    """The 6-bit CNN of the same weights and inputs."""
    ratio = Neuron(RELU, multiplier=3000, shift=17, activation_bits=6)
    hidden = [replace(layer, neuron=ratio) for layer in spiking.layers[:-1]]
    last = replace(spiking.layers[-1], neuron=Neuron(ACCUMULATE))
    return replace(
        spiking, layers=(*hidden, last), time_steps=1, leak_fraction_bits=0, encoding="direct", input_spikes=None
    )


def recorded(network: IntegerNetwork, samples: int) -> Trace:
    """Random codes through the dense reference, in words wide enough for everything."""
    codes = np.random.default_rng(1).integers(0, 64, (samples, *network.architecture.input_shape)).astype(np.uint8)
    found = reference.run(network, codes)
    count = len(network.layers)
    return Trace(
        model_hash=network_hash(network),
        inputs=codes,
        spikes=tuple(pack_spikes(spikes) for spikes in found.spikes),
        outputs=found.outputs,
        labels=np.arange(samples) % network.classes,
        membrane_low=found.membrane_low,
        membrane_high=found.membrane_high,
        saturations=np.zeros(count, np.int64),
        numerics=({"accumulator_bits": 32, "membrane_bits": 32, "crossbar": ""},) * count,
        input_spikes=packed_input_spikes(network, codes) if network.is_hybrid else None,
    )

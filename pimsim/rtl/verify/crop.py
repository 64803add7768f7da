"""Cutting a layer to a size that a clock-by-clock simulation finishes: a small network around the cut layer.

The cut layer has the first of its output channels and sees the front corner of its map; kernel, stride, padding, pool,
words and neurons stay.  A padded layer is padded around what is left of the map, so at the cut it computes something
else than the whole layer does, from the same real spikes: it is a layer of its own, the same on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Hardware
from pimsim.hardware.hardware import Memories
from pimsim.mapping.placement import engine_names
from pimsim.model.architecture import CONV3D, LINEAR, Architecture, LayerShape, Shape3, Shape4
from pimsim.model.input import InputQuantization
from pimsim.model.network import (
    ACCUMULATE,
    CLASSIFIERS,
    DIRECT,
    IF,
    RELU,
    SCALE,
    SINGLE_SPIKE,
    IntegerLayer,
    IntegerNetwork,
    Neuron,
)

UnsignedArray = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Crop:
    """What is left of a layer; None where nothing is cut.

    ``samples`` and ``steps`` the first ones, the last of which is then an inference's last; ``channels`` the first
    output channels; ``region`` depth, height and width of the map in front of the layer, its front corner.
    """

    samples: int | None = None
    steps: int | None = None
    channels: int | None = None
    region: Shape3 | None = None

    @property
    def cuts_layer(self) -> bool:
        """Whether the layer itself becomes smaller, and not only the run."""
        return self.channels is not None or self.region is not None


@dataclass(frozen=True, eq=False)
class CutNetwork:
    """A network around a cut layer, ``index`` in it, on ``hardware`` that places it where the whole one is."""

    network: IntegerNetwork
    hardware: Hardware
    index: int
    inputs: UnsignedArray


def cut_shape(shape: LayerShape, *, channels: int | None, region: Shape3 | None) -> LayerShape:
    """The cut layer's geometry; raises ModelError where the kernel no longer fits its map."""
    most = shape.out_channels
    kept = min(channels or most, most)
    c, *size = shape.source_shape
    d, h, w = (min(n, wanted) for n, wanted in zip(size, region or size, strict=True))
    source: Shape4 = (c, d, h, w)
    if shape.kind == LINEAR:
        return LayerShape.linear(shape.name, source, kept, pool=shape.pool, spectral_map=shape.spectral_map)
    return replace(shape, source_shape=source, out_channels=kept)


def cut_network(
    network: IntegerNetwork, hardware: Hardware, index: int, inputs: UnsignedArray, crop: Crop
) -> CutNetwork:
    """Layer ``index`` cut, between stand-ins with weights of 0 that make a valid network of it.

    Buffers are sized for it, since capacities that the hardware file states are those of the whole network.
    """
    layer = _cut_layer(network.layers[index], crop)
    layers = [layer]
    if index > 0:
        layers.insert(0, _in_front(network, index, layer.shape))
    if layer.neuron.kind not in CLASSIFIERS:
        layers.append(_behind(layer.shape))
    source = layers[0].shape.source_shape
    small = IntegerNetwork(
        architecture=Architecture(network.name, source, tuple(one.shape for one in layers)),
        input=_input(network, index, source),
        layers=tuple(layers),
        time_steps=network.time_steps,
        encoding=network.encoding if index == 0 else DIRECT,
        input_spikes=network.input_spikes if index == 0 else None,
        leak_fraction_bits=network.leak_fraction_bits,
        leak_rounding=network.leak_rounding,
    )
    machine = _placed(hardware, network, index, layer.name)
    return CutNetwork(small, machine, min(index, 1), _cut_inputs(network, index, inputs, layer.shape.source_shape))


def _cut_layer(layer: IntegerLayer, crop: Crop) -> IntegerLayer:
    shape = cut_shape(layer.shape, channels=crop.channels, region=crop.region)
    kept = tuple(slice(0, n) for n in (shape.out_channels, shape.in_shape[0], *shape.kernel))
    return replace(layer, shape=shape, weight=np.ascontiguousarray(layer.weight[kept]))


def _in_front(network: IntegerNetwork, index: int, shape: LayerShape) -> IntegerLayer:
    """A first layer that hands on a map of the wanted shape."""
    channels, *size = shape.source_shape
    before = network.layers[index - 1].neuron
    kind = SINGLE_SPIKE if before.kind == SINGLE_SPIKE else IF  # sums of neurons that fire once have smaller bounds
    neuron = Neuron(kind, 0, 2**network.leak_fraction_bits)
    if network.is_cnn:
        neuron = Neuron(RELU, multiplier=1, shift=0, activation_bits=before.activation_bits)
    d, h, w = size
    stand_in = LayerShape(_another_name("front", shape), CONV3D, (1, d, h, w), channels, (1, 1, 1))
    return _weightless(stand_in, neuron)


def _behind(shape: LayerShape) -> IntegerLayer:
    """A classifier of one class."""
    return _weightless(LayerShape.linear(_another_name("behind", shape), shape.out_shape, 1), Neuron(ACCUMULATE))


def _weightless(shape: LayerShape, neuron: Neuron) -> IntegerLayer:
    weight = np.zeros((shape.out_channels, shape.in_shape[0], *shape.kernel), np.int8)
    return IntegerLayer(shape, weight, weight_bits=2, scheme=SCALE, zero_point=0, scale=1.0, neuron=neuron)


def _another_name(name: str, shape: LayerShape) -> str:
    return f"{name}_" if shape.name == name else name


def _input(network: IntegerNetwork, index: int, source: Shape4) -> InputQuantization:
    bands = source[1]
    if index == 0:
        return network.input.first(source[0], bands)
    return InputQuantization(bits=1, scale=1.0, zero_point=0, mean=np.zeros(bands), deviation=np.ones(bands))


def _placed(hardware: Hardware, network: IntegerNetwork, index: int, name: str) -> Hardware:
    """The layer on its own engine, stand-ins on those of the first and of other layers."""
    engine = engine_names(network, hardware)[index]
    first = engine if index == 0 else hardware.layers.first
    layers = replace(hardware.layers, first=first, by_name={name: engine})
    sized = Memories(
        macro_width_bits=hardware.memories.macro_width_bits,
        macro_kib=hardware.memories.macro_kib,
        input_kib=None,
        weight_kib=None,
        membrane_kib=None,
        current_kib=None,
        count_kib=None,
        spike_kib=None,
        activation_kib=None,
    )
    return replace(hardware, layers=layers, memories=sized)


def _cut_inputs(network: IntegerNetwork, index: int, inputs: UnsignedArray, source: Shape4) -> UnsignedArray:
    """The front corner of what the layer reads."""
    c, *size = source
    d, h, w = size
    if index == 0:
        return np.ascontiguousarray(inputs[:, :, :d, :h, :w])
    _, *whole = network.layers[index].shape.source_shape
    if network.is_cnn:
        maps = inputs.reshape(len(inputs), *whole, c)[:, :d, :h, :w]
        return np.ascontiguousarray(maps.reshape(len(inputs), -1))
    samples, steps, _ = inputs.shape
    bits = np.unpackbits(inputs.astype(np.uint8), axis=2, count=int(np.prod(whole)) * c, bitorder="little")
    kept = bits.reshape(samples, steps, *whole, c)[:, :, :d, :h, :w].reshape(samples, steps, -1)
    return np.packbits(kept, axis=2, bitorder="little")

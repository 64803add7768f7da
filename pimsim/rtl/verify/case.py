"""A layer to be held against its description: network, machine, and what was recorded in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import prod

from pimsim.errors import MappingError, ModelError, TraceError
from pimsim.hardware import BitSerialPim, Event, Hardware
from pimsim.hardware.hardware import AUTO, Numerics
from pimsim.mapping import LayerMapping, Mapping, costs_cnn, map_model
from pimsim.model.architecture import LINEAR, LayerShape, Shape3
from pimsim.model.network import IntegerLayer, IntegerNetwork
from pimsim.rtl.verify.crop import Crop, UnsignedArray, cut_network, cut_shape
from pimsim.simulation import LayerRecord, in_front, record_layer, time_layer
from pimsim.simulation.schedule_layer import LayerTiming
from pimsim.traces import Trace


@dataclass(frozen=True, eq=False)
class LayerCase:
    """Layer ``index`` of ``network`` as ``mapping`` places it on ``hardware``, reading ``inputs``.

    ``inputs`` as `pimsim.simulation.in_front` gives them: codes (N, C, D, H, W), packed spikes uint8 (N, T, bytes) or
    activations (N, neurons).  ``cut`` says what was left out of the network that was asked for.
    """

    network: IntegerNetwork
    mapping: Mapping
    hardware: Hardware
    index: int
    inputs: UnsignedArray
    cut: tuple[str, ...] = ()

    @property
    def layer(self) -> LayerMapping:
        return self.mapping.layers[self.index]

    @property
    def weights(self) -> IntegerLayer:
        return self.network.layers[self.index]

    @property
    def samples(self) -> int:
        return len(self.inputs)

    @property
    def steps(self) -> int:
        return self.mapping.steps

    @property
    def classifies(self) -> bool:
        return self.index == len(self.network.layers) - 1

    @property
    def on_event_core(self) -> bool:
        return isinstance(self.hardware.engines.named(self.layer.engine), Event)

    @property
    def sums_described(self) -> bool:
        """Whether the layer's sums are part of the description: of multipliers and analog arrays only the sweep is."""
        engine = self.hardware.engines.named(self.layer.engine)
        if isinstance(engine, BitSerialPim):
            return _ideal(engine.numerics)
        return self.on_event_core

    def record(self) -> LayerRecord:
        """What the simulator says of every neuron."""
        return record_layer(self.network, self.index, self.inputs, self.mapping.numerics)

    def timing(self) -> LayerTiming:
        """What the simulator says of every cycle."""
        return time_layer(self.mapping, self.hardware, self.index, self.inputs)


def _ideal(numerics: Numerics) -> bool:
    """Whether converters count exactly, up to their highest code."""
    plain = Numerics(adc_full_scale_lsb=numerics.adc_full_scale_lsb, seed=numerics.seed)
    return numerics == plain and plain.adc_full_scale_lsb in (AUTO, "lsb")


WHOLE = Crop()


def layer_case(
    network: IntegerNetwork, hardware: Hardware, trace: Trace, layer: str | int, crop: Crop = WHOLE
) -> LayerCase:
    """The layer called ``layer``, or of that number, on the inputs that ``trace`` has recorded for this machine.

    Raises MappingError for a name that the network lacks and where the layer does not fit the machine, ModelError for
    a crop that leaves no output, TraceError for more samples or steps than there are.
    """
    if costs_cnn(network, hardware):
        raise MappingError("network=iso_cnn costs a CNN of the same layers, of which no value is executed")
    index = layer_index(network, layer)
    crop = _effective(network.layers[index].shape, crop)
    inputs, steps = _shortened(network, trace, index, crop)
    used = replace(network, time_steps=steps)
    if crop.cuts_layer:
        small = cut_network(used, hardware, index, inputs, crop)
        used, hardware, index, inputs = small.network, small.hardware, small.index, small.inputs
    mapping = map_model(used, hardware)
    return LayerCase(used, mapping, hardware, index, inputs, _told(network, trace, layer, crop))


def layer_index(network: IntegerNetwork, layer: str | int) -> int:
    """Number of a layer; raises MappingError for a name that the network lacks."""
    names = [one.name for one in network.layers]
    if isinstance(layer, int):
        return layer
    if layer not in names:
        close = get_close_matches(layer, names, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise MappingError(f'network "{network.name}" has no layer "{layer}"{hint} (layers: {", ".join(names)})')
    return names.index(layer)


def _effective(shape: LayerShape, crop: Crop) -> Crop:
    """Without what cuts nothing off: then the layer stays in its own network."""
    small = cut_shape(shape, channels=crop.channels, region=crop.region)
    d, h, w = small.source_shape[1:]
    return replace(
        crop,
        channels=small.out_channels if small.out_channels < shape.out_channels else None,
        region=(d, h, w) if small.source_shape != shape.source_shape else None,
    )


def _shortened(network: IntegerNetwork, trace: Trace, index: int, crop: Crop) -> tuple[UnsignedArray, int]:
    """The first samples and steps of what the layer reads, and how many steps the network then takes."""
    samples, steps = crop.samples or trace.samples, crop.steps or network.time_steps
    if samples > trace.samples:
        raise TraceError(f"samples={samples} is outside 1 … {trace.samples}, what the trace holds")
    if steps > network.time_steps:
        raise TraceError(f'steps={steps} is outside 1 … {network.time_steps}, those of network "{network.name}"')
    inputs = in_front(trace, index)[:samples]
    return (inputs[:, :steps] if index > 0 and not network.is_cnn else inputs), steps


def _told(network: IntegerNetwork, trace: Trace, layer: str | int, crop: Crop) -> tuple[str, ...]:
    """What was cut, in words."""
    shape = network.layers[layer_index(network, layer)].shape
    small = cut_shape(shape, channels=crop.channels, region=crop.region)
    pairs = [
        ("sample", crop.samples or trace.samples, trace.samples),
        ("step", crop.steps or network.time_steps, network.time_steps),
        ("output channel", small.out_channels, shape.out_channels),
    ]
    words = [f"{kept} of {plural(there, what)}" for what, kept, there in pairs if kept < there]
    if small.source_shape != shape.source_shape:
        words.append(f"map {_times(small.source_shape[1:])} of {_times(shape.source_shape[1:])}")
    return tuple(words)


def plural(count: int, what: str) -> str:
    """
    >>> plural(1, "step"), plural(5, "step")
    ('1 step', '5 steps')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _times(sizes: Sequence[int]) -> str:
    return "×".join(map(str, sizes))


def fitting_crop(
    network: IntegerNetwork, hardware: Hardware, trace: Trace, layer: str | int, crop: Crop, *, most_cycles: int
) -> Crop:
    """``crop`` made smaller until the layer's run takes at most ``most_cycles``, or nothing is left to cut.

    Convolutions lose the longest axis of their map by halves, then channels; linear layers, whose kernel is the map,
    first the channels beyond one word of lanes.
    """
    while True:
        case = layer_case(network, hardware, trace, layer, crop)
        if case.timing().cycles <= most_cycles:
            return crop
        smaller = _smaller(case.weights.shape, case.layer.sweep.lanes)
        if smaller is None:
            return crop
        crop = replace(crop, **smaller)


Cut = dict[str, int] | dict[str, Shape3]


def _smaller(shape: LayerShape, lanes: int) -> Cut | None:
    """One cut more; None where there is nothing left to halve."""
    if shape.kind == LINEAR and shape.out_channels > lanes:
        return _half_channels(shape)
    return _half_region(shape) or _half_channels(shape)


def _half_channels(shape: LayerShape) -> dict[str, int] | None:
    return {"channels": -(-shape.out_channels // 2)} if shape.out_channels > 1 else None


def _half_region(shape: LayerShape) -> dict[str, Shape3] | None:
    """The longest axis that can be halved; a convolution keeps two outputs at least."""
    size = shape.source_shape[1:]
    for axis in sorted(range(3), key=lambda axis: -size[axis]):
        d, h, w = (-(-n // 2) if i == axis else n for i, n in enumerate(size))
        if prod((d, h, w)) == prod(size):
            continue
        try:
            small = cut_shape(shape, channels=None, region=(d, h, w))
        except ModelError:
            continue
        if prod(small.out_size) > 1 or shape.kind == LINEAR:
            return {"region": (d, h, w)}
    return None

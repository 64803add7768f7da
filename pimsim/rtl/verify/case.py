"""A layer to be held against its description: network, machine, and what was recorded in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import prod

import numpy as np

from pimsim.activity.activity import SPIKES_SUFFIX
from pimsim.errors import MappingError, ModelError, TraceError
from pimsim.hardware import BitSerialPim, Event, Hardware
from pimsim.hardware.hardware import AUTO, Numerics
from pimsim.mapping import LayerMapping, Mapping, costs_cnn, map_model
from pimsim.model.architecture import LINEAR, LayerShape, Shape3
from pimsim.model.encoding import packed_input_spikes
from pimsim.model.fixed_point import Int64Array
from pimsim.model.network import TIMED, IntegerLayer, IntegerNetwork
from pimsim.rtl.parts.design import placed
from pimsim.rtl.verify.crop import Crop, UnsignedArray, cut_network, cut_shape
from pimsim.simulation import LayerRecord, record_layer, time_layer
from pimsim.simulation.schedule_fired import skips
from pimsim.simulation.schedule_layer import LayerTiming
from pimsim.traces import Trace


@dataclass(frozen=True, eq=False)
class LayerCase:
    """Layer ``index`` of ``network`` as ``mapping`` places it on ``hardware``, reading ``inputs``.

    ``inputs`` are those that the layer before leaves: codes (N, C, D, H, W), packed spikes uint8 (N, T, bytes) or
    activations (N, neurons).  ``cut`` says what was left out of the network that was asked for.  A first layer whose
    inputs fire is two cases: the sums of its codes (``of_codes``), and all else.
    """

    network: IntegerNetwork
    mapping: Mapping
    hardware: Hardware
    index: int
    inputs: UnsignedArray
    cut: tuple[str, ...] = ()
    of_codes: bool = False

    @property
    def layer(self) -> LayerMapping:
        return self.mapping.layers[0] if self.of_codes else placed(self.mapping, self.index)

    @property
    def name(self) -> str:
        """As an Activity calls it."""
        return self.layer.name + (SPIKES_SUFFIX if self.of_input_spikes else "")

    @property
    def number(self) -> int:
        """Of its record in an Activity."""
        return self.index + (self.mapping.input_spikes is not None and not self.of_codes)

    @property
    def of_input_spikes(self) -> bool:
        """Whether the layer's inputs fire."""
        return self.index == 0 and self.mapping.input_spikes is not None and not self.of_codes

    @property
    def opening(self) -> LayerMapping | None:
        """Where the sums of step 1 are formed, of a layer whose inputs fire."""
        return self.mapping.layers[0] if self.of_input_spikes else None

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

    @property
    def maps(self) -> UnsignedArray:
        """What the sums are of: ``inputs``, or the spikes that are made of them."""
        return packed_input_spikes(self.network, self.inputs) if self.of_input_spikes else self.inputs

    @property
    def skips(self) -> bool:
        """Whether lanes of neurons that have fired do nothing."""
        return skips(self.layer, self.hardware) and not self.of_codes

    def record(self) -> LayerRecord:
        """What the simulator says of every neuron."""
        return record_layer(self.network, self.index, self.inputs, self.mapping.numerics)

    def timing(self) -> LayerTiming:
        """What the simulator says of every cycle."""
        spikes = self.record().spikes if self.skips else None
        return time_layer(self.mapping, self.hardware, self.number, self.maps, spikes)


def _ideal(numerics: Numerics) -> bool:
    """Whether converters count exactly, up to their highest code."""
    plain = Numerics(adc_full_scale_lsb=numerics.adc_full_scale_lsb, seed=numerics.seed)
    return numerics == plain and plain.adc_full_scale_lsb in (AUTO, "lsb")


def kept_membranes(case: LayerCase, record: LayerRecord) -> Int64Array:
    """(N, T, neurons) membranes of a layer as they are written back: those of lanes that skip stay as they were when
    their neuron fired, while the simulator's go on (docs/microarchitecture.md §12)."""
    if not case.skips:
        return record.membranes
    neurons = record.membranes.shape[2]
    fired = np.unpackbits(record.spikes, axis=2, count=neurons, bitorder="little")
    steps = np.arange(case.steps)[:, None]
    when = np.where(fired.any(axis=1), fired.argmax(axis=1), case.steps)[:, None]
    kept: Int64Array = np.take_along_axis(record.membranes, np.minimum(steps, when), axis=1)
    return kept


def spike_sums(case: LayerCase, record: LayerRecord) -> Int64Array:
    """(N, steps, neurons) sums that the layer forms in its steps: of input spikes those of 2 … T, a spike being 1."""
    spikes = case.network.input_spikes
    return record.currents[:, 1:] >> spikes.shift if spikes is not None and case.of_input_spikes else record.currents


def swept_sums(case: LayerCase, record: LayerRecord) -> Int64Array:
    """(N, T, neurons) what lies in the current memory in each step."""
    opening = record.currents[:, :1] if case.of_input_spikes else record.currents[:, :0]
    return np.concatenate([opening, spike_sums(case, record)], axis=1)


def classes(case: LayerCase, record: LayerRecord) -> Int64Array:
    """(N,) what the argmax behind a classifier says; of `timed` classes less the time that each took."""
    neuron, sums = case.weights.neuron, record.membranes[:, -1]
    if neuron.kind == TIMED:
        above = record.potentials > neuron.threshold
        steps = np.where(above.any(axis=1), above.argmax(axis=1) + 1, case.steps)
        sums = sums - neuron.time_weight * steps
    found: Int64Array = sums.argmax(axis=1)
    return found


WHOLE = Crop()


def layer_case(
    network: IntegerNetwork, hardware: Hardware, trace: Trace, layer: str | int, crop: Crop = WHOLE
) -> LayerCase:
    """The layer called ``layer``, or of that number, on the inputs that ``trace`` has recorded for this machine.

    Of a first layer whose inputs fire the name alone is that of its sums of codes, and all else is called as in an
    Activity, with `SPIKES_SUFFIX`; its number is that of the latter.

    Raises MappingError for a name that the network lacks and where the layer does not fit the machine, ModelError for
    a crop that leaves no output, TraceError for more samples or steps than there are.
    """
    if costs_cnn(network, hardware):
        raise MappingError("network=iso_cnn costs a CNN of the same layers, of which no value is executed")
    index = layer_index(network, layer)
    crop = _effective(network.layers[index].shape, crop)
    cut = _told(network, trace, index, crop)
    inputs, steps = _shortened(network, trace, index, crop)
    used = replace(network, time_steps=steps)
    if crop.cuts_layer:
        small = cut_network(used, hardware, index, inputs, crop)
        used, hardware, index, inputs = small.network, small.hardware, small.index, small.inputs
    mapping = map_model(used, hardware)
    of_codes = mapping.input_spikes is not None and layer == network.layers[0].name
    return LayerCase(used, mapping, hardware, index, inputs, cut, of_codes)


def layer_index(network: IntegerNetwork, layer: str | int) -> int:
    """Number of a layer; raises MappingError for a name that the network lacks."""
    if isinstance(layer, int):
        return layer
    first, *others = [one.name for one in network.layers]
    names = [first, *([first + SPIKES_SUFFIX] if network.is_hybrid else []), *others]
    if layer not in names:
        close = get_close_matches(layer, names, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise MappingError(f'network "{network.name}" has no layer "{layer}"{hint} (layers: {", ".join(names)})')
    return max(names.index(layer) - network.is_hybrid, 0)


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
    least = 2 if network.is_hybrid else 1  # in which inputs fire
    if not least <= steps <= network.time_steps:
        raise TraceError(f'steps={steps} is outside {least} … {network.time_steps}, those of network "{network.name}"')
    inputs = (trace.inputs if index == 0 else (trace.spikes or trace.activations)[index - 1])[:samples]
    return (inputs[:, :steps] if index > 0 and not network.is_cnn else inputs), steps


def _told(network: IntegerNetwork, trace: Trace, index: int, crop: Crop) -> tuple[str, ...]:
    """What was cut, in words."""
    shape = network.layers[index].shape
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

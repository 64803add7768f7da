"""The dense reference: the integer network in NumPy, written for clarity and for nothing else.

Every other executor must give the same spikes and membranes.  Windows are cut out of a padded map
and multiplied as they stand; nothing is skipped because it is zero.  The arithmetic is that of
docs/model-format.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError, SceneError
from pimsim.model.crossbar import converted_sums
from pimsim.model.encoding import input_spikes
from pimsim.model.fixed_point import Int64Array, effective_leak, leaked, requantized, rounded, stored, word_range
from pimsim.model.macro import Macro
from pimsim.model.network import CLASSIFIERS, RELU, SINGLE_SPIKE, IntegerLayer, IntegerNetwork, LayerNumerics
from pimsim.model.windows import arrange, windows

BoolArray = npt.NDArray[np.bool_]
#: below it every integer is exact in float64, so its matrix product is an integer one
_EXACT = 2**53


@dataclass(frozen=True, eq=False)
class ReferenceRun:
    """What every neuron did, for N samples over T steps.

    spikes      per hidden layer, bool (N, T, D, H, W, C); none in a CNN
    potentials  per layer (the classifier too), int64 (N, T, D, H, W, C): v[t], compared with the threshold
    membranes   likewise: m[t] as it is read back, after leak, reset,
                rounding and saturation; the classifier's running sum.
                In a CNN both are the sums before requantization
    outputs     (N, classes) int64, the classifier's sum after the last step; of a ``timed`` one less its time
    membrane_low, membrane_high, saturations
                (layers,) int64: smallest and largest value offered to the membrane write-back, and how many
                write-backs saturated
    activations per hidden layer of a CNN, int64 (N, D, H, W, C); none in a spiking network
    """

    spikes: tuple[BoolArray, ...]
    potentials: tuple[Int64Array, ...]
    membranes: tuple[Int64Array, ...]
    outputs: Int64Array
    membrane_low: Int64Array
    membrane_high: Int64Array
    saturations: Int64Array
    activations: tuple[Int64Array, ...] = ()

    @property
    def predictions(self) -> Int64Array:
        """(N,) class with the largest output; ties go to the lowest index."""
        classes: Int64Array = self.outputs.argmax(1).astype(np.int64)
        return classes


def run(
    network: IntegerNetwork, inputs: npt.NDArray[np.integer], numerics: Sequence[LayerNumerics] | None = None
) -> ReferenceRun:
    """Execute ``network`` on input codes (N, C, D, H, W); ``numerics`` defaults to 32-bit words everywhere.

    Raises `SceneError` for inputs of another shape or outside the code range, `ModelError` where a
    potential leaves its accumulator.
    """
    chosen = tuple(numerics) if numerics is not None else (LayerNumerics(),) * len(network.layers)
    if len(chosen) != len(network.layers):
        raise ModelError(f"numerics for {len(chosen)} layers, the network has {len(network.layers)}")
    check_inputs(network, inputs)
    signal = np.moveaxis(inputs, 1, -1).astype(np.int64)[:, None]  # N, 1, D, H, W, C
    records = []
    for index, (layer, widths) in enumerate(zip(network.layers, chosen, strict=True)):
        currents = layer_sums(layer, signal, network.input_range(index), widths.crossbar)
        if index == 0:
            currents = _presented(network, inputs, currents, widths)
        records.append(_neurons(network, layer, currents, widths))
        signal = records[-1].values.astype(np.int64)
    return _collect(records, network)


def check_inputs(network: IntegerNetwork, inputs: npt.NDArray[np.integer]) -> None:
    """Integer codes of the network's input shape and range, or `SceneError`."""
    if inputs.dtype.kind not in "iu":
        raise SceneError(f"input codes are {inputs.dtype}, expected integers")
    if inputs.ndim != 5 or inputs.shape[1:] != network.architecture.input_shape:
        raise SceneError(f"input codes have shape {inputs.shape}, expected (N, {network.architecture.input_shape})")
    highest = 2**network.input.bits - 1
    if inputs.size and not 0 <= int(inputs.min()) <= int(inputs.max()) <= highest:
        raise SceneError(f"input codes reach from {inputs.min()} to {inputs.max()}, outside 0 … {highest}")


def _presented(
    network: IntegerNetwork, inputs: npt.NDArray[np.integer], sums: Int64Array, widths: LayerNumerics
) -> Int64Array:
    """Currents of all steps of the first layer from the sums (N, 1, D, H, W, C) of the input codes."""
    if network.input_spikes is None:  # direct encoding: the same current at every step
        return np.repeat(sums, network.time_steps, axis=1)
    fired = input_spikes(network, inputs)[:, 1:].astype(np.int64)  # no input fires at step 1
    later = layer_sums(network.layers[0], fired, (0, 1), widths.spike_crossbar, of_input_spikes=True)
    return np.concatenate([sums, later << network.input_spikes.shift], axis=1)


def layer_sums(
    layer: IntegerLayer,
    signal: Int64Array,
    inputs: tuple[int, int],
    macro: Macro | None = None,
    *,
    of_input_spikes: bool = False,
) -> Int64Array:
    """Σ (w − z_w)(x − z_x) for every output neuron and step, or what the crossbar ``macro`` makes of it.

    signal (N, T, D, H, W, C) codes from 0 whose values minus zero point reach over ``inputs``
    → (N, T, D', H', W', C_out).  Sums ``of_input_spikes`` have a crossbar's noise of their own.
    """
    zero, highest = -inputs[0], inputs[1] - inputs[0]
    columns = windows(arrange(signal, layer.shape), layer.shape, fill=zero)
    if macro is not None:
        most = highest * prod(layer.shape.pool)
        return converted_sums(layer, columns, zero, most, macro, of_input_spikes=of_input_spikes)
    weights = layer.centred.astype(np.int64).transpose(2, 3, 4, 1, 0).reshape(-1, layer.shape.out_channels)
    return _product(columns - zero, weights)


def _product(columns: Int64Array, weights: Int64Array) -> Int64Array:
    """columns @ weights, exactly; through float64 where no partial sum can reach 2^53."""
    largest = int(np.abs(columns).max(initial=0)) * int(np.abs(weights).sum(0).max())
    if largest < _EXACT:
        return (columns.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
    return columns @ weights


@dataclass(frozen=True, eq=False)
class _Record:
    values: BoolArray | Int64Array
    potentials: Int64Array
    membranes: Int64Array
    low: int
    high: int
    saturations: int


def _neurons(network: IntegerNetwork, layer: IntegerLayer, currents: Int64Array, widths: LayerNumerics) -> _Record:
    """All steps of a layer's neurons: currents (N, T, D, H, W, C) → what they did."""
    if layer.neuron.kind == RELU:
        return _activations(layer, currents, widths)
    potentials, offers, membranes = np.empty_like(currents), np.empty_like(currents), np.empty_like(currents)
    spikes = np.zeros(currents.shape, np.bool_)
    membrane = np.zeros_like(currents[:, 0])
    fired = np.zeros(membrane.shape, np.bool_)
    bits = widths.accumulator_bits if layer.neuron.kind in CLASSIFIERS else widths.membrane_bits
    shift = 0 if layer.neuron.kind in CLASSIFIERS else widths.membrane_shift
    leak = effective_leak(layer.neuron, network.leak_fraction_bits, widths.leak_terms)
    saturations = 0
    for step in range(network.time_steps):
        potential = membrane + currents[:, step]
        _check_word(layer.name, potential, widths.accumulator_bits)
        spike, offer = _fire(network, layer, potential, fired, leak)
        membrane = stored(offer, bits, shift, widths.membrane_rounding)
        saturations += int(np.count_nonzero(membrane >> shift != rounded(offer, shift, widths.membrane_rounding)))
        fired |= spike
        potentials[:, step], spikes[:, step] = potential, spike
        offers[:, step], membranes[:, step] = offer, membrane
    low, high = (int(offers.min()), int(offers.max())) if offers.size else (0, 0)
    return _Record(spikes, potentials, membranes, low, high, saturations)


def _activations(layer: IntegerLayer, sums: Int64Array, widths: LayerNumerics) -> _Record:
    """The one pass of a CNN's layer: sums (N, 1, D, H, W, C) → activations."""
    neuron = layer.neuron
    _check_word(layer.name, sums, widths.accumulator_bits)
    values = requantized(sums, neuron.multiplier, neuron.shift, neuron.activation_bits)
    low, high = (int(sums.min()), int(sums.max())) if sums.size else (0, 0)
    return _Record(values, sums, sums, low, high, 0)


def _fire(
    network: IntegerNetwork, layer: IntegerLayer, potential: Int64Array, fired: BoolArray, leak: int
) -> tuple[BoolArray, Int64Array]:
    """One step of a layer's neurons: v[t] → (o[t], value offered to the membrane write-back)."""
    neuron = layer.neuron
    if neuron.kind in CLASSIFIERS:
        return np.zeros(potential.shape, np.bool_), potential
    spike = potential > neuron.threshold
    offer = leaked(potential, leak, network.leak_fraction_bits, network.leak_rounding)
    if neuron.kind == SINGLE_SPIKE:
        return spike & ~fired, offer
    return spike, offer - np.int64(neuron.threshold) * spike


def _check_word(name: str, potential: Int64Array, bits: int) -> None:
    if not potential.size:
        return
    (low, high), least, most = word_range(bits), int(potential.min()), int(potential.max())
    if least < low or most > high:
        raise ModelError(f'layer "{name}": potentials {least} … {most} leave the {bits}-bit accumulator')


def _collect(records: list[_Record], network: IntegerNetwork) -> ReferenceRun:
    hidden = [record.values for record in records[:-1]]
    return ReferenceRun(
        spikes=() if network.is_cnn else tuple(values.astype(np.bool_) for values in hidden),
        activations=tuple(values[:, 0].astype(np.int64) for values in hidden) if network.is_cnn else (),
        potentials=tuple(record.potentials for record in records),
        membranes=tuple(record.membranes for record in records),
        outputs=_outputs(records[-1].membranes.reshape(-1, network.time_steps, network.classes), network),
        membrane_low=np.array([record.low for record in records], np.int64),
        membrane_high=np.array([record.high for record in records], np.int64),
        saturations=np.array([record.saturations for record in records], np.int64),
    )


def _outputs(sums: Int64Array, network: IntegerNetwork) -> Int64Array:
    """Running sums (N, T, classes) → outputs: the last sum, of a ``timed`` classifier less its weighed time."""
    neuron, steps = network.layers[-1].neuron, network.time_steps
    crossed = sums > neuron.threshold
    first = np.where(crossed.any(1), crossed.argmax(1) + 1, steps)
    outputs: Int64Array = sums[:, -1] - neuron.time_weight * first
    return outputs

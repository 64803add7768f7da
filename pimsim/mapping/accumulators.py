"""Static proof that no sum can leave its accumulator, and the word widths each layer runs with.

A layer adds weight × input one at a time.  Whatever the inputs and whatever the order, a partial sum lies
between Σ of the smallest and Σ of the largest values that each product can take, 0 among them, because a
product may also be missing.  To that comes the largest membrane.  Accumulators wrap modulo 2^bits, so sums
of codes that are still to be corrected by their zero points may pass the ends: the corrected sum is exact
whenever it fits itself, and that is what is proved.

Inputs that fire at most once per inference bring each of their products at most once, over all steps together.
A leak of at most 1 takes an integer towards 0, saturation does so too, and a reset leaves −threshold at the
least, so that membranes stay between the same ends, whatever their words could hold.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, prod

from pimsim.errors import AccumulatorError
from pimsim.hardware import Event, Hardware, Mac
from pimsim.hardware.hardware import EXACT, MULTIPLIER, Pim
from pimsim.mapping.macro import crossbar_values
from pimsim.mapping.placement import costs_cnn, engine_called, engine_names, has_input_spikes, input_spikes_engine
from pimsim.mapping.weights import weight_sums
from pimsim.model.chip import build
from pimsim.model.fixed_point import signed_digits, word_bits
from pimsim.model.macro import Macro
from pimsim.model.network import (
    CLASSIFIERS,
    FLOOR,
    RELU,
    SINGLE_SPIKE,
    IntegerLayer,
    IntegerNetwork,
    LayerNumerics,
)

Range = tuple[int, int]
Ends = tuple[int, int, str]
"""Smallest and largest sum, and what they are sums of."""


def layer_numerics(
    network: IntegerNetwork, hardware: Hardware, *, seed: int | None = None, chip: int = 0
) -> tuple[LayerNumerics, ...]:
    """Word widths of every layer on the engine that runs it, proved to hold every sum.

    A `LayerNumerics.crossbar` is set only where a crossbar may give other sums than exact ones; where it draws at
    random it is that of ``chip`` with ``seed``, by default the hardware file's.  Where a CNN
    is only costed nothing is executed and nothing is proved: the widths are the engine's.
    Raises AccumulatorError naming the layer, the bits it needs and the bits it is given.
    """
    names = engine_names(network, hardware)
    costed = costs_cnn(network, hardware)
    chosen = []
    for index, (layer, name) in enumerate(zip(network.layers, names, strict=True)):
        if index == 0 and has_input_spikes(network, hardware):
            chosen.append(_of_two_phases(network, hardware, name, seed=seed, chip=chip))
            continue
        engine = engine_called(name, hardware)
        inputs = _pooled(network.input_range(index), prod(layer.shape.pool))
        macro = crossbar_values(layer, index, engine, inputs[1] - inputs[0], seed=seed, chip=chip)
        numerics = _numerics(network, layer, engine, macro)
        if not costed:
            once = index > 0 and macro is None and network.layers[index - 1].neuron.kind == SINGLE_SPIKE
            step = _sums(layer, inputs, macro)
            ends = ends_of_sums(layer, numerics, step, steps=network.time_steps, once=once)
            _prove(layer, f"engines.{name}", numerics, ends)
        chosen.append(numerics)
    return tuple(chosen)


def code_numerics(network: IntegerNetwork, hardware: Hardware, first: LayerNumerics) -> LayerNumerics:
    """Words of the engine that sums the codes of step 1, of a first layer that computes in the words of ``first``."""
    bits = engine_called(engine_names(network, hardware)[0], hardware).accumulator_bits
    return LayerNumerics(bits, bits, first.crossbar)


def _of_two_phases(
    network: IntegerNetwork, hardware: Hardware, name: str, *, seed: int | None, chip: int
) -> LayerNumerics:
    """A first layer that sums codes at step 1 and input spikes behind: words of the engine that sums the latter."""
    layer, spiking = network.layers[0], input_spikes_engine(hardware)
    assert network.input_spikes is not None
    codes, engine = network.input_range(0), engine_called(spiking, hardware)
    macro = crossbar_values(layer, 0, engine_called(name, hardware), codes[1] - codes[0], seed=seed, chip=chip)
    spike_macro = crossbar_values(layer, 0, engine, 1, seed=seed, chip=chip)
    numerics = replace(_numerics(network, layer, engine, macro), spike_crossbar=spike_macro)
    first, each = _sums(layer, codes, macro), _sums(layer, (0, 1), spike_macro)
    each = each[0] << network.input_spikes.shift, each[1] << network.input_spikes.shift
    _prove(layer, f"engines.{name}", code_numerics(network, hardware, numerics), (*first, "at step 1"))
    low, high, beside = _on_membranes(numerics, each)
    ends = [(min(low, first[0]), max(high, first[1]), beside)]
    if spike_macro is None and not numerics.membrane_shift:
        together = first[0] + each[0], first[1] + each[1]
        ends.append(_fired_once(layer, together, network.time_steps))
    _prove(layer, f"engines.{spiking}", numerics, min(ends, key=_bits))
    return numerics


def sum_range(layer: IntegerLayer, inputs: Range) -> Range:
    """Ends of Σ (w − z) x over any subset of the products in any order, x in ``inputs``, which holds 0."""
    sums = weight_sums(layer)
    lowest, highest = inputs
    low = sums.positive * lowest + sums.negative * highest
    high = sums.positive * highest + sums.negative * lowest
    return int(low.min()), int(high.max())


def crossbar_range(layer: IntegerLayer, inputs: Range, macro: Macro) -> Range:
    """The same for a crossbar: whatever its converters can deliver for codes from 0 to the highest, and 0."""
    low, high = build(layer, macro, -inputs[0], inputs[1] - inputs[0]).reach()
    return min(low, 0), max(high, 0)


def _numerics(
    network: IntegerNetwork, layer: IntegerLayer, engine: Pim | Mac | Event, macro: Macro | None
) -> LayerNumerics:
    bits = engine.accumulator_bits
    if layer.neuron.kind in (RELU, *CLASSIFIERS):  # no membrane, but a sum
        return LayerNumerics(bits, bits, macro)
    shift = 0 if engine.membrane_step == EXACT else membrane_shift(layer, engine)
    return LayerNumerics(
        bits,
        engine.membrane_bits,
        macro,
        membrane_shift=shift,
        membrane_rounding=engine.membrane_rounding if shift else FLOOR,
        leak_terms=_leak_terms(network, layer, engine),
    )


def membrane_shift(layer: IntegerLayer, engine: Pim | Mac | Event) -> int:
    """`smallest_shift` of a layer on an engine."""
    room = engine.accumulator_bits - engine.membrane_bits
    return smallest_shift(engine.membrane_range * layer.neuron.threshold, engine.membrane_bits, room)


def smallest_shift(reach: float, membrane_bits: int, room: int) -> int:
    """The smallest shift with which a stored membrane of ``membrane_bits`` reaches ``reach``, at most ``room``.

    ``room`` leaves the stored word inside the accumulator, which may be too narrow for the whole reach.
    """
    wanted, highest = ceil(reach), 2 ** (membrane_bits - 1) - 1
    return next((shift for shift in range(room) if highest << shift >= wanted), room)


def _leak_terms(network: IntegerNetwork, layer: IntegerLayer, engine: Pim | Mac | Event) -> int:
    """0 where shifts give the very leak of the model, which a trace then holds for as well."""
    if engine.leak == MULTIPLIER or signed_digits(layer.neuron.leak) <= engine.leak_terms:
        return 0
    return min(engine.leak_terms, network.leak_fraction_bits + 1)


def _pooled(inputs: Range, pool: int) -> Range:
    return inputs[0], inputs[1] + (pool - 1) * (inputs[1] - inputs[0])


def _sums(layer: IntegerLayer, inputs: Range, macro: Macro | None) -> Range:
    """Ends of the sums of one step."""
    return sum_range(layer, inputs) if macro is None else crossbar_range(layer, inputs, macro)


def ends_of_sums(layer: IntegerLayer, numerics: LayerNumerics, step: Range, *, steps: int, once: bool) -> Ends:
    """Of a layer's sums and membranes, of which each step adds ``step``, or with ``once`` all ``steps`` together do."""
    kind = layer.neuron.kind
    if kind == RELU:
        return *step, "in one pass"
    if kind in CLASSIFIERS:
        low, high = step if once else (step[0] * steps, step[1] * steps)
        return low, high, f"over {steps} steps" + (" of inputs that fire once" if once else "")
    ends = [_on_membranes(numerics, step)]
    if once and not numerics.membrane_shift:
        ends.append(_fired_once(layer, step, steps))
    return min(ends, key=_bits)


def _on_membranes(numerics: LayerNumerics, step: Range) -> Ends:
    """On top of any membrane that its word can hold."""
    half, shift = 2 ** (numerics.membrane_bits - 1), numerics.membrane_shift
    beside = f"on membranes of {numerics.membrane_bits} bits" + (f" in steps of {1 << shift}" if shift else "")
    return step[0] - (half << shift), step[1] + (half - 1 << shift), beside


def _fired_once(layer: IntegerLayer, together: Range, steps: int) -> Ends:
    """Membranes of neurons that get ``together`` in the whole inference, stored with every bit."""
    reset = 0 if layer.neuron.kind == SINGLE_SPIKE else layer.neuron.threshold
    return together[0] - reset, together[1], f"over {steps} steps of inputs that fire once"


def _bits(ends: Ends) -> int:
    return word_bits(*ends[:2])


def _prove(layer: IntegerLayer, section: str, numerics: LayerNumerics, ends: Ends) -> None:
    low, high, beside = ends
    needed = _bits(ends)
    if needed > numerics.accumulator_bits:
        raise AccumulatorError(
            f'layer "{layer.name}": sums reach {low} … {high} {beside} and need {needed} bits, '
            f"{section}.accumulator_bits={numerics.accumulator_bits}",
            f"{section}.accumulator_bits",
            needed,
        )

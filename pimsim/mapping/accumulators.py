"""Static proof that no sum can leave its accumulator, and the word widths each layer runs with.

A layer adds weight × input one at a time.  Whatever the inputs and whatever the order, a partial sum lies
between Σ of the smallest and Σ of the largest values that each product can take, 0 among them, because a
product may also be missing.  To that comes the largest membrane.  Accumulators wrap modulo 2^bits, so sums
of codes that are still to be corrected by their zero points may pass the ends: the corrected sum is exact
whenever it fits itself, and that is what is proved.
"""

from __future__ import annotations

from math import ceil, prod

from pimsim.errors import AccumulatorError
from pimsim.hardware import Event, Hardware, Mac
from pimsim.hardware.hardware import EXACT, MULTIPLIER, Pim
from pimsim.mapping.macro import crossbar_values
from pimsim.mapping.placement import costs_cnn, engine_names
from pimsim.mapping.weights import weight_sums
from pimsim.model.chip import build
from pimsim.model.fixed_point import signed_digits, word_bits
from pimsim.model.macro import Macro
from pimsim.model.network import ACCUMULATE, FLOOR, RELU, IntegerLayer, IntegerNetwork, LayerNumerics

Range = tuple[int, int]


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
        engine = hardware.engines.named(name)
        assert engine is not None  # the hardware file was checked for it
        inputs = _pooled(network.input_range(index), prod(layer.shape.pool))
        macro = crossbar_values(layer, index, engine, inputs[1] - inputs[0], seed=seed, chip=chip)
        numerics = _numerics(network, layer, engine, macro)
        if not costed:
            _prove(layer, f"engines.{name}", numerics, inputs, network.time_steps)
        chosen.append(numerics)
    return tuple(chosen)


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
    if layer.neuron.kind in (ACCUMULATE, RELU):  # no membrane, but a sum
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


def _prove(layer: IntegerLayer, section: str, numerics: LayerNumerics, inputs: Range, steps: int) -> None:
    macro = numerics.crossbar
    low, high = sum_range(layer, inputs) if macro is None else crossbar_range(layer, inputs, macro)
    if layer.neuron.kind == RELU:
        beside = "in one pass"
    elif layer.neuron.kind == ACCUMULATE:
        low, high, beside = low * steps, high * steps, f"over {steps} steps"
    else:
        half, shift = 2 ** (numerics.membrane_bits - 1), numerics.membrane_shift
        low, high = low - (half << shift), high + (half - 1 << shift)
        beside = f"on membranes of {numerics.membrane_bits} bits" + (f" in steps of {1 << shift}" if shift else "")
    needed = word_bits(low, high)
    if needed > numerics.accumulator_bits:
        raise AccumulatorError(
            f'layer "{layer.name}": sums reach {low} … {high} {beside} and need {needed} bits, '
            f"{section}.accumulator_bits={numerics.accumulator_bits}",
            f"{section}.accumulator_bits",
            needed,
        )

"""Static proof that no sum can leave its accumulator, and the word widths each layer runs with.

A layer adds weight × input one at a time.  Whatever the inputs and whatever the order, a partial sum lies
between Σ of the smallest and Σ of the largest values that each product can take, 0 among them, because a
product may also be missing.  To that comes the largest membrane.  Accumulators wrap modulo 2^bits, so sums
of codes that are still to be corrected by their zero points may pass the ends: the corrected sum is exact
whenever it fits itself, and that is what is proved.
"""

from __future__ import annotations

from math import ceil, prod

from pimsim.errors import MappingError
from pimsim.hardware import BitSerialPim, Event, Hardware, Mac
from pimsim.hardware.hardware import DIFFERENTIAL, EXACT, ISO_CNN, MULTIPLIER, OFFSET, TWOS_COMPLEMENT, Pim
from pimsim.mapping.placement import engine_names
from pimsim.mapping.weights import weight_sums
from pimsim.model.fixed_point import signed_digits
from pimsim.model.network import ACCUMULATE, AFFINE, FLOOR, BitSerial, IntegerLayer, IntegerNetwork, LayerNumerics

Range = tuple[int, int]


def layer_numerics(network: IntegerNetwork, hardware: Hardware) -> tuple[LayerNumerics, ...]:
    """Word widths of every layer on the engine that runs it, proved to hold every sum.

    A `LayerNumerics.bit_serial` is set only where the crossbar's converter can clip.  For hardware with
    ``network: iso_cnn`` nothing is executed and nothing is proved: the widths are the engine's.
    Raises MappingError naming the layer, the bits it needs and the bits it is given.
    """
    names = engine_names(network.architecture, hardware)
    codes = (-network.input.zero_point, 2**network.input.bits - 1 - network.input.zero_point)
    chosen = []
    for index, (layer, name) in enumerate(zip(network.layers, names, strict=True)):
        engine = hardware.engines.named(name)
        assert engine is not None  # the hardware file was checked for it
        inputs = _pooled(codes if index == 0 else (0, 1), prod(layer.shape.pool))
        numerics = _numerics(network, layer, engine, inputs[1] - inputs[0])
        if hardware.network != ISO_CNN:
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


def clipped_range(layer: IntegerLayer, inputs: Range) -> Range:
    """The same for a crossbar that clips: every count, and so both Σ u x and Σ x, may be anything from 0 to exact.

    In stored codes u with zero z_u, and input codes x = value + z_x:
    Σ u x − z_u Σ x − z_x Σ u + K z_u z_x.
    """
    sums = weight_sums(layer)
    zero_w = layer.zero_point + (0 if layer.scheme == AFFINE else 2 ** (layer.weight_bits - 1))
    zero_x, highest, fan_in = -inputs[0], inputs[1] - inputs[0], layer.shape.fan_in
    stored = sums.positive + sums.negative + fan_in * zero_w  # Σ u per output channel
    constant = fan_in * zero_w * zero_x - zero_x * stored
    low = (constant - zero_w * fan_in * highest).min()
    high = (constant + stored * highest).max()
    return min(int(low), 0), max(int(high), 0)


def word_bits(low: int, high: int) -> int:
    """Bits of the narrowest two's-complement word that holds both.

    >>> word_bits(-32, 31), word_bits(0, 32)
    (6, 7)
    """
    return 1 + max((-low - 1).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0)


def largest_count(layer: IntegerLayer, pim: BitSerialPim, highest_input: int) -> int:
    """Largest sum of digits that a column brings to its converter, input codes being 0 … ``highest_input``.

    Over the rows that are active at once, and that the layer has: largest slice × largest cell.
    """
    sums = weight_sums(layer)
    stored = {DIFFERENTIAL: sums.magnitude_bits, TWOS_COMPLEMENT: max(1, sums.signed_bits - 1)}
    cell_bits = min(pim.cell_bits, stored.get(pim.weight_encoding, layer.weight_bits))
    slice_largest = min(highest_input, 2**pim.dac_bits - 1)
    return int(min(pim.rows_active, layer.shape.fan_in) * slice_largest * (2**cell_bits - 1))


def _numerics(
    network: IntegerNetwork, layer: IntegerLayer, engine: Pim | Mac | Event, highest_input: int
) -> LayerNumerics:
    bits = engine.accumulator_bits
    if layer.neuron.kind == ACCUMULATE:
        return LayerNumerics(bits, bits, _clipping(layer, engine, highest_input))
    shift = 0 if engine.membrane_step == EXACT else membrane_shift(layer, engine)
    return LayerNumerics(
        bits,
        engine.membrane_bits,
        _clipping(layer, engine, highest_input),
        membrane_shift=shift,
        membrane_rounding=engine.membrane_rounding if shift else FLOOR,
        leak_terms=_leak_terms(network, layer, engine),
    )


def membrane_shift(layer: IntegerLayer, engine: Pim | Mac | Event) -> int:
    """The smallest shift with which a stored membrane reaches ``membrane_range`` thresholds.

    It leaves the stored word inside the accumulator, which may be too narrow for the whole range.
    """
    wanted = ceil(engine.membrane_range * layer.neuron.threshold)
    highest = 2 ** (engine.membrane_bits - 1) - 1
    room = engine.accumulator_bits - engine.membrane_bits
    return next((shift for shift in range(room) if highest << shift >= wanted), room)


def _leak_terms(network: IntegerNetwork, layer: IntegerLayer, engine: Pim | Mac | Event) -> int:
    """0 where shifts give the very leak of the model, which a trace then holds for as well."""
    if engine.leak == MULTIPLIER or signed_digits(layer.neuron.leak) <= engine.leak_terms:
        return 0
    return min(engine.leak_terms, network.leak_fraction_bits + 1)


def _clipping(layer: IntegerLayer, engine: Pim | Mac | Event, highest_input: int) -> BitSerial | None:
    """None where no column can bring more to its converter than that can tell apart."""
    if not isinstance(engine, BitSerialPim):
        return None
    largest = largest_count(layer, engine, highest_input)
    if 2**engine.adc_bits - 1 >= largest:
        return None
    if (engine.weight_encoding, engine.cell_bits, engine.dac_bits) != (OFFSET, 1, 1):
        raise MappingError(
            f'layer "{layer.name}": sums of a column reach {largest}, engines.pim.adc_bits={engine.adc_bits} '
            "clips them; that is executed for weight_encoding=offset, cell_bits=1, dac_bits=1 only"
        )
    return BitSerial(engine.rows_active, engine.adc_bits)


def _pooled(inputs: Range, pool: int) -> Range:
    return inputs[0], inputs[1] + (pool - 1) * (inputs[1] - inputs[0])


def _prove(layer: IntegerLayer, section: str, numerics: LayerNumerics, inputs: Range, steps: int) -> None:
    low, high = (sum_range if numerics.bit_serial is None else clipped_range)(layer, inputs)
    if layer.neuron.kind == ACCUMULATE:
        low, high, beside = low * steps, high * steps, f"over {steps} steps"
    else:
        half, shift = 2 ** (numerics.membrane_bits - 1), numerics.membrane_shift
        low, high = low - (half << shift), high + (half - 1 << shift)
        beside = f"on membranes of {numerics.membrane_bits} bits" + (f" in steps of {1 << shift}" if shift else "")
    needed = word_bits(low, high)
    if needed > numerics.accumulator_bits:
        raise MappingError(
            f'layer "{layer.name}": sums reach {low} … {high} {beside} and need {needed} bits, '
            f"{section}.accumulator_bits={numerics.accumulator_bits}"
        )

"""Compiled loops of a crossbar's converters; docs/crossbar-numerics.md has the equations."""

# ruff: noqa: ARG001 (numba dictates the parameters of intrinsics and of their generators)
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from pimsim.simulation.compiled import kernel, part

u64 = np.uint64
HALF, FRACTION_BITS = 2048, 12


@intrinsic
def set_bits(typing_context, bits):
    """How many bits of a word are set."""

    def generate(context, builder, signature, arguments):
        return builder.zext(builder.ctpop(arguments[0]), ir.IntType(64))

    return types.int64(types.uint64), generate


@part
def value_cells(codes, zero_point, origins, cells):
    """Input codes (C · D · H · W,) → grid of cells, the zero point in the padding."""
    size = u64(codes.shape[0])
    for i in range(u64(cells.shape[0])):
        cells[i] = codes[origins[i]] if origins[i] < size else zero_point


@part
def spike_cells(words, segments, cells):
    """Spike map → grid of cells that hold 0 … pool size."""
    cells[:] = 0
    for segment in range(u64(segments.bits.shape[0])):
        if segments.masks[segment]:
            for i in range(set_bits(segments.masks[segment])):
                bit = segments.bits[segment] + u64(i)
                spike = words[bit >> u64(6)] >> (bit & u64(63)) & u64(1)
                cells[segments.neurons[segment] + u64(i)] += spike


@part
def convert(cells, field, crossbar, noise, sums, values, currents):
    """Currents (positions · C_out) as the macro converts them.

    noise   (positions, groups, slices, columns) of every conversion, or of size 0
    sums    (columns,) scratch: one group of rows in one slice
    values  (columns,) scratch: converted
    """
    outputs, rows = u64(field.outputs), u64(crossbar.rows)
    total_rows = u64(field.taps.shape[0])
    for position in range(u64(field.neurons.shape[0])):
        inputs = cells[field.neurons[position] :]
        result = currents[position * outputs : (position + u64(1)) * outputs]
        for output in range(outputs):
            result[output] = crossbar.constants[output]
        for group in range(u64(crossbar.groups)):
            first, end = group * rows, min((group + u64(1)) * rows, total_rows)
            for place in range(u64(crossbar.slices)):
                shift = np.int64(place * u64(crossbar.dac_bits))
                if noise.size:
                    sums[:] = noise[position, group, place]
                else:
                    sums[:] = 0
                _add_rows(crossbar, inputs, field.taps, first, end, shift, sums)
                _digitize(crossbar, sums, values)
                _gather(crossbar, values, shift, result)


@part
def _add_rows(crossbar, inputs, taps, first, end, shift, sums):
    """What each row adds to every column: looked up by its slice of the input, or multiplied by it."""
    products, mask = crossbar.cells, (1 << crossbar.dac_bits) - 1
    columns = u64(sums.shape[0])
    if products.shape[1] > 1:
        for row in range(first, end):
            code = u64((inputs[taps[row]] >> shift) & mask)
            for column in range(columns):
                sums[column] += products[row, code, column]
        return
    for row in range(first, end):
        code = (inputs[taps[row]] >> shift) & mask
        if code == 1:
            for column in range(columns):
                sums[column] += products[row, u64(0), column]
        elif code:
            factor = products.dtype.type(code)
            for column in range(columns):
                sums[column] += factor * products[row, u64(0), column]


@part
def _digitize(crossbar, sums, values):
    """Column sums → values; sums and steps below 2^52 make the floor of the quotient in float64 exact."""
    low, high, level = crossbar.low, crossbar.high, crossbar.level
    columns = u64(sums.shape[0])
    if crossbar.shift >= 0:  # all steps are this power of two
        for column in range(columns):
            code = min(max((sums[column] + crossbar.whole_offset[column]) >> crossbar.shift, low), high)
            values[column] = (code * level + HALF) >> FRACTION_BITS
        return
    for column in range(columns):
        code = np.floor((sums[column] + crossbar.offset[column]) / crossbar.step[column])
        values[column] = (np.int64(min(max(code, float(low)), float(high))) * level + HALF) >> FRACTION_BITS


@part
def _gather(crossbar, values, shift, result):
    """Add the values of an output's columns, each by what it counts for, and take off the reference column's."""
    outputs = u64(result.shape[0])
    for portion in range(u64(crossbar.significance.shape[0])):
        factor = crossbar.significance[portion] << shift
        for output in range(outputs):
            result[output] += factor * values[portion * outputs + output]
    if crossbar.reference:
        taken = (crossbar.reference * values[-1]) << shift
        for output in range(outputs):
            result[output] -= taken


@kernel
def convert_values(codes, origins, field, crossbar, noise, cells, sums, values, currents):
    """A layer fed by codes (samples, C · D · H · W) → currents (samples, 1, neurons); ``noise`` (1, …) of all."""
    for sample in range(codes.shape[0]):
        value_cells(codes[sample], crossbar.input_zero, origins, cells)
        convert(cells, field, crossbar, noise[0], sums, values, currents[sample, 0])


@kernel
def convert_spikes(words, segments, field, crossbar, noise, cells, sums, values, currents):
    """A layer fed by spikes: maps (samples, T, words) → currents (samples, T, neurons); ``noise`` (T, …) of all."""
    for sample in range(words.shape[0]):
        for t in range(words.shape[1]):
            spike_cells(words[sample, t], segments, cells)
            convert(cells, field, crossbar, noise[t], sums, values, currents[sample, t])

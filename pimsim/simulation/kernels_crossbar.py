"""Compiled loops of the bit-serial crossbar; slower than integer sums, and needed only where its converter clips."""

# ruff: noqa: ARG001 (numba dictates the parameters of intrinsics and of their generators)
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from pimsim.simulation.compiled import kernel, part

u64 = np.uint64


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
def convert(cells, field, crossbar, pulses, currents):
    """Currents (positions · C_out) as the macro converts them.

    pulses  (input bits, words) scratch: one group of rows, bit by bit
    """
    outputs, total_rows, rows = u64(field.outputs), u64(field.taps.shape[0]), u64(crossbar.rows)
    for position in range(u64(field.neurons.shape[0])):
        start = field.neurons[position]
        for output in range(outputs):
            currents[position * outputs + output] = crossbar.constants[output]
        for group in range(u64(crossbar.planes.shape[0])):
            pulses[:] = 0
            for row in range(group * rows, min((group + u64(1)) * rows, total_rows)):
                value, place = u64(cells[start + field.taps[row]]), row - group * rows
                for bit in range(pulses.shape[0]):
                    pulses[bit, place >> u64(6)] |= (value >> u64(bit) & u64(1)) << (place & u64(63))
            _convert_group(crossbar, pulses, group, currents[position * outputs : (position + u64(1)) * outputs])


@part
def _convert_group(crossbar, pulses, group, sums):
    """Add one group's converted counts, and take off the reference column's."""
    for bit in range(pulses.shape[0]):
        reference = 0
        for word in range(pulses.shape[1]):
            reference += set_bits(pulses[bit, word])
        correction = (min(reference, crossbar.full) << bit) * crossbar.weight_zero
        for output in range(sums.shape[0]):
            shifted = -correction
            for weight_bit in range(crossbar.planes.shape[2]):
                count = 0
                for word in range(pulses.shape[1]):
                    count += set_bits(pulses[bit, word] & crossbar.planes[group, output, weight_bit, word])
                shifted += min(count, crossbar.full) << (bit + weight_bit)
            sums[output] += shifted


@kernel
def convert_values(codes, origins, field, crossbar, cells, pulses, currents):
    """The first layer: codes (samples, C · D · H · W) → currents (samples, 1, neurons)."""
    for sample in range(codes.shape[0]):
        value_cells(codes[sample], crossbar.input_zero, origins, cells)
        convert(cells, field, crossbar, pulses, currents[sample, 0])


@kernel
def convert_spikes(words, segments, field, crossbar, cells, pulses, currents):
    """A layer fed by spikes: maps (samples, T, words) → currents (samples, T, neurons)."""
    for sample in range(words.shape[0]):
        for t in range(words.shape[1]):
            spike_cells(words[sample, t], segments, cells)
            convert(cells, field, crossbar, pulses, currents[sample, t])

"""Compiled loops that turn packed spike maps into lists of events.

An event is a set bit, written as the offset of the weight row that it adds.  Sorted by receptive-field
cell, the events of every output position are one contiguous range of the list per run of cells.

Both loops give the same lists; `compress_events` needs AVX-512 and has no branch per event.
"""

# ruff: noqa: ARG001 (numba dictates the parameters of intrinsics and of their generators)
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

jit = numba.njit(cache=True, nogil=True)
BYTE, HALF, WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)


@intrinsic
def lowest_bit(typing_context, bits):
    """Index of the lowest set bit of a word that is not zero."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def set_bits(typing_context, bits):
    """How many bits of a word are set."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def bits_from(typing_context, words, bit):
    """The 57 or more bits that follow any bit of a bit map; 8 bytes behind it must be readable."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(words)(context, builder, arguments[0]).data
        first = builder.bitcast(data, BYTE.as_pointer())
        byte = builder.gep(first, [builder.lshr(arguments[1], ir.Constant(WORD, 3))])
        loaded = builder.load(builder.bitcast(byte, WORD.as_pointer()), align=1)
        return builder.lshr(loaded, builder.and_(arguments[1], ir.Constant(WORD, 7)))

    return types.uint64(words, bit), generate


def _everywhere(builder, value, vector):
    """A 64-bit value, cut to 32 bits, in every lane."""
    lane = builder.trunc(value, HALF)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), lane, ir.Constant(HALF, 0))
    return builder.shuffle_vector(one, one, ir.Constant(vector, None))


@intrinsic
def store_chosen(typing_context, array, offset, first, step, bits):
    """(first + i) · step for every set bit i < 16 of ``bits``, packed, to a 32-bit ``array`` from ``offset``.

    One compress instruction of AVX-512F; all 16 elements are written.
    """
    vector, mask = ir.VectorType(HALF, 16), ir.VectorType(ir.IntType(1), 16)
    name = "llvm.x86.avx512.mask.compress.v16i32"

    def generate(context, builder, signature, arguments):
        data = context.make_array(array)(context, builder, arguments[0]).data
        kind = ir.FunctionType(vector, [vector, vector, mask])
        compress = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        numbers = ir.Constant(vector, [ir.Constant(HALF, i) for i in range(16)])
        values = builder.add(_everywhere(builder, arguments[2], vector), numbers)
        values = builder.mul(values, _everywhere(builder, arguments[3], vector))
        chosen = builder.bitcast(builder.trunc(arguments[4], ir.IntType(16)), mask)
        packed = builder.call(compress, [values, ir.Constant(vector, None), chosen])
        slot = builder.bitcast(builder.gep(data, [arguments[1]]), vector.as_pointer())
        builder.store(packed, slot, align=4)
        return context.get_dummy_value()

    return types.void(array, types.uint64, types.uint64, types.uint64, types.uint64), generate


# All index arithmetic is unsigned: a signed index costs a test for negative values at every access.
u64 = np.uint64


@jit
def list_events(words, segments, width, events, first):
    """Set bits of a batch of spike maps → events, sorted by cell.

    words   uint64 (samples, T, words): maps in the order depth, height, width, channel, and a spare word
    width   elements of a weight row
    events  (samples, T, capacity) number of the neuron in the grid of cells, times ``width``
    first   (samples, T, segments + 1) where each segment's events begin
    """
    size = u64(segments.bits.shape[0])
    for sample in range(words.shape[0]):
        for t in range(words.shape[1]):
            spikes, listed, count = words[sample, t], events[sample, t], u64(0)
            for segment in range(size):
                first[sample, t, segment] = count
                bits = bits_from(spikes, segments.bits[segment]) & segments.masks[segment]
                while bits:
                    listed[count] = (segments.neurons[segment] + lowest_bit(bits)) * u64(width)
                    count += u64(1)
                    bits &= bits - u64(1)
            first[sample, t, size] = count


@jit
def compress_events(words, segments, width, events, first):
    """`list_events` without a branch per event, for 32-bit events on processors with AVX-512."""
    size, half = u64(segments.bits.shape[0]), u64(16)
    for sample in range(words.shape[0]):
        for t in range(words.shape[1]):
            spikes, listed, count = words[sample, t], events[sample, t], u64(0)
            for segment in range(size):
                first[sample, t, segment] = count
                bits = bits_from(spikes, segments.bits[segment]) & segments.masks[segment]
                neuron, low = segments.neurons[segment], bits & u64(0xFFFF)
                store_chosen(listed, count, neuron, u64(width), low)
                store_chosen(listed, count + set_bits(low), neuron + half, u64(width), bits >> half)
                count += set_bits(bits)
            first[sample, t, size] = count

"""Compiled parts that turn spike maps into lists of events; an edit here is noticed by kernels, see `compiled`."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

import numpy as np

from pimsim.simulation.compiled import part
from pimsim.simulation.lanes import bits_from, lowest_bit, set_bits, store_chosen

u64 = np.uint64


@part
def list_events(words, segments, width, events, first):
    """Set bits of one step's spike map → events, sorted by cell.

    words   uint64, the map in the order depth, height, width, channel, and a spare word
    width   elements of a weight row
    events  (capacity,) number of the neuron in the grid of cells, times ``width``
    first   (segments + 1,) where each segment's events begin
    """
    size, count = u64(segments.bits.shape[0]), u64(0)
    for segment in range(size):
        first[segment] = count
        bits = bits_from(words, segments.bits[segment]) & segments.masks[segment]
        while bits:
            events[count] = (segments.neurons[segment] + lowest_bit(bits)) * u64(width)
            count += u64(1)
            bits &= bits - u64(1)
    first[size] = count


@part
def compress_events(words, segments, width, events, first):
    """`list_events` without a branch per event, for 32-bit events on processors with AVX-512."""
    size, half, count = u64(segments.bits.shape[0]), u64(16), u64(0)
    for segment in range(size):
        first[segment] = count
        bits = bits_from(words, segments.bits[segment]) & segments.masks[segment]
        neuron, low = segments.neurons[segment], bits & u64(0xFFFF)
        store_chosen(events, count, neuron, u64(width), low)
        store_chosen(events, count + set_bits(low), neuron + half, u64(width), bits >> half)
        count += set_bits(bits)
    first[size] = count


@part
def list_maps(maps, segments, width, compress, events, first):
    """The events of every map (T, words); ``compress`` is None where `compress_events` cannot run."""
    for t in range(u64(maps.shape[0])):
        if compress is None:
            list_events(maps[t], segments, width, events[t], first[t])
        else:
            compress_events(maps[t], segments, width, events[t], first[t])

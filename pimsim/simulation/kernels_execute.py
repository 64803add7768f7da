"""Compiled loops that execute one layer: list events, add up currents, fire.

Values are those of docs/model-format.md; integer sums are taken in whatever order is fastest.  An event is
a set bit of a spike map, written as the offset of the weight row that it adds.  Sorted by receptive-field
cell, the events of an output position are one contiguous range of the list per run of cells.

Lanes are as narrow as lowering has proved sufficient for v, v · λ (which may take twice the lane at 16
bits) and everything written back; sums may wrap on the way, since they end on a value that fits.

Rows of bytes are added a few at a time, as many as surely fit; bytes then lie in pairs, which are summed as the
16-bit words that they form (low + 256 · high) and, apart, as their high bytes.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

import numpy as np

from pimsim.simulation.compiled import inlined, kernel, part
from pimsim.simulation.event_lists import list_maps
from pimsim.simulation.lanes import (
    VECTOR_BITS,
    above,
    add,
    add_row,
    add_scaled,
    add_sum,
    bias,
    bits_from,
    both,
    choose,
    either,
    few,
    half_bit,
    halves,
    joined,
    larger,
    leaked,
    load,
    set_bits,
    smaller,
    spread,
    store,
    subtract,
    take_high,
    take_low,
    unequal,
    widened,
    word,
)

u64 = np.uint64
#: rows added per pass; the pass that reaches past a list's end adds rows of zeros instead of ending early,
#: which costs less than a mispredicted branch
PASS = 8


# All index arithmetic is unsigned: a signed index costs a test for negative values at every access.


@inlined
def _add_events(low, high, start, listed, e, stop, weights, base, blank, group):
    """low, high + the rows of events e … stop; ``group`` of them are added in their own type."""
    many = u64(len(group))
    while e + u64(PASS) <= stop:
        for _ in range(u64(PASS) // many):
            rows = start
            for i in range(e, e + many):
                rows = add_row(rows, weights, base, u64(listed[i]))
            low, high = take_low(low, rows), take_high(high, rows)
            e += many
    if e < stop:
        rest = stop - e
        for begin in range(u64(0), u64(PASS), many):
            rows = start
            for i in range(begin, begin + many):
                row = u64(listed[e + i])  # loaded in any case: a choice, not a branch
                rows = add_row(rows, weights, base, row if i < rest else blank)
            low, high = take_low(low, rows), take_high(high, rows)
    return low, high


@part
def gather(events, first, field, weights, scratch, currents):
    """Currents of every step: the sum of the weight rows of every output position's events.

    weights   (blocks, rows + 1, elements): C_out padded with zeros, and the last row zero
    currents  (T, positions · C_out, and slack for a padded row); a padded row reaches into the next position's,
              so positions ascend and the last block, the padded one, comes first
    """
    run_count = u64(field.run_segments.shape[0])
    outputs, blocks, width = u64(field.outputs), u64(weights.shape[0]), u64(weights.shape[2])
    size, span, zero = u64(weights.shape[1]) * width, u64(field.span), spread(0, currents, scratch.row)
    start, none, many = few(weights, zero), halves(0, weights, zero), u64(len(scratch.group))
    biases = u64(PASS) // many * bias(weights, zero)  # of a pass
    for inverse in range(blocks):
        block = blocks - u64(1) - inverse
        for t in range(u64(currents.shape[0])):
            listed, begins = events[t], first[t]
            for position in range(u64(field.segments.shape[0])):
                low, high, passes = none, none, u64(0)
                for run in range(run_count):
                    segment = field.segments[position] + field.run_segments[run]
                    base = block * size - field.offsets[position] - field.run_offsets[run]
                    blank = (block + u64(1)) * size - width - base
                    e, stop = u64(begins[segment]), u64(begins[segment + span])
                    passes += (stop - e + u64(PASS - 1)) // u64(PASS)
                    low, high = _add_events(low, high, start, listed, e, stop, weights, base, blank, scratch.group)
                low = subtract(low, halves(passes * biases, weights, zero))
                store(joined(low, high, zero), currents[t], position * outputs + block * width)


@part
def add_columns(partial, columns, outputs, currents):
    """Currents (T, positions · C_out, and slack) from sums over parts of the fields.

    partial  (T, parts · C_out, and slack) one sum per input column and place that it can have in a field
    columns  (positions, places) where in ``partial`` the parts of a field begin
    """
    zero, lanes = spread(0, currents, (0,)), u64(VECTOR_BITS // 8 // currents.itemsize)
    for t in range(u64(currents.shape[0])):
        for position in range(u64(columns.shape[0])):
            for begin in range(u64(0), outputs, lanes):
                total = zero
                for place in range(u64(columns.shape[1])):
                    total = add(total, load(partial[t], columns[position, place] + begin, zero))
                store(total, currents[t], position * outputs + begin)
        store(zero, currents[t], u64(columns.shape[0]) * outputs)  # the last vector reached into the slack


@part
def look_up(words, segments, field, tables, scratch, currents):
    """`gather` by sums of combinations of rows: a fixed number of look-ups per output position.

    words     (T, words) spike maps
    currents  as of `gather`
    tables    its sums (blocks, segments of a field · indices of a segment · 2^bits + 1, elements)
    """
    sums, outputs = tables.sums, u64(field.outputs)
    blocks, size, width = u64(sums.shape[0]), u64(sums.shape[1]), u64(sums.shape[2])
    bits, zero = u64(len(tables.bits)), spread(0, currents, scratch.row)
    entries, span, runs = u64(1) << bits, u64(len(tables.span)), u64(field.run_segments.shape[0])
    biases = u64(len(tables.batches)) * span * runs * bias(sums, zero)
    start, none, unbiased = few(sums, zero), halves(0, sums, zero), halves(u64(0) - biases, sums, zero)
    for inverse in range(blocks):
        block = blocks - u64(1) - inverse
        for t in range(u64(currents.shape[0])):
            spikes, current = words[t], currents[t]
            for position in range(u64(field.segments.shape[0])):
                low, high, row = unbiased, none, block * size
                for run in range(runs):
                    begin = field.segments[position] + field.run_segments[run]
                    for i in range(span):  # not from begin on: only a number that is known is unrolled
                        segment = begin + i
                        left = bits_from(spikes, segments.bits[segment]) & segments.masks[segment]
                        for _ in range(u64(len(tables.batches))):
                            rows = start
                            for _ in range(u64(len(tables.few))):
                                rows = add_sum(rows, sums, row, left & (entries - u64(1)))
                                left, row = left >> bits, row + entries
                            low, high = take_low(low, rows), take_high(high, rows)
                store(joined(low, high, zero), current, position * outputs + block * width)


@part
def fill_cells(codes, zero_point, origins, cells):
    """Input codes (C · D · H · W,) → centred grid of cells, 0 in the padding."""
    size = u64(codes.shape[0])
    for i in range(u64(cells.shape[0])):
        value = np.int32(codes[min(origins[i], size - u64(1))]) - zero_point
        cells[i] = value if origins[i] < size else 0


@part
def multiply(cells, field, weights, scratch):
    """Currents (positions · C_out, and slack) from multi-bit cells, four positions per pass over the weights."""
    currents, rows = scratch.currents[0], u64(field.taps.shape[0])
    blocks, width, outputs = u64(weights.shape[0]), u64(weights.shape[2]), u64(field.outputs)
    zero, last = spread(0, currents, scratch.row), u64(field.neurons.shape[0] - 1)
    for inverse in range(blocks):
        block = blocks - u64(1) - inverse
        for group in range((last >> u64(2)) + u64(1)):
            p = group << u64(2)
            q, r, s = min(p + u64(1), last), min(p + u64(2), last), min(p + u64(3), last)
            a, b, c, d = zero, zero, zero, zero
            for row in range(rows):
                weight, tap = load(weights, (block * (rows + u64(1)) + row) * width, zero), field.taps[row]
                a = add_scaled(a, weight, cells[field.neurons[p] + tap])
                b = add_scaled(b, weight, cells[field.neurons[q] + tap])
                c = add_scaled(c, weight, cells[field.neurons[r] + tap])
                d = add_scaled(d, weight, cells[field.neurons[s] + tap])
            store(a, currents, p * outputs + block * width)
            store(b, currents, q * outputs + block * width)
            store(c, currents, r * outputs + block * width)
            store(d, currents, s * outputs + block * width)


@part
def fire(currents, neuron, scratch, words, record, extremes):
    """All steps of a layer's neurons: v = m + a, o = v > θ, m = saturate((v · λ >> f) − θ · o).

    Of what is written back only the bits ``neuron.kept`` are stored, rounded by adding ``neuron.step_half``;
    a word that drops bits is a checked one, so that all others pay nothing for it.

    currents  (T, or 1 for all steps, neurons), and slack up to a multiple of 64, which is overwritten
    scratch   ``state`` (neurons,) holds m after the last step; ``chunk`` says how many vectors 64 neurons take
    words     (T, words) spikes, bit i of the words is neuron i
    record    (T, 2, neurons) v and m of every step, or empty
    extremes  smallest and largest value offered to the write-back, smallest and largest v, saturations
    """
    state, vectors = scratch.state, scratch.chunk
    theta, reset = spread(neuron.threshold, state, vectors), spread(neuron.reset, state, vectors)
    leak, fraction = spread(neuron.leak, state, vectors), spread(neuron.fraction, state, vectors)
    zero, half_up = spread(0, state, vectors), spread(neuron.half_up, state, vectors)
    floor, ceiling = spread(neuron.low, state, vectors), spread(neuron.high, state, vectors)
    step_half, kept = spread(neuron.step_half, state, vectors), spread(neuron.kept, state, vectors)
    low, high = spread(np.iinfo(state.dtype).max, state, vectors), spread(np.iinfo(state.dtype).min, state, vectors)
    least, most, saturated = zero, zero, u64(0)
    # integers, not masks, go from step to step: processors without mask registers take masks apart bit by bit
    after = spread(np.iinfo(state.dtype).max if neuron.once else neuron.threshold, state, vectors)
    padded, stride = u64(currents.shape[1]), u64(currents.shape[1] if currents.shape[0] > 1 else 0)
    # one test instead of three: LLVM makes a loop of its own for every outcome of a test that does not change
    special = neuron.half_up or neuron.checked or record.shape[0] > 0
    size = u64(neuron.neurons)
    for t in range(u64(currents.shape[0])):  # the slack follows the last neuron, so that extremes need no mask
        for i in range(size, (size + u64(63)) & ~u64(63)):
            currents[t, i] = currents[t, size - u64(1)]
    for begin in range(u64(0), size, u64(64)):
        valid = ~u64(0) >> (u64(64) - min(size - begin, u64(64)))
        m, bar = zero, theta
        for t in range(u64(words.shape[0])):
            v = add(m, load(currents, t * stride + begin, zero))
            o = above(v, bar)
            words[t, begin >> u64(6)] = word(o) & valid
            u, bar = subtract(leaked(v, leak, fraction), choose(o, reset, zero)), choose(o, after, bar)
            if special:
                u = add(u, both(half_bit(v, leak, fraction), half_up))
            m, low, high = u, smaller(low, u), larger(high, u)
            if special:
                u = both(add(u, step_half), kept)
                m = smaller(larger(u, floor), ceiling)
                least, most = smaller(least, v), larger(most, v)
                saturated += set_bits(word(unequal(m, u)) & valid)
                if record.shape[0]:
                    store(v, record, (u64(2) * t) * padded + begin)
                    store(m, record, (u64(2) * t + u64(1)) * padded + begin)
        store(m, state, begin)
    for i, sign, values in ((0, 1, low), (1, -1, high), (2, 1, least), (3, -1, most)):
        store(values, scratch.lanes, u64(0))
        for lane in scratch.lanes:
            extremes[i] = lane if (lane < extremes[i]) == (sign > 0) else extremes[i]
    extremes[4] += saturated


@part
def inside(currents, low, high, vectors):
    """Whether all currents (neurons, and slack of zeros) lie in low … high."""
    zero = spread(0, currents, vectors)
    floor, ceiling, outside = spread(low, currents, vectors), spread(high, currents, vectors), above(zero, zero)
    for begin in range(u64(0), u64(currents.shape[0]), u64(64)):
        values = load(currents, begin, zero)
        outside = either(outside, either(above(values, ceiling), above(floor, values)))
    return word(outside) == u64(0)


@part
def _keep(state, final):
    for neuron in range(u64(final.shape[0])):  # assigning a slice would compile string handling, for seconds
        final[neuron] = state[neuron]


@kernel
def event_layer(words_in, segments, field, weights, columns, compress, scratch, neuron, words, final, record, extremes):
    """A layer fed by spikes, for a batch: maps (samples, T, words) → ``words`` likewise.

    final     (samples, neurons) m after the last step
    columns   None, or where fields are sums of columns: their places for `add_columns`
    compress  None, or anything else where `compress_events` can run; only one of both is compiled
    """
    events, first, width = scratch.events, scratch.first, weights.shape[2]
    for sample in range(words.shape[0]):
        list_maps(words_in[sample], segments, width, compress, events, first)
        if columns is None:
            gather(events, first, field, weights, scratch, scratch.currents)
        else:
            gather(events, first, field, weights, scratch, scratch.partial)
            add_columns(scratch.partial, columns, u64(neuron.outputs), scratch.currents)
        fire(scratch.currents, neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@part
def gather_few(events, begin, stop, weights, base, chunk, scratch, sums):
    """The rows of events ``begin`` … ``stop`` in 32-bit lanes: in 16 bits at first, ``chunk`` of them at a time."""
    zero = spread(0, sums, scratch.row)
    start, none, many = few(weights, zero), halves(0, weights, zero), u64(len(scratch.group))
    biases = u64(PASS) // many * bias(weights, zero)  # of a pass
    blank = u64(weights.shape[1] * weights.shape[2]) - u64(weights.shape[2])
    total, e = widened(zero), begin
    while e < stop:
        end = min(e + chunk, stop)
        low, high = _add_events(none, none, start, events, e, end, weights, base, blank, scratch.group)
        passes = (end - e + u64(PASS - 1)) // u64(PASS)
        total = add(total, widened(joined(subtract(low, halves(passes * biases, weights, zero)), high, zero)))
        e = end
    return total


@kernel
def wide_layer(words_in, segments, weights, wide, compress, scratch, neuron, words, final, record, extremes):
    """`event_layer` with one output position: all samples take one block of weights before the next is read.

    wide  buffers of all samples: events one list behind the other, where the list of each step ends (samples · T + 1,),
          currents (samples, T, neurons and slack); a type of sums, and events whose rows surely add up in it
    """
    steps, width = u64(words_in.shape[1]), u64(weights.shape[2])
    for sample in range(u64(words_in.shape[0])):
        for t in range(steps):
            number = sample * steps + t
            begin, listed = wide.ends[number], wide.events[wide.ends[number] :]
            list_maps(words_in[sample, t : t + u64(1)], segments, weights.shape[2], compress, (listed,), scratch.first)
            wide.ends[number + u64(1)] = begin + u64(scratch.first[0, -1])
    for block in range(u64(weights.shape[0])):
        base = block * u64(weights.shape[1]) * width
        for sample in range(u64(words_in.shape[0])):
            for t in range(steps):
                begin, stop = wide.ends[sample * steps + t], wide.ends[sample * steps + t + u64(1)]
                total = gather_few(wide.events, begin, stop, weights, base, wide.chunk, scratch, wide.sums)
                store(total, wide.currents[sample, t], block * width)
    for sample in range(words.shape[0]):
        fire(wide.currents[sample], neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@kernel
def table_layer(words_in, segments, field, tables, scratch, neuron, words, final, record, extremes):
    """`event_layer` where a receptive field is small enough for tables."""
    for sample in range(words.shape[0]):
        look_up(words_in[sample], segments, field, tables, scratch, scratch.currents)
        fire(scratch.currents, neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@kernel
def value_layer(codes, zero_point, origins, field, weights, scratch, neuron, narrow, words, final, record, extremes):
    """The first layer: codes (samples, C · D · H · W), whose currents are the same at every step.

    narrow  None, or membranes in 16 bits, their neurons, and the currents with which no membrane leaves them
    """
    for sample in range(words.shape[0]):
        fill_cells(codes[sample], zero_point, origins, scratch.cells)
        multiply(scratch.cells, field, weights, scratch)
        if narrow is not None:
            vectors = narrow.membranes.chunk
            if record.shape[1] == 0 and inside(scratch.currents[0], narrow.low, narrow.high, vectors):
                fire(scratch.currents, narrow.neurons, narrow.membranes, words[sample], record[sample], extremes)
                _keep(narrow.membranes.state, final[sample])
                continue
        fire(scratch.currents, neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@kernel
def hybrid_layer(codes, words_in, values, spikes, tables, compress, scratch, neuron, words, final, record, extremes):
    """The first layer where codes are summed at step 1, and the spikes of inputs behind it.

    words_in  (samples, T, words) spike maps of the inputs
    values    zero point, origins, field and weights as of `value_layer`
    spikes    segments of the spike maps, and weights of a spike
    tables    None, or sums of those for `look_up`
    """
    (zero_point, origins, field, weights), (segments, of_spikes) = values, spikes
    events, first, later = scratch.events, scratch.first, scratch.currents[1:]
    for sample in range(words.shape[0]):
        fill_cells(codes[sample], zero_point, origins, scratch.cells)
        multiply(scratch.cells, field, weights, scratch)
        if tables is None:
            list_maps(words_in[sample, 1:], segments, weights.shape[2], compress, events, first)
            gather(events, first, field, of_spikes, scratch, later)
        else:
            look_up(words_in[sample, 1:], segments, field, tables, scratch, later)
        fire(scratch.currents, neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@kernel
def current_layer(currents, scratch, neuron, words, final, record, extremes):
    """A layer whose currents (samples, T or 1, neurons and slack) were computed elsewhere."""
    for sample in range(words.shape[0]):
        fire(currents[sample], neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])

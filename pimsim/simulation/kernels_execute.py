"""Compiled loops that execute one layer: list events, add up currents, fire.

Values are those of docs/model-format.md; integer sums are taken in whatever order is fastest.  An event is
a set bit of a spike map, written as the offset of the weight row that it adds.  Sorted by receptive-field
cell, the events of an output position are one contiguous range of the list per run of cells.

Vectors are LLVM's own: a `Lanes` value is a number of words of up to 512 bits that stay in registers, and
that LLVM splits where the processor's are shorter.  Numba's loop vectorizer reaches a third of their
speed: it keeps no sums in registers and tests for overlapping arrays in front of every short loop.

Lanes are as narrow as lowering has proved sufficient for v, v · λ (which may take twice the lane at 16
bits) and everything written back; sums may wrap on the way, since they end on a value that fits.

The file is long because it has to be one: numba's cache of a kernel does not notice edits in another file.
"""

# ruff: noqa: ARG001 (numba dictates the parameters of intrinsics and of their generators)
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

from pimsim.simulation.compiled import kernel, part

u64 = np.uint64
VECTOR_BITS = 512
#: rows added per pass; the pass that reaches past a list's end adds rows of zeros instead of ending early,
#: which costs less than a mispredicted branch
PASS = 8
INT16, INT32, INT64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)


# ---------------------------------------------------------------------------------------------- the vector type


class Lanes(types.Type):
    """``count`` vectors of ``lanes`` integers of ``bits`` bits; comparisons give 1 bit per lane."""

    def __init__(self, bits, lanes, count):
        self.bits, self.lanes, self.count = bits, lanes, count
        super().__init__(name=f"Lanes({bits}, {lanes}, {count})")

    @property
    def vector(self):
        return ir.VectorType(ir.IntType(self.bits), self.lanes)

    @property
    def mask(self):
        return Lanes(1, self.lanes, self.count)

    def every(self, number):
        """A vector with a number known at compile time in every lane."""
        return ir.Constant(self.vector, [ir.Constant(ir.IntType(self.bits), number)] * self.lanes)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.ArrayType(kind.vector, kind.count))


def _build(builder, kind, vectors):
    """The given LLVM vectors as one value of type ``kind``."""
    value = ir.Constant(ir.ArrayType(kind.vector, kind.count), ir.Undefined)
    for index, vector in enumerate(vectors):
        value = builder.insert_value(value, vector, index)
    return value


def _vectors(builder, kind, *values):
    """The vectors of several Lanes, those of one place together."""
    return [[builder.extract_value(value, i) for value in values] for i in range(kind.count)]


def _two(emit, compares=False):
    """An operation on two Lanes; ``emit(builder, x, y)`` gives one vector."""

    @intrinsic
    def operation(typing_context, x, y):
        result = x.mask if compares else x

        def generate(context, builder, signature, arguments):
            return _build(builder, result, [emit(builder, *pair) for pair in _vectors(builder, x, *arguments)])

        return result(x, y), generate

    return operation


def _three(emit):
    """An operation on three Lanes of the last one's type; ``emit(builder, kind, x, y, z)`` gives one vector."""

    @intrinsic
    def operation(typing_context, x, y, z):
        def generate(context, builder, signature, arguments):
            return _build(builder, z, [emit(builder, z, *parts) for parts in _vectors(builder, z, *arguments)])

        return z(x, y, z), generate

    return operation


def _chosen(builder, kind, mask, x, y):
    return builder.select(mask, x, y)


def _leaked(builder, kind, v, leak, fraction):
    """(v · leak) >> fraction; of 16-bit lanes both halves of the product, and from them the bits between."""
    product = builder.mul(v, leak)
    if kind.bits > 16:
        return builder.ashr(product, fraction)
    wide = Lanes(32, kind.lanes, 1)
    whole = builder.mul(builder.sext(v, wide.vector), builder.sext(leak, wide.vector))
    high = builder.trunc(builder.ashr(whole, wide.every(16)), kind.vector)
    name, shape = f"llvm.fshr.v{kind.lanes}i16", ir.FunctionType(kind.vector, [kind.vector] * 3)
    shift = builder.module.globals.get(name) or ir.Function(builder.module, shape, name)
    return builder.call(shift, [high, product, fraction])


def _half_bit(builder, kind, v, leak, fraction):
    below = builder.and_(builder.sub(fraction, kind.every(1)), kind.every(kind.bits - 1))
    return builder.and_(builder.lshr(builder.mul(v, leak), below), kind.every(1))


add = _two(lambda builder, x, y: builder.add(x, y))
subtract = _two(lambda builder, x, y: builder.sub(x, y))
smaller = _two(lambda builder, x, y: builder.select(builder.icmp_signed("<", x, y), x, y))
larger = _two(lambda builder, x, y: builder.select(builder.icmp_signed(">", x, y), x, y))
either = _two(lambda builder, x, y: builder.or_(x, y))
both = _two(lambda builder, x, y: builder.and_(x, y))
without = _two(lambda builder, x, y: builder.and_(x, builder.not_(y)))
above = _two(lambda builder, x, y: builder.icmp_signed(">", x, y), compares=True)
unequal = _two(lambda builder, x, y: builder.icmp_signed("!=", x, y), compares=True)
choose = _three(_chosen)
leaked = _three(_leaked)  # v · leak / 2^fraction, rounded down
half_bit = _three(_half_bit)  # 1 where rounding to nearest, halves up, gives one more; if there is a fraction


def _scalar(context, builder, value, kind, lanes):
    """A Numba integer, cut or sign-extended to one lane, in every lane of a vector."""
    wide = context.cast(builder, value, kind, types.int64)
    narrow = builder.trunc(wide, ir.IntType(lanes.bits)) if lanes.bits < 64 else wide
    one = builder.insert_element(ir.Constant(lanes.vector, ir.Undefined), narrow, ir.Constant(INT32, 0))
    return builder.shuffle_vector(one, one, Lanes(32, lanes.lanes, 1).every(0))


@intrinsic
def spread(typing_context, value, array, vectors):
    """``value`` in every lane; lanes as wide as ``array``'s elements, as many vectors as a tuple has elements."""
    kind = Lanes(array.dtype.bitwidth, VECTOR_BITS // array.dtype.bitwidth, vectors.count)

    def generate(context, builder, signature, arguments):
        return _build(builder, kind, [_scalar(context, builder, arguments[0], value, kind)] * kind.count)

    return kind(value, array, vectors), generate


@intrinsic
def zeros(typing_context, array, like):
    """Zeros of an array's type in as many lanes as ``like`` has, in 512-bit words if that comes out even."""
    fold = like.bits // array.dtype.bitwidth
    fold = fold if like.count % fold == 0 else 1
    kind = Lanes(array.dtype.bitwidth, like.lanes * fold, like.count // fold)

    def generate(context, builder, signature, arguments):
        return _build(builder, kind, [kind.every(0)] * kind.count)

    return kind(array, like), generate


@intrinsic
def widen(typing_context, x, like):
    """x sign-extended to the lanes of ``like``, of which each vector of x fills one or several."""

    def pieces(builder, vector):
        extended = builder.sext(vector, ir.VectorType(ir.IntType(like.bits), x.lanes)) if x != like else vector
        for start in range(0, x.lanes, like.lanes):
            lanes = [ir.Constant(INT32, start + lane) for lane in range(like.lanes)]
            mask = ir.Constant(ir.VectorType(INT32, like.lanes), lanes)
            yield builder.shuffle_vector(extended, extended, mask)

    def generate(context, builder, signature, arguments):
        vectors = [piece for (vector,) in _vectors(builder, x, *arguments[:1]) for piece in pieces(builder, vector)]
        return _build(builder, like, vectors)

    return like(x, like), generate


def _slots(context, builder, array_kind, array, kind, *offsets):
    """Addresses of the vectors of ``kind`` that follow one another from an element of a contiguous array."""
    address = context.make_array(array_kind)(context, builder, array).data
    for offset in offsets:
        address = builder.gep(address, [offset])
    first = builder.bitcast(address, kind.vector.as_pointer())
    return [builder.gep(first, [ir.Constant(INT64, i)]) for i in range(kind.count)]


@intrinsic
def load(typing_context, array, offset, like):
    """Elements of a contiguous array from a flat, unsigned offset, sign-extended to the lanes of ``like``."""
    stored = Lanes(array.dtype.bitwidth, like.lanes, like.count)

    def generate(context, builder, signature, arguments):
        slots = _slots(context, builder, array, arguments[0], stored, arguments[1])
        rows = [builder.load(slot, align=stored.bits // 8) for slot in slots]
        return _build(builder, like, [builder.sext(row, like.vector) for row in rows] if stored != like else rows)

    return like(array, offset, like), generate


@intrinsic
def store(typing_context, x, array, offset):
    """All lanes to consecutive elements of a contiguous array."""

    def generate(context, builder, signature, arguments):
        slots = _slots(context, builder, array, arguments[1], x, arguments[2])
        for slot, (vector,) in zip(slots, _vectors(builder, x, arguments[0]), strict=True):
            builder.store(vector, slot, align=x.bits // 8)
        return context.get_dummy_value()

    return types.void(x, array, offset), generate


@intrinsic
def add_row(typing_context, x, array, base, offset):
    """x + the row at ``offset`` behind ``base``, both flat; apart, so that their sum costs no instruction."""

    def generate(context, builder, signature, arguments):
        slots = _slots(context, builder, array, arguments[1], x, *arguments[2:])
        rows = [builder.load(slot, align=x.bits // 8) for slot in slots]
        pairs = zip(rows, _vectors(builder, x, arguments[0]), strict=True)
        return _build(builder, x, [builder.add(total, row) for row, (total,) in pairs])

    return x(x, array, base, offset), generate


@intrinsic
def add_sum(typing_context, x, sums, row, index):
    """x + row number ``row + index`` of rows as long as x; a row known but for its index costs no instruction."""

    def generate(context, builder, signature, arguments):
        elements = ir.Constant(INT64, x.lanes * x.count)
        offsets = [builder.mul(number, elements) for number in arguments[2:]]
        slots = _slots(context, builder, sums, arguments[1], x, *offsets)
        rows = [builder.load(slot, align=x.bits // 8) for slot in slots]
        pairs = zip(rows, _vectors(builder, x, arguments[0]), strict=True)
        return _build(builder, x, [builder.add(total, row) for row, (total,) in pairs])

    return x(x, sums, types.uint64, types.uint64), generate


@intrinsic
def add_scaled(typing_context, x, row, value):
    """x + row · value, value an integer."""

    def generate(context, builder, signature, arguments):
        factor = _scalar(context, builder, arguments[2], value, x)
        pairs = _vectors(builder, x, *arguments[:2])
        return _build(builder, x, [builder.add(total, builder.mul(few, factor)) for total, few in pairs])

    return x(x, row, value), generate


@intrinsic
def word(typing_context, mask):
    """The bits of a mask of 64 lanes as an unsigned word, first lane lowest."""

    def generate(context, builder, signature, arguments):
        bits = ir.Constant(INT64, 0)
        for i, (vector,) in enumerate(_vectors(builder, mask, *arguments)):
            wide = builder.zext(builder.bitcast(vector, ir.IntType(mask.lanes)), INT64)
            bits = builder.or_(bits, builder.shl(wide, ir.Constant(INT64, i * mask.lanes)))
        return bits

    return types.uint64(mask), generate


@intrinsic
def lanes_in(typing_context, bits, like):
    """The mask whose lanes are the bits of a word; as many lanes as ``like`` has."""
    kind = like.mask

    def generate(context, builder, signature, arguments):
        parts = [builder.lshr(arguments[0], ir.Constant(INT64, i * kind.lanes)) for i in range(kind.count)]
        narrow = [builder.trunc(bits, ir.IntType(kind.lanes)) for bits in parts]
        return _build(builder, kind, [builder.bitcast(bits, kind.vector) for bits in narrow])

    return kind(types.uint64, like), generate


# ------------------------------------------------------------------------------------------------------- bits


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
        first = builder.bitcast(data, ir.IntType(8).as_pointer())
        byte = builder.gep(first, [builder.lshr(arguments[1], ir.Constant(INT64, 3))])
        loaded = builder.load(builder.bitcast(byte, INT64.as_pointer()), align=1)
        return builder.lshr(loaded, builder.and_(arguments[1], ir.Constant(INT64, 7)))

    return types.uint64(words, bit), generate


@intrinsic
def store_chosen(typing_context, array, offset, first, step, bits):
    """(first + i) · step for every set bit i < 16 of ``bits``, packed, to a 32-bit ``array`` from ``offset``.

    One compress instruction of AVX-512F; all 16 elements are written.
    """
    kind, name = Lanes(32, 16, 1), "llvm.x86.avx512.mask.compress.v16i32"

    def generate(context, builder, signature, arguments):
        shape = ir.FunctionType(kind.vector, [kind.vector, kind.vector, kind.mask.vector])
        compress = builder.module.globals.get(name) or ir.Function(builder.module, shape, name)
        number = _scalar(context, builder, arguments[2], types.uint64, kind)
        numbers = builder.add(number, ir.Constant(kind.vector, [ir.Constant(INT32, i) for i in range(16)]))
        values = builder.mul(numbers, _scalar(context, builder, arguments[3], types.uint64, kind))
        chosen = builder.bitcast(builder.trunc(arguments[4], INT16), kind.mask.vector)
        packed = builder.call(compress, [values, kind.every(0), chosen])
        builder.store(packed, _slots(context, builder, array, arguments[0], kind, arguments[1])[0], align=4)
        return context.get_dummy_value()

    return types.void(array, types.uint64, types.uint64, types.uint64, types.uint64), generate


# ---------------------------------------------------------------------------------------------------- kernels
# All index arithmetic is unsigned: a signed index costs a test for negative values at every access.


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
def _add_events(total, listed, e, stop, weights, base, blank, group):
    """total + the rows of events e … stop; ``group`` of them are added before they are widened."""
    none, many = zeros(weights, total), u64(len(group))
    while e + u64(PASS) <= stop:
        for _ in range(u64(PASS) // many):
            few = none
            for i in range(e, e + many):
                few = add_row(few, weights, base, u64(listed[i]))
            total = add(total, widen(few, total))
            e += many
    if e < stop:
        rest = stop - e
        for begin in range(u64(0), u64(PASS), many):
            few = none
            for i in range(begin, begin + many):
                row = u64(listed[e + i])  # loaded in any case: a choice, not a branch
                few = add_row(few, weights, base, row if i < rest else blank)
            total = add(total, widen(few, total))
    return total


@part
def gather(events, first, field, weights, scratch):
    """Currents of every step: the sum of the weight rows of every output position's events.

    weights  (blocks, rows + 1, elements): C_out padded with zeros, and the last row zero
    scratch  ``currents`` (T, positions · C_out, and slack for a padded row) is the result; a padded row
             reaches into the next position's, so positions ascend and the last block, the padded one, comes first
    """
    currents, run_count = scratch.currents, u64(field.run_segments.shape[0])
    outputs, blocks, width = u64(field.outputs), u64(weights.shape[0]), u64(weights.shape[2])
    size, span, zero = u64(weights.shape[1]) * width, u64(field.span), spread(0, currents, scratch.row)
    for inverse in range(blocks):
        block = blocks - u64(1) - inverse
        for t in range(u64(currents.shape[0])):
            listed, begins = events[t], first[t]
            for position in range(u64(field.segments.shape[0])):
                total = zero
                for run in range(run_count):
                    segment = field.segments[position] + field.run_segments[run]
                    base = block * size - field.offsets[position] - field.run_offsets[run]
                    blank = (block + u64(1)) * size - width - base
                    e, stop = u64(begins[segment]), u64(begins[segment + span])
                    total = _add_events(total, listed, e, stop, weights, base, blank, scratch.group)
                store(total, currents[t], position * outputs + block * width)


@part
def look_up(words, segments, field, tables, scratch):
    """`gather` by sums of combinations of rows: a fixed number of look-ups per output position.

    words   (T, words) spike maps
    tables  its sums (blocks, segments of a field · indices of a segment · 2^bits + 1, elements)
    """
    currents, sums, outputs = scratch.currents, tables.sums, u64(field.outputs)
    blocks, size, width = u64(sums.shape[0]), u64(sums.shape[1]), u64(sums.shape[2])
    bits, zero = u64(len(tables.bits)), spread(0, currents, scratch.row)
    entries, span, none = u64(1) << bits, u64(field.span), zeros(sums, zero)
    for inverse in range(blocks):
        block = blocks - u64(1) - inverse
        for t in range(u64(currents.shape[0])):
            spikes, current = words[t], currents[t]
            for position in range(u64(field.segments.shape[0])):
                total, row = zero, block * size
                for run in range(u64(field.run_segments.shape[0])):
                    begin = field.segments[position] + field.run_segments[run]
                    for segment in range(begin, begin + span):
                        left = bits_from(spikes, segments.bits[segment]) & segments.masks[segment]
                        for _ in range(u64(len(tables.batches))):
                            few = none
                            for _ in range(u64(len(tables.few))):
                                few = add_sum(few, sums, row, left & (entries - u64(1)))
                                left, row = left >> bits, row + entries
                            total = add(total, widen(few, total))
                store(total, current, position * outputs + block * width)


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

    currents  (T, or 1 for all steps, neurons), padded with zeros to a multiple of 64 neurons
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
    least, most, saturated, spent = zero, zero, u64(0), above(zero, zero)
    never, once = spent, above(spread(neuron.once, state, vectors), zero)
    padded, stride = u64(currents.shape[1]), u64(currents.shape[1] if currents.shape[0] > 1 else 0)
    # one test instead of four: LLVM makes a loop of its own for every outcome of a test that does not change
    special = neuron.once or neuron.half_up or neuron.checked or record.shape[0] > 0
    for begin in range(u64(0), u64(neuron.neurons), u64(64)):
        valid = lanes_in(~u64(0) >> (u64(64) - min(u64(neuron.neurons) - begin, u64(64))), zero)
        m, spent = zero, never
        for t in range(u64(words.shape[0])):
            v = add(m, load(currents, t * stride + begin, zero))
            o, u = above(v, theta), leaked(v, leak, fraction)
            if special:
                o = without(o, spent)
                spent = either(spent, both(o, once))
                u = add(u, both(half_bit(v, leak, fraction), half_up))
            m = u = subtract(u, choose(o, reset, zero))
            low, high = choose(valid, smaller(low, u), low), choose(valid, larger(high, u), high)
            words[t, begin >> u64(6)] = word(o)
            if special:
                u = both(add(u, step_half), kept)
                m = smaller(larger(u, floor), ceiling)
                least, most = smaller(least, v), larger(most, v)
                saturated += set_bits(word(unequal(m, u)))
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
def _keep(state, final):
    for neuron in range(u64(final.shape[0])):  # assigning a slice would compile string handling, for seconds
        final[neuron] = state[neuron]


@kernel
def event_layer(words_in, segments, field, weights, compress, scratch, neuron, words, final, record, extremes):
    """A layer fed by spikes, for a batch: maps (samples, T, words) → ``words`` likewise.

    final     (samples, neurons) m after the last step
    compress  None, or anything else where `compress_events` can run; only one of both is compiled
    """
    events, first, width = scratch.events, scratch.first, weights.shape[2]
    for sample in range(words.shape[0]):
        for t in range(words.shape[1]):
            if compress is None:
                list_events(words_in[sample, t], segments, width, events[t], first[t])
            else:
                compress_events(words_in[sample, t], segments, width, events[t], first[t])
        gather(events, first, field, weights, scratch)
        fire(scratch.currents, neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@kernel
def table_layer(words_in, segments, field, tables, scratch, neuron, words, final, record, extremes):
    """`event_layer` where a receptive field is small enough for tables."""
    for sample in range(words.shape[0]):
        look_up(words_in[sample], segments, field, tables, scratch)
        fire(scratch.currents, neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@kernel
def value_layer(codes, zero_point, origins, field, weights, scratch, neuron, words, final, record, extremes):
    """The first layer: codes (samples, C · D · H · W), whose currents are the same at every step."""
    for sample in range(words.shape[0]):
        fill_cells(codes[sample], zero_point, origins, scratch.cells)
        multiply(scratch.cells, field, weights, scratch)
        fire(scratch.currents, neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])


@kernel
def current_layer(currents, scratch, neuron, words, final, record, extremes):
    """A layer whose currents (samples, T or 1, neurons and slack) were computed elsewhere."""
    for sample in range(words.shape[0]):
        fire(currents[sample], neuron, scratch.membranes, words[sample], record[sample], extremes)
        _keep(scratch.membranes.state, final[sample])

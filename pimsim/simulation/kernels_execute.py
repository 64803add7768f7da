"""Compiled loops that execute one layer: add up currents, fire.

Values are those of docs/model-format.md; integer sums are taken in whatever order is fastest.

Vectors are LLVM's own: a `Lanes` value is a fixed number of 512-bit words kept in registers, which LLVM
splits where the processor's are shorter.  Numba's loop vectorizer reaches a third of their speed: it keeps
no sums in registers and tests for overlapping arrays in front of every short loop.

Widths: lanes are 16, 32 or 64 bits wide.  Lowering has proved that v, v · λ (which may take twice the
lane at 16 bits) and everything written back fit, so that wrapping sums end on the right value.
"""

# ruff: noqa: ARG001 (numba dictates the parameters of intrinsics and of their generators)
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-arg,unreachable,var-annotated"
# (an intrinsic is called without the typing context that its definition takes, and returns what it generates)

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

jit = numba.njit(cache=True, nogil=True)
WORD_BITS = 512


class Lanes(types.Type):
    """``count`` vectors of ``lanes`` integers of ``bits`` bits; comparison results have 1 bit per lane."""

    def __init__(self, bits, lanes, count):
        self.bits, self.lanes, self.count = bits, lanes, count
        super().__init__(name=f"Lanes({bits}, {lanes}, {count})")

    @property
    def vector(self):
        return ir.VectorType(ir.IntType(self.bits), self.lanes)

    @property
    def mask(self):
        return Lanes(1, self.lanes, self.count)


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


def _lanewise(emit, compares=False):
    """An operation on two Lanes, vector by vector; ``emit(builder, x, y)`` gives one vector."""

    @intrinsic
    def operation(typing_context, x, y):
        result = x.mask if compares else x

        def generate(context, builder, signature, arguments):
            pairs = [[builder.extract_value(value, i) for value in arguments] for i in range(x.count)]
            return _build(builder, result, [emit(builder, *pair) for pair in pairs])

        return result(x, y), generate

    return operation


add = _lanewise(lambda builder, x, y: builder.add(x, y))
subtract = _lanewise(lambda builder, x, y: builder.sub(x, y))
smaller = _lanewise(lambda builder, x, y: builder.select(builder.icmp_signed("<", x, y), x, y))
larger = _lanewise(lambda builder, x, y: builder.select(builder.icmp_signed(">", x, y), x, y))
either = _lanewise(lambda builder, x, y: builder.or_(x, y))
both = _lanewise(lambda builder, x, y: builder.and_(x, y))
without = _lanewise(lambda builder, x, y: builder.and_(x, builder.not_(y)))
above = _lanewise(lambda builder, x, y: builder.icmp_signed(">", x, y), compares=True)
unequal = _lanewise(lambda builder, x, y: builder.icmp_signed("!=", x, y), compares=True)


def _scalar(context, builder, value, kind, lanes):
    """A Numba integer cut or sign-extended to one lane, in every lane of a vector."""
    wide = context.cast(builder, value, kind, types.int64)
    lane = ir.IntType(lanes.bits)
    narrow = builder.trunc(wide, lane) if lanes.bits < 64 else wide
    one = builder.insert_element(ir.Constant(lanes.vector, ir.Undefined), narrow, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), lanes.lanes), None))


@intrinsic
def spread(typing_context, value, array, vectors):
    """``value`` in every lane; lane width from ``array``'s type, vectors from the length of a tuple."""
    kind = Lanes(array.dtype.bitwidth, WORD_BITS // array.dtype.bitwidth, vectors.count)

    def generate(context, builder, signature, arguments):
        return _build(builder, kind, [_scalar(context, builder, arguments[0], value, kind)] * kind.count)

    return kind(value, array, vectors), generate


@intrinsic
def choose(typing_context, mask, x, y):
    """x where the mask is set, else y."""

    def generate(context, builder, signature, arguments):
        parts = [[builder.extract_value(value, i) for value in arguments] for i in range(x.count)]
        return _build(builder, x, [builder.select(*part) for part in parts])

    return x(mask, x, y), generate


def _pointer(context, builder, array_kind, array, offset):
    """Address of element ``offset`` of a contiguous array."""
    return builder.gep(context.make_array(array_kind)(context, builder, array).data, [offset])


def _slots(builder, pointer, kind):
    """Addresses of the vectors of ``kind`` that follow one another from ``pointer``."""
    first = builder.bitcast(pointer, kind.vector.as_pointer())
    return [builder.gep(first, [ir.Constant(ir.IntType(64), i)]) for i in range(kind.count)]


def _row(builder, pointer, kind):
    """Vectors of ``kind`` from consecutive elements; only the elements' own alignment is assumed."""
    return [builder.load(slot, align=kind.bits // 8) for slot in _slots(builder, pointer, kind)]


@intrinsic
def load(typing_context, array, offset, like):
    """Elements of a contiguous array from a flat, unsigned offset, sign-extended to the lanes of ``like``."""
    stored = Lanes(array.dtype.bitwidth, like.lanes, like.count)

    def generate(context, builder, signature, arguments):
        rows = _row(builder, _pointer(context, builder, array, *arguments[:2]), stored)
        rows = [builder.sext(row, like.vector) for row in rows] if stored.bits < like.bits else rows
        return _build(builder, like, rows)

    return like(array, offset, like), generate


@intrinsic
def store(typing_context, x, array, offset):
    """All lanes to consecutive elements of a contiguous array."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, array, *arguments[1:])
        for i, slot in enumerate(_slots(builder, pointer, x)):
            builder.store(builder.extract_value(arguments[0], i), slot, align=x.bits // 8)
        return context.get_dummy_value()

    return types.void(x, array, offset), generate


@intrinsic
def add_row(typing_context, x, array, base, offset):
    """x + the row at ``offset`` behind ``base``, both flat; ``base`` apart so that it leaves the loop."""

    def generate(context, builder, signature, arguments):
        pointer = context.make_array(array)(context, builder, arguments[1]).data
        rows = _row(builder, builder.gep(builder.gep(pointer, [arguments[2]]), [arguments[3]]), x)
        sums = [builder.add(builder.extract_value(arguments[0], i), row) for i, row in enumerate(rows)]
        return _build(builder, x, sums)

    return x(x, array, base, offset), generate


@intrinsic
def add_scaled(typing_context, x, row, value):
    """x + row · value."""

    def generate(context, builder, signature, arguments):
        factor = _scalar(context, builder, arguments[2], value, x)
        pairs = [[builder.extract_value(argument, i) for argument in arguments[:2]] for i in range(x.count)]
        return _build(builder, x, [builder.add(total, builder.mul(part, factor)) for total, part in pairs])

    return x(x, row, value), generate


def _shifted_product(builder, kind, v, leak, fraction):
    """(v · leak) >> fraction in 16-bit lanes: both halves of the product, then the bits between."""
    wide = ir.VectorType(ir.IntType(32), kind.lanes)
    product = builder.mul(builder.sext(v, wide), builder.sext(leak, wide))
    sixteen = ir.Constant(wide, [ir.Constant(ir.IntType(32), 16)] * kind.lanes)
    high = builder.trunc(builder.ashr(product, sixteen), kind.vector)
    low = builder.mul(v, leak)
    funnel = ir.FunctionType(kind.vector, [kind.vector] * 3)
    shift = builder.module.globals.get("llvm.fshr.v32i16") or ir.Function(builder.module, funnel, "llvm.fshr.v32i16")
    return builder.call(shift, [high, low, fraction]), low


def _constant(kind, value):
    return ir.Constant(kind.vector, [ir.Constant(ir.IntType(kind.bits), value)] * kind.lanes)


@intrinsic
def leaked(typing_context, v, leak, fraction, half_up):
    """v · leak / 2^fraction, rounded down, or to nearest with halves up where ``half_up`` is 1 (else 0)."""

    def narrow(builder, v, leak, fraction, half_up):
        down, low = _shifted_product(builder, kind, v, leak, fraction)
        below = builder.and_(builder.sub(fraction, _constant(kind, 1)), _constant(kind, 15))
        return builder.add(down, builder.and_(builder.lshr(low, below), half_up))

    def wide(builder, v, leak, fraction, half_up):
        half = builder.lshr(builder.shl(half_up, fraction), _constant(kind, 1))
        return builder.ashr(builder.add(builder.mul(v, leak), half), fraction)

    def generate(context, builder, signature, arguments):
        parts = [[builder.extract_value(value, i) for value in arguments] for i in range(kind.count)]
        return _build(builder, kind, [(narrow if kind.bits == 16 else wide)(builder, *part) for part in parts])

    kind = v
    return v(v, leak, fraction, half_up), generate


@intrinsic
def word(typing_context, mask):
    """The bits of a mask of at most 64 lanes as an unsigned word, first lane lowest."""

    def generate(context, builder, signature, arguments):
        bits = ir.Constant(ir.IntType(64), 0)
        for i in range(mask.count):
            part = builder.bitcast(builder.extract_value(arguments[0], i), ir.IntType(mask.lanes))
            part = builder.zext(part, ir.IntType(64))
            bits = builder.or_(bits, builder.shl(part, ir.Constant(ir.IntType(64), i * mask.lanes)))
        return bits

    return types.uint64(mask), generate


@intrinsic
def lanes_in(typing_context, bits, like):
    """The mask whose lanes are the bits of a word; as many lanes as ``like`` has."""
    kind = like.mask

    def generate(context, builder, signature, arguments):
        parts = [builder.lshr(arguments[0], ir.Constant(ir.IntType(64), i * kind.lanes)) for i in range(kind.count)]
        narrow = [builder.trunc(part, ir.IntType(kind.lanes)) for part in parts]
        return _build(builder, kind, [builder.bitcast(part, kind.vector) for part in narrow])

    return kind(types.uint64, like), generate


@intrinsic
def set_bits(typing_context, bits):
    """How many bits of a word are set."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


# ------------------------------------------------------------------------------------------------ kernels
# All index arithmetic is unsigned: a signed index costs a test for negative values at every access.

u64 = np.uint64
#: rows added per pass; the pass that reaches past a list's end adds a row of zeros instead of ending early,
#: which costs less than a mispredicted branch
GROUP = 8


@jit
def gather(events, first, field, weights, vectors, currents):
    """Currents of every step: the sum of the weight rows of every output position's events.

    weights   (blocks, rows + 1, lanes of ``vectors``), C_out padded with zeros, and the last row zero
    currents  (T, positions · C_out, and slack for a padded row); a padded row reaches into the next
              position's, so positions ascend and the last block, the padded one, comes first
    """
    kind = events.dtype.type
    outputs, blocks, width = u64(field.outputs), u64(weights.shape[0]), u64(weights.shape[2])
    channels, length, per_cell = u64(field.channels), u64(field.length), u64(field.per_cell)
    block_size = u64(weights.shape[1]) * width
    blank, zero = kind(block_size - width), spread(0, weights, vectors)
    for inverse in range(blocks):
        block = blocks - u64(1) - inverse
        for t in range(u64(currents.shape[0])):
            for position in range(u64(field.starts.shape[0])):
                total = zero
                for run in range(u64(field.runs.shape[0])):
                    cell = field.starts[position] + field.runs[run]
                    shift = kind((cell - run * length) * channels * width)
                    e = u64(first[t, cell * per_cell])
                    stop = u64(first[t, (cell + length) * per_cell])
                    while e < stop:
                        for i in range(e, e + u64(GROUP)):
                            row = kind(events[t, i] - shift)  # loaded in any case: a choice, not a branch
                            row = row if i < stop else blank
                            total = add_row(total, weights, block * block_size, u64(row))
                        e += u64(GROUP)
                store(total, currents[t], position * outputs + block * width)


@jit
def fill_cells(codes, zero_point, origins, cells):
    """Input codes (C · D · H · W,) → centred grid of cells, 0 in the padding."""
    size = u64(codes.shape[0])
    for i in range(u64(cells.shape[0])):
        value = np.int32(codes[min(origins[i], size - u64(1))]) - zero_point
        cells[i] = value if origins[i] < size else 0


@jit
def multiply(cells, field, weights, vectors, currents):
    """Currents (positions · C_out, and slack) from multi-bit cells, four positions per pass over the weights."""
    blocks, width, outputs = u64(weights.shape[0]), u64(weights.shape[2]), u64(field.outputs)
    zero, last = spread(0, weights, vectors), u64(field.starts.shape[0] - 1)
    for inverse in range(blocks):
        block = blocks - u64(1) - inverse
        for group in range((last >> u64(2)) + u64(1)):
            p = group << u64(2)
            q, r, s = min(p + u64(1), last), min(p + u64(2), last), min(p + u64(3), last)
            a, b, c, d = zero, zero, zero, zero
            for row in range(u64(field.taps.shape[0])):
                weight = load(weights, (block * u64(weights.shape[1]) + row) * width, zero)
                tap = field.taps[row]
                a = add_scaled(a, weight, cells[field.starts[p] * u64(field.channels) + tap])
                b = add_scaled(b, weight, cells[field.starts[q] * u64(field.channels) + tap])
                c = add_scaled(c, weight, cells[field.starts[r] * u64(field.channels) + tap])
                d = add_scaled(d, weight, cells[field.starts[s] * u64(field.channels) + tap])
            store(a, currents, p * outputs + block * width)
            store(b, currents, q * outputs + block * width)
            store(c, currents, r * outputs + block * width)
            store(d, currents, s * outputs + block * width)


@jit
def fire(currents, neuron, scratch, words, record, extremes):
    """All steps of a layer's neurons: v = m + a, o = v > θ, m = saturate((v · λ >> f) − θ · o).

    currents  (T, or 1 for all steps, neurons), padded with zeros to a multiple of 64 neurons
    scratch   its ``state`` (neurons,) holds m after the last step
    words     (T, words) spikes, bit i of the words is neuron i
    record    (T, 2, neurons) v and m of every step, or empty
    extremes  smallest and largest value offered to the write-back, smallest and largest v, saturations
    """
    state, vectors = scratch.state, scratch.chunk
    theta, reset = spread(neuron.threshold, state, vectors), spread(neuron.reset, state, vectors)
    leak, fraction = spread(neuron.leak, state, vectors), spread(neuron.fraction, state, vectors)
    half_up, zero = spread(neuron.half_up, state, vectors), spread(0, state, vectors)
    floor, ceiling = spread(neuron.low, state, vectors), spread(neuron.high, state, vectors)
    low, high = spread(np.iinfo(state.dtype).max, state, vectors), spread(np.iinfo(state.dtype).min, state, vectors)
    least, most, saturated = zero, zero, u64(0)
    never, once = above(zero, zero), above(spread(neuron.once, state, vectors), zero)
    padded, stride = u64(currents.shape[1]), u64(currents.shape[1] if currents.shape[0] > 1 else 0)
    for begin in range(u64(0), u64(neuron.neurons), u64(64)):
        valid = lanes_in(~u64(0) >> (u64(64) - min(u64(neuron.neurons) - begin, u64(64))), zero)
        m, spent = zero, never
        for t in range(u64(words.shape[0])):
            v = add(m, load(currents, t * stride + begin, zero))
            o = without(above(v, theta), spent)
            spent = either(spent, both(o, once))
            u = subtract(leaked(v, leak, fraction, half_up), choose(o, reset, zero))
            low, high = choose(valid, smaller(low, u), low), choose(valid, larger(high, u), high)
            m = smaller(larger(u, floor), ceiling)
            words[t, begin >> u64(6)] = word(o)
            if neuron.checked:
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


@jit
def event_layer(events, first, field, weights, neuron, scratch, words, final, record, extremes):
    """A layer fed by spikes, for a batch: words (samples, T, words) and final (samples, neurons) are results."""
    for sample in range(words.shape[0]):
        gather(events[sample], first[sample], field, weights, scratch.row, scratch.currents)
        fire(scratch.currents, neuron, scratch, words[sample], record[sample], extremes)
        final[sample] = scratch.state[: final.shape[1]]


@jit
def value_layer(codes, zero_point, origins, field, weights, neuron, scratch, words, final, record, extremes):
    """The first layer: codes (samples, C · D · H · W), whose currents are the same at every step."""
    for sample in range(words.shape[0]):
        fill_cells(codes[sample], zero_point, origins, scratch.cells)
        multiply(scratch.cells, field, weights, scratch.row, scratch.currents[0])
        fire(scratch.currents, neuron, scratch, words[sample], record[sample], extremes)
        final[sample] = scratch.state[: final.shape[1]]


@jit
def current_layer(currents, neuron, scratch, words, final, record, extremes):
    """A layer whose currents (samples, T or 1, neurons and slack) were computed elsewhere."""
    for sample in range(words.shape[0]):
        fire(currents[sample], neuron, scratch, words[sample], record[sample], extremes)
        final[sample] = scratch.state[: final.shape[1]]

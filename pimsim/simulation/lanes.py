"""LLVM's own vectors, and bits of words, for compiled kernels.

A `Lanes` value is a number of words of up to 512 bits that stay in registers, and that LLVM splits where the
processor's are shorter.  Numba's loop vectorizer reaches a third of their speed: it keeps no sums in registers and
tests for overlapping arrays in front of every short loop.
"""

# ruff: noqa: ARG001 (numba dictates the parameters of intrinsics and of their generators)
# mypy: allow-untyped-defs, allow-untyped-calls

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

VECTOR_BITS = 512
INT16, INT32, INT64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)


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
    """v · λ rounded down: (v · leak) >> fraction; of 16-bit lanes λ · 2^16 = leak + 2^16 where ``fraction`` is ones.

    (v · leak) >> 16 is then one instruction on every processor, and v adds what the word cuts off of the factor.
    """
    if kind.bits > 16:
        return builder.ashr(builder.mul(v, leak), fraction)
    wide = Lanes(32, kind.lanes, 1)
    whole = builder.mul(builder.sext(v, wide.vector), builder.sext(leak, wide.vector))
    high = builder.trunc(builder.ashr(whole, wide.every(16)), kind.vector)
    return builder.add(high, builder.and_(v, fraction))


def _half_bit(builder, kind, v, leak, fraction):
    if kind.bits == 16:
        return builder.lshr(builder.mul(v, leak), kind.every(15))
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
leaked = _three(_leaked)
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


def _stored(array, like):
    """Lanes of an array's type that make ``like`` lanes: bytes lie in pairs, one of each half of a vector's lanes."""
    if array.dtype.bitwidth == like.bits:
        return like
    fold = 2 - like.count % 2
    return Lanes(8, like.lanes * fold, like.count // fold)


@intrinsic
def bias(typing_context, array, like):
    """What `few` adds to the sum of each low byte, so that it is not negative."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(INT64, 0 if _stored(array, like) == like else 128)

    return types.uint64(array, like), generate


@intrinsic
def few(typing_context, array, like):
    """The start of a sum of rows of an array in its own type: no rows, and a bias under bytes."""
    kind = _stored(array, like)
    bytes_of_pair = [0, 0] if kind == like else [-128, 0]
    start = ir.Constant(kind.vector, [ir.Constant(ir.IntType(kind.bits), n) for n in bytes_of_pair * (kind.lanes // 2)])

    def generate(context, builder, signature, arguments):
        return _build(builder, kind, [start] * kind.count)

    return kind(array, like), generate


@intrinsic
def halves(typing_context, value, array, like):
    """``value`` in the lanes that `take_low` and `take_high` sum in."""
    stored = _stored(array, like)
    kind = like if stored == like else Lanes(like.bits, stored.lanes // 2, stored.count)

    def generate(context, builder, signature, arguments):
        return _build(builder, kind, [_scalar(context, builder, arguments[0], value, kind)] * kind.count)

    return kind(value, array, like), generate


def _take(high):
    """total + the low or high bytes of ``rows``; rows in the lanes of the total count as low ones."""

    def taken(builder, kind, total, row, pairs):
        if not pairs:
            return total if high else builder.add(total, row)
        pair = builder.bitcast(row, kind.vector)
        return builder.add(total, builder.ashr(pair, kind.every(8)) if high else pair)

    @intrinsic
    def operation(typing_context, total, rows):
        def generate(context, builder, signature, arguments):
            vectors = _vectors(builder, total, *arguments)
            return _build(builder, total, [taken(builder, total, x, row, rows != total) for x, row in vectors])

        return total(total, rows), generate

    return operation


take_low, take_high = _take(high=False), _take(high=True)  # low sums also get 256 · the high byte


@intrinsic
def joined(typing_context, low, high, like):
    """Sums in the lanes of ``like`` from those of pairs: low ones hold 256 · high ones too, which are taken off."""

    def pieces(builder, x, y):
        x = builder.sub(x, builder.shl(y, high.every(8)))
        order = ir.Constant(ir.VectorType(INT32, 2 * low.lanes), [ir.Constant(INT32, i) for i in range(2 * low.lanes)])
        return (x, y) if low.lanes == like.lanes else (builder.shuffle_vector(x, y, order),)

    def generate(context, builder, signature, arguments):
        if low == like:
            return arguments[0]
        vectors = [piece for pair in _vectors(builder, low, *arguments[:2]) for piece in pieces(builder, *pair)]
        return _build(builder, like, vectors)

    return like(low, high, like), generate


@intrinsic
def widened(typing_context, x):
    """16-bit lanes in 32 bits, twice as many vectors, lanes in their order."""
    kind = Lanes(32, x.lanes // 2, 2 * x.count)

    def generate(context, builder, signature, arguments):
        wide = ir.VectorType(INT32, x.lanes)
        parts = []
        for (vector,) in _vectors(builder, x, *arguments):
            whole = builder.sext(vector, wide)
            for start in (0, kind.lanes):
                order = ir.Constant(kind.vector, [ir.Constant(INT32, start + i) for i in range(kind.lanes)])
                parts.append(builder.shuffle_vector(whole, whole, order))
        return _build(builder, kind, parts)

    return kind(x), generate


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
        step = _scalar(context, builder, arguments[3], types.uint64, kind)
        steps = builder.mul(step, ir.Constant(kind.vector, [ir.Constant(INT32, i) for i in range(16)]))
        start = builder.mul(*arguments[2:4])  # a scalar, so that all that is left of the vectors is one addition
        values = builder.add(_scalar(context, builder, start, types.uint64, kind), steps)
        chosen = builder.bitcast(builder.trunc(arguments[4], INT16), kind.mask.vector)
        packed = builder.call(compress, [values, kind.every(0), chosen])
        builder.store(packed, _slots(context, builder, array, arguments[0], kind, arguments[1])[0], align=4)
        return context.get_dummy_value()

    return types.void(array, types.uint64, types.uint64, types.uint64, types.uint64), generate

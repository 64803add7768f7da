"""The neurons of the sweep, docs/microarchitecture.md §4.7 and §7: from membranes to what is written back."""

from __future__ import annotations

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.model.fixed_point import word_range
from pimsim.model.network import ACCUMULATE, CLASSIFIERS, RELU, SINGLE_SPIKE, TIMED
from pimsim.rtl.parts.design import NeuronDesign, SweepDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.wires import wire

Lane = dict[str, Value]
"""What a stage knows of one neuron, by name."""


class Neurons(wiring.Component):
    """P lanes that take a word's neurons in stage 1 and give their results in stage ``depth``, a word per cycle.

    Stage 1: ``stored``, values of the membrane word (where there are membranes); ``addend`` (where sums come from
    elsewhere); ``correction`` z_w · count, of all lanes (where z_w ≠ 0); ``had_fired`` (``single_spike``); a lane that
    is not ``active`` lies beyond the layer's channels and holds 0.  ``occupied`` has bit k − 1 where stage k holds a
    word: registers behind an empty stage keep what they have.

    Stage ``depth``: ``membrane`` m[t] on the accumulator's scale (of ``relu`` the sum); ``result`` o[t] or the
    activation; ``has_fired`` the flag to be stored (``single_spike``).

    With ``skips`` a lane that ``had_fired`` hands its membrane through, and says so (``skipped``).  A class of `timed`
    has noted the step ``earlier`` of T in which its sum first crossed (0: none), and notes in ``noted`` the ``step``
    that is swept, held; ``output`` is its sum less κ times the step, T where there is none: of use in the last step.
    """

    def __init__(self, design: SweepDesign) -> None:
        self.design, lanes = design, design.lanes
        word = Shape(design.neuron.accumulator_bits, signed=True)
        sums = data.ArrayLayout(word, lanes)
        ports: dict[str, Member] = {"occupied": In(design.depth), "active": In(lanes), "membrane": Out(sums)}
        if design.stored_bits:
            ports["stored"] = In(data.ArrayLayout(signed(design.stored_bits), lanes))
        if design.adds or design.opens:
            ports["addend"] = In(sums)
        if design.weight_zero:
            ports["correction"] = In(word)
        if design.word_values:
            ports["result"] = Out(data.ArrayLayout(design.value_bits, lanes))
        super().__init__(ports | self._noted())

    def _noted(self) -> dict[str, Member]:
        """What is kept of a neuron beside its membrane."""
        neuron, lanes = self.design.neuron, self.design.lanes
        if neuron.kind == SINGLE_SPIKE:
            skipped = {"skipped": Out(lanes)} if self.design.skips else {}
            return {"had_fired": In(lanes), "has_fired": Out(lanes), **skipped}
        if neuron.kind == TIMED:
            steps = data.ArrayLayout(neuron.time_bits, lanes)
            outputs = data.ArrayLayout(signed(neuron.output_bits), lanes)
            return {"step": In(neuron.time_bits), "earlier": In(steps), "noted": Out(steps), "output": Out(outputs)}
        return {}

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        pipeline = _Pipeline(m, self.occupied, self.design)
        lanes = pipeline.behind([self._taken(lane) for lane in range(self.design.lanes)])
        for work in self._works(pipeline):
            lanes = pipeline.behind([work(lane) for lane in lanes])
        for name in (name for name in lanes[0] if name in self.signature.members):
            m.d.comb += Value.cast(getattr(self, name)).eq(Cat(lane[name] for lane in lanes))
        return m

    def _taken(self, lane: int) -> Lane:
        """v[t] modulo 2^A; without membranes, in a CNN, the sum that comes from elsewhere is all there is."""
        design, word = self.design, Shape(self.design.neuron.accumulator_bits, signed=True)
        total: Value = Const(0)
        if design.stored_bits:
            total = self.stored[lane] << stored_shift(design)
        kept = total
        if design.adds or design.opens:
            total = total + self.addend[lane]
        if design.weight_zero:
            total = total - self.correction
        if design.skips:
            total = Mux(self.had_fired[lane], kept, total)
        if lane >= design.left_over:
            total = Mux(self.active[lane], total, 0)
        taken = {"membrane": _cut(total, word)}
        if design.neuron.kind == TIMED:
            return taken | {"noted": self.earlier[lane]}
        return taken | {"had_fired": self.had_fired[lane]} if design.neuron.kind == SINGLE_SPIKE else taken

    def _works(self, pipeline: _Pipeline) -> tuple[Callable[[Lane], Lane], ...]:
        """What lies between the sum and the product's register, and behind that."""
        neuron = self.design.neuron
        if neuron.kind == ACCUMULATE:
            return (lambda lane: lane), (lambda lane: lane)  # v[t] is kept as it is
        if neuron.kind == TIMED:
            return (lambda lane: _note(neuron, lane, self.step)), (lambda lane: _timed(neuron, lane))
        if neuron.kind == RELU:
            return (lambda lane: _scale(neuron, lane)), (lambda lane: _activate(neuron, lane, pipeline))
        skips = self.design.skips
        return (lambda lane: _compare(neuron, lane, skips)), (lambda lane: _settle(neuron, lane, pipeline))


def stored_shift(design: SweepDesign) -> int:
    """Bits that a stored membrane lacks below; none where sums are added in place, and none of the classifier's."""
    whole = not design.adds or design.neuron.kind in CLASSIFIERS
    return 0 if whole else design.neuron.membrane_shift


class _Pipeline:
    """Places the ``depth`` − 1 registers of a pipeline: evenly behind the sum, the product and the result.

    Four stages have one behind each, fewer leave out the last ones; more give each piece of work several registers in a
    row, over which synthesis can spread it.
    """

    PIECES = 3

    def __init__(self, m: Module, occupied: Value, design: SweepDesign) -> None:
        self.m, self.occupied = m, occupied
        self.stage = self.piece = 0
        more, rest = divmod(design.depth - 1, self.PIECES)
        self.registers = [more + (piece < rest) for piece in range(self.PIECES)]

    def behind(self, lanes: list[Lane]) -> list[Lane]:
        """What a piece of work has made of its lanes, as the next piece sees it."""
        for _ in range(self.registers[self.piece]):
            registers = {name: self._register(name, [lane[name] for lane in lanes]) for name in lanes[0]}
            lanes = [{name: register[i] for name, register in registers.items()} for i in range(len(lanes))]
            self.stage += 1
        if not self.registers[self.piece]:
            lanes = [{name: self.wire(name, value) for name, value in lane.items()} for lane in lanes]
        self.piece += 1
        return lanes

    def _register(self, name: str, values: list[Value]) -> Signal:
        register = Signal(data.ArrayLayout(values[0].shape(), len(values)), name=f"{name}_{self.stage + 2}")
        with self.m.If(self.occupied[self.stage]):
            self.m.d.sync += register.as_value().eq(Cat(values))
        return register

    def wire(self, name: str, value: Value) -> Value:
        return wire(self.m, f"{name}_{self.stage + 1}", value)


def _compare(neuron: NeuronDesign, lane: Lane, skips: bool) -> Lane:
    """o[t], and v · λ; of a lane that is skipped what settles to the membrane that was read."""
    value = lane["membrane"]
    compared = {"product": leak_product(neuron, value), "result": value > neuron.threshold}
    if neuron.kind != SINGLE_SPIKE:
        return compared
    crossed, had = compared["result"], lane["had_fired"]
    fired = {"result": crossed & ~had, "has_fired": crossed | had}
    if not skips:
        return compared | fired
    whole = value << neuron.fraction_bits if neuron.scales else value
    product = Mux(had, whole, leak_product(neuron, Mux(had, 0, value)))
    return fired | {"product": product, "skipped": had}


def _note(neuron: NeuronDesign, lane: Lane, step: Value) -> Lane:
    """The step in which u[t] first crosses."""
    crosses = (lane["membrane"] > neuron.threshold) & (lane["noted"] == 0)
    return lane | {"noted": Mux(crosses, step, lane["noted"])}


def _timed(neuron: NeuronDesign, lane: Lane) -> Lane:
    """u[t] − κ · t, one of T constants."""
    late = [neuron.time_weight * (step or neuron.steps) for step in range(neuron.steps + 1)]
    output = lane["membrane"] - lookup(late, lane["noted"])
    return lane | {"output": _cut(output, signed(neuron.output_bits))}


def _settle(neuron: NeuronDesign, lane: Lane, pipeline: _Pipeline) -> Lane:
    """Leak, reset, rounding to the membrane's step, saturation to its width."""
    shift = neuron.membrane_shift
    offer = leaked(neuron, lane["product"])
    if neuron.kind != SINGLE_SPIKE:
        offer = offer - Mux(lane["result"], neuron.threshold, 0)
    half = 1 << shift >> 1 if neuron.membrane_half_up else 0
    rounded = pipeline.wire("rounded", (offer + half) >> shift)
    membrane = clipped(rounded, *word_range(neuron.membrane_bits)) << shift
    settled = {name: value for name, value in lane.items() if name != "product"}
    return settled | {"membrane": _cut(membrane, Shape(neuron.accumulator_bits, signed=True))}


def _scale(neuron: NeuronDesign, lane: Lane) -> Lane:
    """a · μ + 2^(s−1)"""
    return lane | {"product": lane["membrane"] * neuron.multiplier + (1 << neuron.shift >> 1)}


def _activate(neuron: NeuronDesign, lane: Lane, pipeline: _Pipeline) -> Lane:
    """Shifted right by s and clipped to 0 … 2^b − 1; the sum goes along for the observer."""
    quotient = pipeline.wire("quotient", lane["product"] >> neuron.shift)
    return {"membrane": lane["membrane"], "result": clipped(quotient, 0, (1 << neuron.activation_bits) - 1)}


def leak_product(neuron: NeuronDesign, value: Value) -> Value:
    """v · λ, exact, with half of 2^f where the leak rounds half up; v or 0 where λ is exactly 1 or 0."""
    if neuron.leak_digits:
        product = sum(((value << place) * sign for sign, place in neuron.leak_digits), Const(0))
    elif neuron.multiplies:
        product = value * neuron.leak
    else:
        return value if neuron.leak else Const(0)
    return product + (1 << neuron.fraction_bits >> 1) if neuron.leak_half_up else product


def leaked(neuron: NeuronDesign, product: Value) -> Value:
    return product >> neuron.fraction_bits if neuron.scales else product


def clipped(value: Value, low: int, high: int) -> Value:
    """``value`` in low … high, in as many bits as those need."""
    shape = Shape.cast(range(low, high + 1))
    return Mux(value > high, Const(high, shape), Mux(value < low, Const(low, shape), _cut(value, shape)))


def _cut(value: Value, shape: Shape) -> Value:
    """The lowest bits of ``value``, extended where it has fewer."""
    if len(value) < shape.width:
        value = Cat(value, (value[-1] if value.shape().signed else Const(0)).replicate(shape.width - len(value)))
    lowest = value[: shape.width]
    return lowest.as_signed() if shape.signed else lowest

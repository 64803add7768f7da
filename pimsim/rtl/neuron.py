"""One lane of the neuron sweep, docs/microarchitecture.md §4.7 and §7: from a membrane to what is written back."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.model.fixed_point import word_range
from pimsim.model.network import ACCUMULATE, RELU, SINGLE_SPIKE
from pimsim.rtl.design import NeuronDesign, SweepDesign
from pimsim.rtl.wires import wire


class Neuron(wiring.Component):
    """Takes a neuron in stage 1 and gives its results in stage ``depth``; one neuron per cycle.

    Stage 1: ``stored``, the membrane word's value (where there are membranes), ``addend`` (where sums come from
    elsewhere), ``correction`` z_w · count (where z_w ≠ 0), ``had_fired`` (``single_spike``); not ``active``, the lane
    lies beyond the layer's channels and holds 0.  ``occupied`` has bit k − 1 where stage k holds a word: registers
    behind an empty stage hold what they have.

    Stage ``depth``: ``membrane`` m[t] on the accumulator's scale (of ``relu`` the sum), ``result`` o[t] or the
    activation, ``has_fired`` the flag to be stored (``single_spike``).
    """

    def __init__(self, design: SweepDesign) -> None:
        self.design = design
        word = Shape(design.neuron.accumulator_bits, signed=True)
        ports: dict[str, Member] = {"occupied": In(design.depth), "active": In(1), "membrane": Out(word)}
        if design.stored_bits:
            ports["stored"] = In(signed(design.stored_bits))
        if design.adds:
            ports["addend"] = In(word)
        if design.weight_zero:
            ports["correction"] = In(word)
        if design.word_values:
            ports["result"] = Out(design.value_bits)
        if design.neuron.kind == SINGLE_SPIKE:
            ports |= {"had_fired": In(1), "has_fired": Out(1)}
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        arithmetic = {ACCUMULATE: _accumulate, RELU: _requantize}.get(self.design.neuron.kind, _spike)
        results = arithmetic(_Pipeline(m, self.occupied, self.design.depth), self.design.neuron, self._taken(m))
        m.d.comb += [getattr(self, name).eq(value) for name, value in results.items()]
        return m

    def _taken(self, m: Module) -> dict[str, Value]:
        """What stage 1 makes of its operands: v[t], modulo 2^A."""
        value = Signal(Shape(self.design.neuron.accumulator_bits, signed=True))
        with m.If(self.active):
            m.d.comb += value.eq(self._sum())
        taken = {"value": value}
        if self.design.neuron.kind == SINGLE_SPIKE:
            taken["had_fired"] = self.had_fired
        return taken

    def _sum(self) -> Value:
        """Without membranes, in a CNN, the sum that comes from elsewhere is all there is."""
        design, total = self.design, Const(0)
        if design.stored_bits:
            total = self.stored << stored_shift(design)
        if design.adds:
            total = total + self.addend
        return total - self.correction if design.weight_zero else total


def stored_shift(design: SweepDesign) -> int:
    """Bits that a stored membrane lacks below; none where sums are added in place, and none of the classifier's."""
    whole = not design.adds or design.neuron.kind == ACCUMULATE
    return 0 if whole else design.neuron.membrane_shift


class _Pipeline:
    """Places the ``depth`` − 1 registers of a pipeline: evenly behind the sum, the product and the result.

    Four stages have one behind each, fewer leave out the last ones; more give each piece of work several registers in a
    row, over which synthesis can spread it.
    """

    PIECES = 3

    def __init__(self, m: Module, occupied: Value, depth: int) -> None:
        self.m, self.occupied = m, occupied
        self.stage = self.piece = 0
        more, rest = divmod(depth - 1, self.PIECES)
        self.registers = [more + (piece < rest) for piece in range(self.PIECES)]

    def behind(self, values: dict[str, Value]) -> dict[str, Value]:
        """The values of the next piece of work, as the one behind sees them."""
        values = {name: wire(self.m, f"{name}_{self.stage + 1}", value) for name, value in values.items()}
        for _ in range(self.registers[self.piece]):
            values = {name: self._register(name, value) for name, value in values.items()}
            self.stage += 1
        self.piece += 1
        return values

    def wire(self, name: str, value: Value) -> Value:
        return wire(self.m, name, value)

    def _register(self, name: str, value: Value) -> Signal:
        register = Signal(value.shape(), name=f"{name}_{self.stage + 2}")
        with self.m.If(self.occupied[self.stage]):
            self.m.d.sync += register.eq(value)
        return register


def _accumulate(pipeline: _Pipeline, _neuron: NeuronDesign, taken: dict[str, Value]) -> dict[str, Value]:
    """The classifier: v[t] is kept as it is."""
    for _ in range(pipeline.PIECES):
        taken = pipeline.behind(taken)
    return {"membrane": taken["value"]}


def _spike(pipeline: _Pipeline, neuron: NeuronDesign, taken: dict[str, Value]) -> dict[str, Value]:
    """o[t] and the leak's product, then leak, reset, rounding and saturation."""
    once = neuron.kind == SINGLE_SPIKE
    summed = pipeline.behind(taken)
    crossed = summed["value"] > neuron.threshold
    fired = crossed & ~summed["had_fired"] if once else crossed
    compared = {"product": leak_product(neuron, summed["value"]), "fired": fired}
    if once:
        compared["had_fired"] = summed["had_fired"]
    compared = pipeline.behind(compared)
    product = compared.pop("product")
    offer = leaked(neuron, product) if once else leaked(neuron, product) - Mux(compared["fired"], neuron.threshold, 0)
    done = pipeline.behind(compared | {"membrane": stored(neuron, pipeline.wire("offer", offer), pipeline)})
    flag = {"has_fired": done["had_fired"] | done["fired"]} if once else {}
    return {"membrane": done["membrane"] << neuron.membrane_shift, "result": done["fired"]} | flag


def _requantize(pipeline: _Pipeline, neuron: NeuronDesign, taken: dict[str, Value]) -> dict[str, Value]:
    """(a · μ + 2^(s−1)) >> s, clipped to 0 … 2^b − 1; the sum goes along for the observer."""
    summed = pipeline.behind(taken)
    product = summed["value"] * neuron.multiplier + (1 << neuron.shift >> 1)
    multiplied = pipeline.behind(summed | {"product": product})
    quotient = pipeline.wire("quotient", multiplied["product"] >> neuron.shift)
    highest = (1 << neuron.activation_bits) - 1
    done = pipeline.behind({"value": multiplied["value"], "result": clipped(quotient, 0, highest)})
    return {"membrane": done["value"], "result": done["result"]}


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
    scaled = neuron.leak_digits or neuron.multiplies
    return product >> neuron.fraction_bits if scaled else product


def stored(neuron: NeuronDesign, offer: Value, pipeline: _Pipeline) -> Value:
    """The membrane as it is stored: its lowest bits rounded away, the rest saturated."""
    shift = neuron.membrane_shift
    half = 1 << shift >> 1 if neuron.membrane_half_up else 0
    return clipped(pipeline.wire("rounded", (offer + half) >> shift), *word_range(neuron.membrane_bits))


def clipped(value: Value, low: int, high: int) -> Value:
    """``value`` in low … high, in as many bits as those need."""
    shape = Shape.cast(range(low, high + 1))
    inside = value[: shape.width].as_signed() if shape.signed else value[: shape.width]
    return Mux(value > high, Const(high, shape), Mux(value < low, Const(low, shape), inside))

"""What the hardware of a layer is built from: a placed layer in plain numbers, fixed when it is elaborated."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.hardware import Event, Hardware
from pimsim.hardware.hardware import SHIFTS, Mac, Pim
from pimsim.mapping import LayerMapping, Mapping
from pimsim.mapping.mapping import EventPlan, GatherPlan, ScatterPlan
from pimsim.model.architecture import LayerShape
from pimsim.model.fixed_point import effective_leak, word_range
from pimsim.model.network import AFFINE, HALF_UP, SINGLE_SPIKE, TIMED, IntegerNetwork


@dataclass(frozen=True)
class NeuronDesign:
    """Arithmetic of one neuron, docs/microarchitecture.md §4.7.

    ``leak`` λ in 0 … 2^``fraction_bits``, rounded half up or down; ``leak_digits`` its signed powers of two, (sign,
    place), where it is formed by shifts, none where it is multiplied (or 0, or exactly 1).  A membrane is stored
    without its ``membrane_shift`` lowest bits in ``membrane_bits``.  ``multiplier``, ``shift`` and ``activation_bits``
    are those of ``relu``; ``time_weight`` κ and ``steps`` T those of ``timed``.
    """

    kind: str
    threshold: int
    leak: int
    fraction_bits: int
    leak_half_up: bool
    leak_digits: tuple[tuple[int, int], ...]
    accumulator_bits: int
    membrane_bits: int
    membrane_shift: int
    membrane_half_up: bool
    multiplier: int
    shift: int
    activation_bits: int
    time_weight: int = 0
    steps: int = 0

    @property
    def output_bits(self) -> int:
        """Of what classes are compared by: a sum, of ``timed`` less κ times a step."""
        low, high = word_range(self.accumulator_bits)
        return 1 + max(high.bit_length(), (-low - 1 + self.time_weight * self.steps).bit_length())

    @property
    def time_bits(self) -> int:
        """Of a step's number 1 … T, 0 where none is noted."""
        return self.steps.bit_length() if self.kind == TIMED else 0

    @property
    def multiplies(self) -> bool:
        """Whether a leak multiplier works: it is bypassed for a leak of 0 or 1."""
        return not self.leak_digits and self.leak not in (0, 1 << self.fraction_bits)

    @property
    def scales(self) -> bool:
        """Whether the product of membrane and leak has ``fraction_bits`` more."""
        return bool(self.leak_digits) or self.multiplies


@dataclass(frozen=True)
class PackDesign:
    """A map of ``values`` of ``value_bits`` each, ``word_values`` to a word, docs/microarchitecture.md §4.7 *Packer*.

    They come ``lanes`` at a time, with the last ones of a position ``left``.
    """

    values: int
    value_bits: int
    word_values: int
    lanes: int
    left: int

    @property
    def words(self) -> int:
        return -(-self.values // self.word_values)

    @property
    def word_bits(self) -> int:
        return self.word_values * self.value_bits

    @property
    def at_once(self) -> int:
        """⌈(W − 1 + P) / W⌉, the most packed words that are complete in one cycle."""
        return -(-(self.word_values - 1 + self.lanes) // self.word_values)


@dataclass(frozen=True)
class SweepDesign:
    """The pass over a layer's neurons, docs/microarchitecture.md §4.7 and §7.

    ``lanes`` P neurons of one of ``positions`` S at a time, ``channels`` C_out of each; ``depth`` stages.  A word of
    the membrane memory holds P values of ``stored_bits`` (0: there is no membrane), in ``banks`` with ``ports`` each.
    With ``adds`` a word of sums comes from elsewhere (currents, accumulators); else the membrane memory holds sums of
    weight codes.  ``weight_zero`` z_w times a position's event count of ``count_bits`` is taken off them.
    Of input spikes (§11) the first step's sums, of ``opening_bits``, lie in a current memory of their own, and those of
    later steps are added ``shift`` places higher.
    With ``skips`` the lane of a neuron that has fired in an earlier step does nothing (§12).
    The target map holds ``word_values`` values of ``value_bits`` per word (0: none, behind the classifier).
    """

    neuron: NeuronDesign
    lanes: int
    channels: int
    positions: int
    depth: int
    stored_bits: int
    ports: int
    banks: int
    adds: bool
    weight_zero: int
    count_bits: int
    value_bits: int
    word_values: int
    opening_bits: int = 0
    shift: int = 0
    skips: bool = False

    @property
    def opens(self) -> bool:
        """Whether the first step has sums of another kind."""
        return self.opening_bits > 0

    @property
    def current_bits(self) -> int:
        """Of a sum that is formed once per inference, in front of the first step."""
        return self.opening_bits or self.neuron.accumulator_bits

    @property
    def beats(self) -> int:
        """B, words of one position."""
        return -(-self.channels // self.lanes)

    @property
    def words(self) -> int:
        """S · B."""
        return self.positions * self.beats

    @property
    def neurons(self) -> int:
        return self.positions * self.channels

    @property
    def packed(self) -> PackDesign:
        """The target map."""
        return PackDesign(self.neurons, self.value_bits, self.word_values, self.lanes, self.left_over)

    @property
    def left_over(self) -> int:
        """Channels of a position's final word: lanes from there on are idle in it."""
        return self.channels - (self.beats - 1) * self.lanes

    @property
    def output_words(self) -> int:
        """Words of the target map."""
        return self.packed.words if self.word_values else 0

    @property
    def word_bits(self) -> int:
        """Of the target map."""
        return self.packed.word_bits


@dataclass(frozen=True)
class EventDesign:
    """A layer on the event core, docs/microarchitecture.md §4; weights are codes of ``weight_bits``."""

    shape: LayerShape
    gather: bool
    lanes: int
    scan_width: int
    fifo_depth: int
    pipeline_depth: int
    forwarding: bool
    weight_bits: int
    weight_signed: bool
    sweep: SweepDesign

    @property
    def map_words(self) -> int:
        """Words of the source map."""
        return -(-self.map_neurons // self.scan_width)

    @property
    def map_neurons(self) -> int:
        c, d, h, w = self.shape.source_shape
        return c * d * h * w

    @property
    def weight_words(self) -> int:
        """K · B; word r·B + b holds the weights of input r for channels b·P …, the first in the lowest bits."""
        return self.shape.fan_in * self.sweep.beats


def placed(mapping: Mapping, index: int) -> LayerMapping:
    """Where the neurons of layer ``index`` are: of a first layer whose inputs fire, where these are summed."""
    return mapping.input_spikes if index == 0 and mapping.input_spikes is not None else mapping.layers[index]


def event_design(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int) -> EventDesign:
    """Layer ``index``, which ``mapping`` has placed on the event core."""
    layer, source, event = placed(mapping, index), network.layers[index], hardware.engines.event
    assert isinstance(event, Event)
    assert isinstance(layer.plan, ScatterPlan | GatherPlan)
    return EventDesign(
        shape=layer.shape,
        gather=isinstance(layer.plan, GatherPlan),
        lanes=event.lanes,
        scan_width=event.scan_width,
        fifo_depth=event.fifo_depth,
        pipeline_depth=event.pipeline_depth,
        forwarding=event.forwarding,
        weight_bits=source.weight_bits,
        weight_signed=source.scheme != AFFINE,
        sweep=sweep_design(network, mapping, hardware, index),
    )


def sweep_design(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int) -> SweepDesign:
    """The sweep of layer ``index`` on whatever engine it runs."""
    layer, spikes = placed(mapping, index), network.input_spikes if index == 0 else None
    engine = hardware.engines.named(layer.engine)
    assert engine is not None  # the hardware file was checked for it
    event = engine if isinstance(engine, Event) else None
    neuron, target = neuron_design(network, mapping, hardware, index), layer.memories.target
    scatters = isinstance(layer.plan, ScatterPlan)
    classifies = target is None
    stored_bits = neuron.accumulator_bits if scatters or classifies else neuron.membrane_bits
    return SweepDesign(
        neuron=neuron,
        lanes=layer.sweep.lanes,
        channels=layer.shape.out_channels,
        positions=layer.shape.positions,
        depth=layer.sweep.depth,
        stored_bits=stored_bits if layer.memories.membrane is not None else 0,
        ports=event.membrane_ports if event else 2,
        banks=event.membrane_banks if event else 1,
        adds=not scatters,
        weight_zero=int(network.layers[index].zero_point) if event else 0,
        count_bits=layer.plan.count_bits if isinstance(layer.plan, EventPlan) else 0,
        value_bits=layer.sweep.value_bits,
        word_values=target.word_bits // layer.sweep.value_bits if target is not None else 0,
        opening_bits=mapping.layers[0].numerics.accumulator_bits if spikes is not None else 0,
        shift=spikes.shift if spikes is not None else 0,
        skips=engine.skip_fired and neuron.kind == SINGLE_SPIKE,
    )


def neuron_design(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int) -> NeuronDesign:
    """Neurons of layer ``index`` in the words of its engine."""
    layer, neuron = placed(mapping, index), network.layers[index].neuron
    numerics = layer.numerics
    leak = effective_leak(neuron, network.leak_fraction_bits, numerics.leak_terms)
    engine = hardware.engines.named(layer.engine)
    assert engine is not None  # the hardware file was checked for it
    return NeuronDesign(
        kind=neuron.kind,
        threshold=neuron.threshold,
        leak=leak,
        fraction_bits=network.leak_fraction_bits,
        leak_half_up=network.leak_rounding == HALF_UP,
        leak_digits=_leak_digits(layer, engine, leak),
        accumulator_bits=numerics.accumulator_bits,
        membrane_bits=numerics.membrane_bits,
        membrane_shift=numerics.membrane_shift,
        membrane_half_up=numerics.membrane_rounding == HALF_UP,
        multiplier=neuron.multiplier,
        shift=neuron.shift,
        activation_bits=neuron.activation_bits,
        time_weight=neuron.time_weight,
        steps=mapping.steps,
    )


def _leak_digits(layer: LayerMapping, engine: Pim | Mac | Event, leak: int) -> tuple[tuple[int, int], ...]:
    return digits_of(leak) if engine.leak == SHIFTS and layer.leak_terms else ()


def digits_of(value: int) -> tuple[tuple[int, int], ...]:
    """Non-adjacent form: the fewest (sign, place) whose Σ sign · 2^place is ``value``, lowest first (Reitwiesner 1960).

    >>> digits_of(7), digits_of(3840)
    (((-1, 0), (1, 3)), ((-1, 8), (1, 12)))
    """
    digits, place = [], 0
    while value:
        if value & 1:
            sign = 2 - (value & 3)
            digits.append((sign, place))
            value -= sign
        value >>= 1
        place += 1
    return tuple(digits)

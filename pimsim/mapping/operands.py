"""What a layer brings to its engine: widths and zero points, from a network or from bare layer shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from pimsim.activity.activity import SPIKES_SUFFIX
from pimsim.errors import MappingError
from pimsim.hardware import BitSerialPim, Event, Hardware, Mac
from pimsim.hardware.hardware import ISO_CNN, MULTIPLIER, OFFSET, Pim
from pimsim.mapping.mapping import Operands
from pimsim.mapping.placement import costs_cnn, has_input_spikes
from pimsim.mapping.weights import weight_sums
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.fixed_point import nearest_sum, signed_digits
from pimsim.model.network import ACCUMULATE, AFFINE, CLASSIFIERS, IF, RELU, IntegerLayer, IntegerNetwork

Engine = Pim | Mac | Event


@dataclass(frozen=True)
class LayerFacts:
    """A layer, or a phase of one, without its weights: what placing it and counting its actions needs to know.

    ``signed`` codes have the zero point 0; inputs are 0 … ``highest_input`` before the pool; ``leak`` is λ of
    ``leak_bits`` fraction bits, 0 of them where no leak is computed.  ``activations`` tells the layers of a CNN
    from spiking ones, ``output_bits`` is the width of a value that the layer hands on.  ``swept`` is False for sums
    that another phase's neurons take; ``input_spikes`` tells this other phase.  Sums that are ``held`` are computed in
    the first step and swept in every one.
    """

    shape: LayerShape
    weight_bits: int
    weight_zero: int
    signed: bool
    magnitude_bits: int
    signed_bits: int
    highest_input: int
    input_zero: int
    neuron: str
    leak: int
    leak_bits: int
    evaluations: int
    membranes: bool
    activations: bool
    output_bits: int
    swept: bool = True
    input_spikes: bool = False
    held: bool = False

    @property
    def record(self) -> str:
        """What an `Activity` calls it."""
        return self.shape.name + (SPIKES_SUFFIX if self.input_spikes else "")


def phase_facts(source: IntegerNetwork | Architecture, hardware: Hardware) -> tuple[LayerFacts, ...]:
    """Facts of every layer, the first one's two phases one by one where it has them.

    A bare architecture will do where a CNN is costed, with weights as wide as activations.
    Raises MappingError for a bare architecture on hardware that runs a model.
    """
    if isinstance(source, IntegerNetwork):
        facts = [_network_facts(source, index, hardware) for index in range(len(source.layers))]
        return (*(_phases(facts[0]) if has_input_spikes(source, hardware) else facts[:1]), *facts[1:])
    if hardware.network != ISO_CNN:
        raise MappingError(f'network "{source.name}": hardware "{hardware.name}" needs a model, not only layer shapes')
    return tuple(_shape_facts(source, index, hardware) for index in range(len(source.layers)))


def _network_facts(network: IntegerNetwork, index: int, hardware: Hardware) -> LayerFacts:
    layer, iso = network.layers[index], costs_cnn(network, hardware)
    first = index == 0
    last = index == len(network.layers) - 1
    lowest, highest = network.input_range(index)
    return LayerFacts(
        shape=layer.shape,
        weight_bits=layer.weight_bits,
        weight_zero=layer.zero_point,
        signed=layer.scheme != AFFINE,
        magnitude_bits=weight_sums(layer).magnitude_bits,
        signed_bits=weight_sums(layer).signed_bits,
        highest_input=_activation(hardware) if iso and not first else highest - lowest,
        input_zero=network.input.zero_point if first else 0,
        neuron=layer.neuron.kind if not iso else ACCUMULATE if last else RELU,
        leak=layer.neuron.leak,
        leak_bits=0 if iso else _leak_bits(network, layer),
        evaluations=1 if iso or (first and not network.is_hybrid) else network.time_steps,
        membranes=not iso and not network.is_cnn,
        activations=iso or network.is_cnn,
        output_bits=(_activation(hardware) if iso else layer.neuron.largest).bit_length(),
        held=first and not iso and network.time_steps > 1 and not network.is_hybrid,
    )


def _phases(layer: LayerFacts) -> tuple[LayerFacts, LayerFacts]:
    """Codes are summed at one of the steps, input spikes at the others; the neurons are where the spikes are."""
    codes = replace(layer, evaluations=1, membranes=False, swept=False)
    spikes = replace(layer, evaluations=layer.evaluations - 1, highest_input=1, input_zero=0, input_spikes=True)
    return codes, spikes


def _shape_facts(architecture: Architecture, index: int, hardware: Hardware) -> LayerFacts:
    highest = _activation(hardware)
    bits = highest.bit_length()
    last = index == len(architecture.layers) - 1
    return LayerFacts(
        shape=architecture.layers[index],
        weight_bits=bits,
        weight_zero=0,
        signed=True,
        magnitude_bits=max(1, bits - 1),
        signed_bits=bits,
        highest_input=highest,
        input_zero=0,
        neuron=ACCUMULATE if last else RELU,
        leak=0,
        leak_bits=0,
        evaluations=1,
        membranes=False,
        activations=True,
        output_bits=bits,
    )


def _activation(hardware: Hardware) -> int:
    mac = hardware.engines.mac
    assert mac is not None  # `network: iso_cnn` is only accepted with every layer on it
    return int(2**mac.activation_bits - 1)


def _leak_bits(network: IntegerNetwork, layer: IntegerLayer) -> int:
    """Width of the leak's fraction; 0 where the leak is 0 or 1 and no multiplier works."""
    one: int = 2**network.leak_fraction_bits
    idle = layer.neuron.kind in (IF, RELU, *CLASSIFIERS) or layer.neuron.leak in (0, one)
    return 0 if idle else max(1, network.leak_fraction_bits)


def leak_form(facts: LayerFacts, engine: Engine) -> tuple[int, int]:
    """Fraction bits of the leak, 0 where there is none; shifted membranes that add up to it, 0 for a multiplier."""
    if engine.leak == MULTIPLIER or not facts.leak_bits:
        return facts.leak_bits, 0
    near = nearest_sum(facts.leak, facts.leak_bits, engine.leak_terms)
    return (0, 0) if near in (0, 1 << facts.leak_bits) else (facts.leak_bits, signed_digits(near))


def operands(facts: LayerFacts, engine: Engine) -> Operands:
    """Operands as ``engine`` holds them; docs/microarchitecture.md §5.1 has what a crossbar stores."""
    weight_zero = facts.weight_zero
    if isinstance(engine, BitSerialPim):
        offset = 2 ** (facts.weight_bits - 1) if facts.signed else 0
        weight_zero = weight_zero + offset if engine.weight_encoding == OFFSET else 0
    return Operands(
        stored_bits=facts.highest_input.bit_length(),
        input_bits=(facts.highest_input * prod(facts.shape.pool)).bit_length(),
        input_zero=facts.input_zero,
        weight_bits=facts.weight_bits,
        weight_zero=weight_zero,
        magnitude_bits=facts.magnitude_bits,
        signed_bits=facts.signed_bits,
        evaluations=facts.evaluations,
        passes=1,
    )

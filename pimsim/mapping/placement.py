"""Which engine runs which layer."""

from __future__ import annotations

from difflib import get_close_matches

from pimsim.errors import MappingError
from pimsim.hardware import Event, Hardware, Mac
from pimsim.hardware.hardware import AUTO, EVENT, ISO_CNN, Pim
from pimsim.model.architecture import Architecture
from pimsim.model.network import IntegerNetwork


def costs_cnn(source: IntegerNetwork | Architecture, hardware: Hardware) -> bool:
    """Whether the layers are costed as those of a CNN, and no value is executed.

    With ``network: iso_cnn`` a spiking network, or bare shapes, stand for the CNN of the same layers; a model
    that is a CNN stands for itself.
    """
    return hardware.network == ISO_CNN and not (isinstance(source, IntegerNetwork) and source.is_cnn)


def engine_called(name: str, hardware: Hardware) -> Pim | Mac | Event:
    """The section of an engine that a layer is placed on, for which the hardware file was checked."""
    engine = hardware.engines.named(name)
    assert engine is not None
    return engine


def has_input_spikes(source: IntegerNetwork | Architecture, hardware: Hardware) -> bool:
    """Whether the first layer is two phases: sums of codes at step 1, of input spikes at the steps behind it."""
    return isinstance(source, IntegerNetwork) and source.is_hybrid and not costs_cnn(source, hardware)


def input_spikes_engine(hardware: Hardware) -> str:
    """Engine that sums input spikes, where there are any."""
    named = hardware.layers.input_spikes
    return hardware.layers.others if named == AUTO else named


def phase_engines(source: IntegerNetwork | Architecture, hardware: Hardware) -> tuple[str, ...]:
    """Engine of every layer, in order, the first one's two phases one by one; errors as for `engine_names`."""
    first, *others = engine_names(source, hardware)
    between = [input_spikes_engine(hardware)] if has_input_spikes(source, hardware) else []
    return (first, *between, *others)


def engine_names(source: IntegerNetwork | Architecture, hardware: Hardware) -> tuple[str, ...]:
    """Engine of every layer, in order.

    Raises MappingError where `layers.by_name` names a layer that the network lacks, or puts a layer on the
    event core whose inputs have several bits: the first one, or one behind a layer of activations.
    """
    architecture = source.architecture if isinstance(source, IntegerNetwork) else source
    names = [layer.name for layer in architecture.layers]
    for name in hardware.layers.by_name:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else f" (layers: {', '.join(names)})"
            raise MappingError(f'layers.by_name.{name}: network "{architecture.name}" has no such layer{hint}')
    engines = [hardware.layers.by_name.get(name, hardware.layers.others) for name in names]
    engines[0] = hardware.layers.by_name.get(names[0], hardware.layers.first)
    if engines[0] == EVENT:
        raise MappingError(f'layer "{names[0]}": the event core takes spikes, the first layer has multi-bit inputs')
    if isinstance(source, IntegerNetwork) and source.is_cnn and EVENT in engines:
        index = engines.index(EVENT)
        bits = source.layers[index - 1].neuron.activation_bits
        raise MappingError(
            f'layer "{names[index]}": the event core takes spikes of 1 bit, layer "{names[index - 1]}" hands on '
            f"activations of {bits} bits (neuron relu); put every layer of a CNN on mac or pim"
        )
    return tuple(engines)

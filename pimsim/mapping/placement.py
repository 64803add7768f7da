"""Which engine runs which layer."""

from __future__ import annotations

from difflib import get_close_matches

from pimsim.errors import MappingError
from pimsim.hardware import Hardware
from pimsim.model.architecture import Architecture


def engine_names(architecture: Architecture, hardware: Hardware) -> tuple[str, ...]:
    """Engine of every layer, in order.

    Raises MappingError where `layers.by_name` names a layer that the network lacks, or puts the first
    layer, whose inputs are multi-bit codes, on the event core.
    """
    names = [layer.name for layer in architecture.layers]
    for name in hardware.layers.by_name:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else f" (layers: {', '.join(names)})"
            raise MappingError(f'layers.by_name.{name}: network "{architecture.name}" has no such layer{hint}')
    engines = [hardware.layers.by_name.get(name, hardware.layers.others) for name in names]
    engines[0] = hardware.layers.by_name.get(names[0], hardware.layers.first)
    if engines[0] == "event":
        raise MappingError(f'layer "{names[0]}": the event core takes spikes, the first layer has multi-bit inputs')
    return tuple(engines)

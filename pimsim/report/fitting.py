"""Hardware files with accumulators that hold a network's sums."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from pimsim.errors import AccumulatorError
from pimsim.hardware import Hardware, load_hardware
from pimsim.mapping import Mapping as Placement
from pimsim.mapping import costs_cnn, map_model
from pimsim.model.architecture import Architecture
from pimsim.model.network import IntegerNetwork

#: accumulator_bits that a hardware file may have (docs/hardware-format.md)
WIDEST_ACCUMULATOR = 32


def fitting(
    source: IntegerNetwork | Architecture, hardware: str | PathLike[str], changes: Mapping[str, object]
) -> tuple[Hardware, Placement, dict[str, int]]:
    """A file with ``changes``, a network on it, and the accumulators widened for that: dotted path → bits.

    Each gets the bits that its sums need, not more.  Raises AccumulatorError where one needs more than a file may
    have, or where ``changes`` set one too narrow; MappingError for whatever else does not fit.
    """
    widened: dict[str, int] = {}
    while True:
        machine = load_hardware(hardware, {**changes, **widened})
        costed = isinstance(source, IntegerNetwork) and costs_cnn(source, machine)
        try:
            return machine, map_model(_shapes(source) if costed else source, machine), widened
        except AccumulatorError as error:
            if error.key in changes or error.bits > WIDEST_ACCUMULATOR:
                raise
            widened[error.key] = error.bits


def _shapes(source: IntegerNetwork | Architecture) -> Architecture:
    return source.architecture if isinstance(source, IntegerNetwork) else source

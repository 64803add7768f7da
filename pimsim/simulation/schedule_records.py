"""What has a record of its own in an Activity, by its number there, and what a trace holds in front of it and behind.

Records are the layers in order; under the encoding ``hybrid`` the first layer has two, its sums of codes and its input
spikes (docs/microarchitecture.md §11.4), so that the others' numbers are one higher.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.activity.activity import SPIKES_SUFFIX
from pimsim.mapping import LayerMapping, Mapping
from pimsim.traces.trace import Trace

CODES, INPUT_SPIKES = 0, 1
"""Numbers of a hybrid first layer's records."""


def of_codes(mapping: Mapping, record: int) -> bool:
    """Whether the record is that of sums without neurons: of step 1 of the encoding ``hybrid``."""
    return mapping.input_spikes is not None and record == CODES


def of_input_spikes(mapping: Mapping, record: int) -> bool:
    """Whether the record is that of a first layer's input spikes, and of its neurons in all steps."""
    return mapping.input_spikes is not None and record == INPUT_SPIKES


def record_name(mapping: Mapping, record: int) -> str:
    """As an Activity has it."""
    return mapping.records[record].name + (SPIKES_SUFFIX if of_input_spikes(mapping, record) else "")


def sums_of_codes(mapping: Mapping, record: int) -> LayerMapping | None:
    """Where the sums are formed that a record of input spikes sweeps at step 1; None for all others."""
    return mapping.layers[0] if of_input_spikes(mapping, record) else None


def in_front(trace: Trace, record: int) -> npt.NDArray[np.unsignedinteger]:
    """What a record's sums are of.

    Codes (N, C, D, H, W) in front of the first layer, packed spikes uint8 (N, T, bytes) of those that fire or of the
    layer before, or in a CNN its activations (N, neurons).
    """
    inputs: list[npt.NDArray[np.unsignedinteger]] = [trace.inputs]
    if trace.input_spikes is not None:
        inputs.append(trace.input_spikes)
    maps: npt.NDArray[np.unsignedinteger] = [*inputs, *(trace.spikes or trace.activations)][record]
    return maps


def behind(trace: Trace, record: int) -> npt.NDArray[np.uint8] | None:
    """Packed spikes uint8 (N, T, bytes) of a record's neurons; None where it has none, or they are a classifier's."""
    layer = record if trace.input_spikes is None else record - 1
    return trace.spikes[layer] if 0 <= layer < len(trace.spikes) else None

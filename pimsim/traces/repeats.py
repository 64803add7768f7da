"""Whether maps hold what single-spike coding allows: inputs that fire when their codes say, neurons that fire once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.errors import TraceError
from pimsim.traces.firing import fired_again
from pimsim.traces.trace import Trace

Packed = npt.NDArray[np.uint8]
#: samples compared at a time, so that copies of maps stay small
AT_ONCE = 64


@dataclass(frozen=True)
class Repeat:
    """The first neuron that fires twice: by sample, then by the later of both steps, then by neuron; steps from 1."""

    sample: int
    neuron: int
    steps: tuple[int, int]


def first_repeat(spikes: Packed) -> Repeat | None:
    """The first spike in maps (N, T, bytes) that is not its neuron's first, None where there is none."""
    for start in range(0, len(spikes), AT_ONCE):
        part = spikes[start : start + AT_ONCE]
        samples = np.flatnonzero(fired_again(part).any(axis=1))
        if samples.size:
            return _first(part[samples[0]], start + int(samples[0]))
    return None


def check_single_spikes(spikes: Packed, layer: str) -> None:
    """Raises `TraceError` where a neuron of maps (N, T, bytes), those of the layer called ``layer``, fires twice."""
    found = first_repeat(spikes)
    if found is not None:
        first, second = found.steps
        raise TraceError(
            f'spikes of layer "{layer}": neuron {found.neuron} of sample {found.sample} fires at steps {first} and '
            f"{second}, a single_spike neuron fires once"
        )


def check_input_spikes(trace: Trace, expected: Packed | None) -> None:
    """Compare a trace's input spikes with those (N, T, bytes) that a model's encoding makes of its input codes.

    ``expected`` is None where inputs do not fire.  Raises `TraceError` naming the first sample, step and input that
    differ.
    """
    held = trace.input_spikes
    if held is None or expected is None:
        if held is not expected:
            inputs, has = ("fire", "no input spikes") if held is None else ("do not fire", "input spikes")
            raise TraceError(f"input_spikes: the inputs of the model {inputs}, the trace holds {has}")
        return
    if held.shape != expected.shape:
        raise TraceError(f"input_spikes: shape {held.shape}, the model has {expected.shape}")
    differ = (held != expected).any(axis=2)
    if differ.any():
        sample, step = np.argwhere(differ)[0].tolist()
        wrong = np.unpackbits(held[sample, step] ^ expected[sample, step], bitorder="little")
        raise TraceError(
            f"input_spikes: sample {sample} differs at step {step + 1}, input {int(wrong.argmax())}, from what the "
            "encoding makes of its codes"
        )


def _first(maps: Packed, sample: int) -> Repeat:
    """The first repeated spike in the maps (T, bytes) of one sample that has one."""
    fired = np.unpackbits(maps, axis=1, bitorder="little").cumsum(axis=0)
    second, neuron = np.argwhere((fired == 2) & (np.diff(fired, axis=0, prepend=0) == 1))[0].tolist()
    first = int((fired[:, neuron] == 1).argmax())
    return Repeat(sample, neuron, (first + 1, second + 1))

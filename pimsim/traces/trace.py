"""A recorded execution: what every neuron did, and nothing about time or cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.errors import TraceError

WIDTH_KEYS = ("accumulator_bits", "membrane_bits")
#: further keys of a layer's numerics; one that is missing is 0, and one that is 0 is not written
OPTIONAL_KEYS = ("membrane_shift", "membrane_half_up", "leak_terms")
CROSSBAR, SPIKE_CROSSBAR = "crossbar", "spike_crossbar"
#: keys that name the values of a crossbar; the second one is left out where it is empty
CROSSBARS = (CROSSBAR, SPIKE_CROSSBAR)
NUMERICS_KEYS = (*WIDTH_KEYS, *CROSSBARS, *OPTIONAL_KEYS)
Widths = Mapping[str, int | str]
_MOST = {"membrane_shift": 62, "membrane_half_up": 1, "leak_terms": 62}
_IDENTITY = re.compile(r"(bit_serial:[0-9]{1,8}:[0-9]{1,2}|[0-9a-f]{64}:[0-9]{1,10}:[0-9]{1,10})?")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class Trace:
    """Integer inputs of N samples, and spikes over T steps or, of a CNN, activations.

    inputs      (N, C, D, H, W) unsigned input codes
    spikes      per hidden layer uint8 (N, T, ceil(neurons / 8)): bit i (little bit order) is neuron i in the
                order depth, height, width, channel — the order in which the hardware scans the map; none of a CNN
    outputs     (N, classes) int64, sums of the classifier after the last step; of a ``timed`` one less its time
    labels      (N,) int64 class index from 0, or −1 where unknown
    membrane_low, membrane_high   (layers,) int64, smallest and largest value offered to the membrane
                write-back before saturation (for the classifier: of its running sum; for a layer of a CNN: of
                the sums before requantization)
    saturations (layers,) int64, write-backs that saturated
    numerics    per layer, what it was executed with: accumulator_bits, membrane_bits, crossbar, the name of the
                values that its crossbar computed (docs/crossbar-numerics.md), empty for exact sums, and where they
                are not 0 membrane_shift, membrane_half_up (bits left out of the membrane's word; 1 where it was
                rounded half up) and leak_terms; spike_crossbar like crossbar, where sums of input spikes have one
    recorded    samples over which lows, highs and saturations were taken; 0 stands for these N
    activations per hidden layer of a CNN uint8 or uint16 (N, neurons), in the order of the spikes; else none
    input_spikes   of the encoding ``hybrid`` uint8 (N, T, ceil(inputs / 8)), packed and ordered like the spikes: which
                inputs fire at which step, none at step 1; else None

    Raises `TraceError` where shapes, types or ranges contradict each other.
    """

    model_hash: str
    inputs: npt.NDArray[np.unsignedinteger]
    spikes: tuple[npt.NDArray[np.uint8], ...]
    outputs: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    membrane_low: npt.NDArray[np.int64]
    membrane_high: npt.NDArray[np.int64]
    saturations: npt.NDArray[np.int64]
    numerics: tuple[Widths, ...]
    provenance: Mapping[str, object] = field(default_factory=dict)
    recorded: int = 0
    activations: tuple[npt.NDArray[np.unsignedinteger], ...] = ()
    input_spikes: npt.NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if not _HASH.fullmatch(self.model_hash):
            raise TraceError(f"model_hash={self.model_hash[:80]!r} is not 64 hexadecimal digits")
        _check_samples(self)
        _check_layers(self)
        if self.recorded and self.recorded < self.samples:
            raise TraceError(f"recorded={self.recorded} is less than the {self.samples} samples that are here")

    @property
    def samples(self) -> int:
        return int(self.inputs.shape[0])

    @property
    def steps(self) -> int:
        """T; 1 of a CNN."""
        return 1 if self.activations else int(self.spikes[0].shape[1])

    @property
    def hidden_layers(self) -> int:
        return len(self.spikes) + len(self.activations)

    @property
    def recorded_samples(self) -> int:
        """Samples that ``membrane_low``, ``membrane_high`` and ``saturations`` speak of."""
        return self.recorded or self.samples

    @property
    def predictions(self) -> npt.NDArray[np.int64]:
        """(N,) class with the largest output; ties go to the lowest index."""
        classes: npt.NDArray[np.int64] = self.outputs.argmax(1).astype(np.int64)
        return classes


def _check_samples(trace: Trace) -> None:
    """Arrays with one row per sample."""
    _check_array("inputs", trace.inputs, "u", (None,) * 5)
    if trace.samples == 0:
        raise TraceError("the trace is empty: it holds 0 samples")
    _check_hidden(trace)
    _check_array("outputs", trace.outputs, "i", (trace.samples, None))
    _check_array("labels", trace.labels, "i", (trace.samples,))
    low, high, classes = int(trace.labels.min()), int(trace.labels.max()), trace.outputs.shape[1]
    if low < -1 or high >= classes:
        wrong = low if low < -1 else high
        raise TraceError(f"labels: {wrong} is outside −1 … {classes - 1} (−1 stands for unknown)")


def _check_hidden(trace: Trace) -> None:
    """Spikes or activations of the hidden layers."""
    if not trace.hidden_layers:
        raise TraceError("spikes: the trace holds no hidden layer")
    if trace.spikes and trace.activations:
        raise TraceError("activations: the trace holds spikes too; a network hands on either")
    steps = trace.spikes[0].shape[1] if trace.spikes and trace.spikes[0].ndim == 3 else None
    for index, spikes in enumerate(trace.spikes):
        _check_array(f"spikes.{index}", spikes, "u", (trace.samples, steps, None))
        if spikes.dtype != np.uint8:
            raise TraceError(f"spikes.{index}: expected uint8, got {spikes.dtype}")
    for index, values in enumerate(trace.activations):
        _check_array(f"activations.{index}", values, "u", (trace.samples, None))
        if values.dtype.itemsize > 2:
            raise TraceError(f"activations.{index}: expected uint8 or uint16, got {values.dtype}")
    _check_input_spikes(trace, steps)


def _check_input_spikes(trace: Trace, steps: int | None) -> None:
    fired = trace.input_spikes
    if fired is None:
        return
    if trace.activations:
        raise TraceError("input_spikes: the trace holds activations; a CNN has no spikes")
    _check_array("input_spikes", fired, "u", (trace.samples, steps, -(-prod(trace.inputs.shape[1:]) // 8)))
    if fired.dtype != np.uint8:
        raise TraceError(f"input_spikes: expected uint8, got {fired.dtype}")


def _check_layers(trace: Trace) -> None:
    """Arrays and widths with one entry per layer."""
    layers = trace.hidden_layers + 1
    for name in ("membrane_low", "membrane_high", "saturations"):
        _check_array(name, getattr(trace, name), "i", (layers,))
    for index in range(layers):
        low, high = int(trace.membrane_low[index]), int(trace.membrane_high[index])
        if low > high:
            raise TraceError(f"membrane_low[{index}]={low} is above membrane_high[{index}]={high}")
        if trace.saturations[index] < 0:
            raise TraceError(f"saturations[{index}]={trace.saturations[index]} must be at least 0")
    if len(trace.numerics) != layers:
        raise TraceError(f"numerics: {len(trace.numerics)} entries for {layers} layers")
    for index, widths in enumerate(trace.numerics):
        if widths.get(SPIKE_CROSSBAR) and (index > 0 or trace.input_spikes is None):
            raise TraceError(f"layers[{index}].{SPIKE_CROSSBAR}: a first layer has it, and only where inputs fire")
        _check_widths(f"layers[{index}]", widths)


def _check_widths(name: str, widths: Widths) -> None:
    if not {*WIDTH_KEYS, CROSSBAR} <= set(widths) <= set(NUMERICS_KEYS):
        raise TraceError(f"{name}: keys {', '.join(widths)}, expected {', '.join((*WIDTH_KEYS, CROSSBAR))}")
    for key, bits in widths.items():
        least, most = 1 if key in WIDTH_KEYS else 0, _MOST.get(key, 2**20)
        if key not in CROSSBARS and not (isinstance(bits, int) and least <= bits <= most):
            raise TraceError(f"{name}.{key}={bits} is outside {least} … {most}")
    membrane, accumulator = int(widths["membrane_bits"]), int(widths["accumulator_bits"])
    if membrane > accumulator:
        raise TraceError(f"{name}.membrane_bits={membrane} exceeds accumulator_bits={accumulator}")
    for key in CROSSBARS:
        identity = widths.get(key, "")
        if not isinstance(identity, str) or not _IDENTITY.fullmatch(identity):
            raise TraceError(f"{name}.{key}={str(identity)[:80]!r} is not the name of a crossbar's values")


def _check_array(name: str, array: npt.NDArray[Any], kind: str, shape: tuple[int | None, ...]) -> None:
    """Type and shape, where None stands for any length but 0; an empty first axis is not this check's business."""
    names = {"u": "unsigned integers", "i": "signed integers"}
    if array.dtype.kind != kind:
        raise TraceError(f"{name}: expected {names[kind]}, got {array.dtype}")
    pairs = zip(shape, array.shape, strict=False)
    if len(shape) != array.ndim or any(want not in (None, got) for want, got in pairs):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise TraceError(f"{name}: expected shape ({wanted}), got {array.shape}")
    if 0 in array.shape[1:]:
        raise TraceError(f"{name}: shape {array.shape} has an empty axis")

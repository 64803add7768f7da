"""Whether a trace belongs to a model, holds for a machine, and a part of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pimsim.errors import TraceError
from pimsim.traces.trace import CROSSBARS, NUMERICS_KEYS, OPTIONAL_KEYS, Trace, Widths

_FIXED_KEYS = (*CROSSBARS, *OPTIONAL_KEYS)
"""Another value computes something else, however wide the words are."""


def select(trace: Trace, count: int) -> Trace:
    """The first ``count`` samples.

    Lows, highs and saturations stay those of the whole recording: they bound the part as well.
    Raises `TraceError` for a count below 1 or beyond the trace.
    """
    if not 1 <= count <= trace.samples:
        raise TraceError(f"samples={count} is outside 1 … {trace.samples}, what the trace holds")
    return trace if count == trace.samples else _part(trace, slice(count))


def single(trace: Trace, sample: int) -> Trace:
    """Sample number ``sample``, from 0, alone; lows, highs and saturations as in `select`.

    Raises `TraceError` where the trace has no such sample.
    """
    if not 0 <= sample < trace.samples:
        raise TraceError(f"sample={sample} is outside 0 … {trace.samples - 1}, the samples that are run")
    return _part(trace, slice(sample, sample + 1))


def _part(trace: Trace, rows: slice) -> Trace:
    return replace(
        trace,
        inputs=trace.inputs[rows],
        input_spikes=None if trace.input_spikes is None else trace.input_spikes[rows],
        spikes=tuple(spikes[rows] for spikes in trace.spikes),
        activations=tuple(values[rows] for values in trace.activations),
        outputs=trace.outputs[rows],
        labels=trace.labels[rows],
        recorded=trace.recorded_samples,
    )


def check_belongs(
    trace: Trace,
    *,
    model_hash: str,
    input_shape: Sequence[int],
    input_bits: int,
    steps: int,
    neurons: Sequence[int],
    classes: int,
    activation_bits: Sequence[int] = (),
) -> None:
    """Refuse a trace that another model made, or that does not fit this one.

    ``neurons`` of the hidden layers in order, and of a CNN their ``activation_bits``.  The hash alone decides
    whose trace it is; the shapes are compared so that a forged one cannot make a reader run past an array.
    Which inputs fire and that single-spike neurons do so once is for `check_input_spikes` and `check_single_spikes`.
    Raises `TraceError`.
    """
    if trace.model_hash != model_hash:
        raise TraceError(
            f"the trace was recorded from model {trace.model_hash[:12]}…, this is model {model_hash[:12]}…"
        )
    wanted = [("inputs", trace.inputs.shape[1:], tuple(input_shape)), ("outputs", trace.outputs.shape[1:], (classes,))]
    wanted.append(("hidden layers", (trace.hidden_layers,), (len(neurons),)))
    spiking = () if activation_bits else neurons
    if bool(trace.activations) != bool(activation_bits):
        held, other = ("activations", "spikes") if trace.activations else ("spikes", "activations")
        raise TraceError(f"the trace holds {held}, the model's layers hand on {other}")
    wanted += [
        (f"spikes.{index}", spikes.shape[1:], (steps, -(-count // 8)))
        for index, (spikes, count) in enumerate(zip(trace.spikes, spiking, strict=False))
    ]
    wanted += [
        (f"activations.{index}", values.shape[1:], (count,))
        for index, (values, count) in enumerate(zip(trace.activations, neurons, strict=False))
    ]
    for name, got, expected in wanted:
        if tuple(got) != expected:
            raise TraceError(f"{name}: {_short(got)}, the model has {_short(expected)}")
    _check_codes("inputs", trace.inputs, input_bits)
    for index, (values, bits) in enumerate(zip(trace.activations, activation_bits, strict=True)):
        _check_codes(f"activations.{index}", values, bits)
    for index, (spikes, count) in enumerate(zip(trace.spikes, spiking, strict=True)):
        surplus = int(spikes[..., -1].max()) >> (count % 8) if count % 8 else 0
        if surplus:
            raise TraceError(f"spikes.{index}: bits beyond the last of {count} neurons are set")


def _check_codes(name: str, codes: npt.NDArray[np.unsignedinteger], bits: int) -> None:
    largest = int(codes.max())
    if largest >= 2**bits:
        raise TraceError(f"{name}: code {largest} exceeds {2**bits - 1}, the largest of the model's {bits} bits")


def holds_for(trace: Trace, numerics: Sequence[Widths]) -> bool:
    """Whether a machine with these word widths per layer computes exactly what was recorded.

    It does when the widths are equal; otherwise when the crossbars, the membranes' steps and the forms of the
    leak agree, nothing saturated in the recording, and every value offered to a write-back fits the new words.
    """
    return len(numerics) == len(trace.numerics) and all(
        _layer_holds(trace, index, widths) for index, widths in enumerate(numerics)
    )


def _layer_holds(trace: Trace, index: int, widths: Widths) -> bool:
    recorded, wanted = ({key: own.get(key, 0) for key in NUMERICS_KEYS} for own in (trace.numerics[index], widths))
    if recorded == wanted:
        return True
    if any(recorded[key] != wanted[key] for key in _FIXED_KEYS) or trace.saturations[index]:
        return False
    last = index == len(trace.numerics) - 1
    limit = 1 << (int(wanted["accumulator_bits" if last else "membrane_bits"]) - 1)
    shift = int(wanted["membrane_shift"])
    half = (1 << shift) >> 1 if wanted["membrane_half_up"] else 0
    low, high = ((int(end[index]) + half) >> shift for end in (trace.membrane_low, trace.membrane_high))
    return -limit <= low and high < limit


def _short(shape: Sequence[int]) -> str:
    return "×".join(str(size) for size in shape)

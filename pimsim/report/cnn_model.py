"""The CNN that a network is held against, as a model of its own: found, checked, with outputs on the same samples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model import load_network, network_hash
from pimsim.model.accuracy import Accuracy
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.report.accuracies import accuracy_of
from pimsim.report.inputs import shipped_trace
from pimsim.resources import MODEL, find, shipped
from pimsim.scenes.split import RANDOM
from pimsim.scenes.trained import KEY
from pimsim.simulation import execute
from pimsim.traces import Trace, holds_for, load_trace

BITS = 6
"""Width of weights and activations of the CNN that reports speak of."""
PART = 512
"""Samples executed at a time: activations of thousands at once would take gigabytes."""


@dataclass(frozen=True, eq=False)
class CnnModel:
    """A CNN of the same task; ``trace`` holds its first sample, whose cost on multipliers is that of every other.

    ``accuracy`` is over the samples of the run; None where no label is known.  ``executed`` tells whether it was
    executed on them or a recording re-used, ``execution`` says so in words.
    """

    network: IntegerNetwork
    trace: Trace
    accuracy: Accuracy | None
    executed: bool
    execution: str


Found = tuple[str, IntegerNetwork]
"""Name and network."""


def find_cnn(network: IntegerNetwork, given: str | os.PathLike[str] | None) -> Found | None:
    """The 6-bit CNN beside ``network``.

    given  path or shipped name; None: a shipped CNN of the same layers and inputs, if there is one

    Raises ModelError, with the reason, where the model given is not such a CNN.
    """
    return _given(network, given) if given is not None else _shipped(network)


def run_cnn(
    found: Found | None, trace: Trace, *, threads: int, network: IntegerNetwork | None = None
) -> CnnModel | None:
    """The CNN on the inputs of ``trace``: as a shipped trace has it, else executed; None where there is no CNN.

    With the ``network`` that it is held against, the words tell where the two were trained on different pixels.
    """
    if found is None:
        return None
    name, cnn = found
    recorded = _recorded(cnn, trace)
    if recorded is not None:
        first, outputs, execution = recorded, recorded.outputs[: trace.samples], "from its shipped trace"
    else:
        first, outputs = _executed(cnn, trace, threads)
        execution = "executed on the same samples"
    reached = accuracy_of(trace.labels, outputs.argmax(1), cnn.classes)
    if network is not None and _parted_otherwise(network.provenance, cnn.provenance):
        execution += ", which may be among those that it was trained on: its split is another"
    return CnnModel(cnn, _first(first), reached, recorded is None, f"CNN {name}, {execution}")


def _parted_otherwise(mine: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two provenances state different splits of one scene; not where one states none."""
    splits = _split(mine), _split(other)
    return None not in splits and mine.get("scene") == other.get("scene") and splits[0] != splits[1]


def _split(provenance: Mapping[str, object]) -> dict[str, object] | None:
    """What decides which pixels trained; models without ``split`` but with ``train_fraction`` had a random one."""
    recorded = provenance.get(KEY, provenance if "train_fraction" in provenance else None)
    if not isinstance(recorded, Mapping):
        return None
    keys = ("train_fraction", "seed", "block", "guard", "train", "test")
    return {"kind": recorded.get("kind", RANDOM)} | {key: recorded[key] for key in keys if key in recorded}


def _recorded(cnn: IntegerNetwork, trace: Trace) -> Trace | None:
    """The shipped trace of the CNN, if it starts with the inputs of ``trace``."""
    path = shipped_trace(network_hash(cnn))
    if path is None:
        return None
    held = load_trace(path)
    if not np.array_equal(held.inputs[: trace.samples], trace.inputs):
        return None
    exact = [LayerNumerics().as_mapping()] * len(cnn.layers)
    return held if holds_for(held, exact) else None


def _executed(cnn: IntegerNetwork, trace: Trace, threads: int) -> tuple[Trace, npt.NDArray[np.int64]]:
    """A trace of the first samples, and the outputs of all."""
    parts = range(0, trace.samples, PART)
    first, *others = (execute(cnn, trace.inputs[start : start + PART], threads=threads) for start in parts)
    return first, np.concatenate([first.outputs, *(part.outputs for part in others)])


def _first(trace: Trace) -> Trace:
    """One sample, without keeping the others' memory."""
    return replace(
        trace,
        inputs=trace.inputs[:1].copy(),
        activations=tuple(values[:1].copy() for values in trace.activations),
        outputs=trace.outputs[:1].copy(),
        labels=trace.labels[:1].copy(),
        recorded=trace.samples,
    )


def _given(network: IntegerNetwork, given: str | os.PathLike[str]) -> Found:
    path = find(MODEL, given)
    cnn = load_network(path)
    if reason := mismatch(network, cnn):
        raise ModelError(f"{path.name}: not the {BITS}-bit CNN of this model: {reason}")
    return path.stem, cnn


def _shipped(network: IntegerNetwork) -> Found | None:
    candidates = ((path.stem, load_network(path)) for path in shipped(MODEL))
    return next(((name, cnn) for name, cnn in candidates if not mismatch(network, cnn)), None)


def mismatch(network: IntegerNetwork, cnn: IntegerNetwork) -> str:
    """Why ``cnn`` is not the CNN that ``network`` is held against; empty where it is."""
    if not cnn.is_cnn:
        return f'its neurons are "{cnn.layers[0].neuron.kind}", not "relu"'
    if [layer.shape for layer in cnn.layers] != [layer.shape for layer in network.layers]:
        return "its layers have other shapes"
    mine, other = network.input, cnn.input
    same = (mine.bits, mine.scale, mine.zero_point) == (other.bits, other.scale, other.zero_point)
    if not (same and np.array_equal(mine.mean, other.mean) and np.array_equal(mine.deviation, other.deviation)):
        return "its inputs are quantized otherwise, so it cannot take the same samples"
    for layer in cnn.layers:
        if layer.weight_bits != BITS:
            return f'layer "{layer.name}" has weights of {layer.weight_bits} bits'
    for layer in cnn.layers[:-1]:
        if layer.neuron.activation_bits != BITS:
            return f'layer "{layer.name}" has activations of {layer.neuron.activation_bits} bits'
    return ""

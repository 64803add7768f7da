"""Input codes → input spikes of the encoding ``hybrid`` (arXiv 2107.12374), and encodings in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model.network import SINGLE_SPIKE, TIMED, IntegerNetwork

#: samples at a time whose firing steps stay near a core
AT_ONCE = 16


def input_spikes(network: IntegerNetwork, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Spikes (N, T, D, H, W, C) of input codes (N, C, D, H, W); none at step 1, one per input in all.

    Raises ModelError for a network of another encoding.
    """
    when, steps = firing_steps(network, codes), np.arange(1, network.time_steps + 1)
    fired: npt.NDArray[np.bool_] = when[:, None] == steps.astype(when.dtype)[:, None, None, None, None]
    return fired


def packed_input_spikes(network: IntegerNetwork, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
    """The same, packed as a trace holds spikes: uint8 (N, T, ceil(inputs / 8)), little bit order."""
    samples, steps, inputs = len(codes), network.time_steps, int(np.prod(codes.shape[1:]))
    packed = np.empty((samples, steps, -(-inputs // 8)), np.uint8)
    for start in range(0, samples, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        when = firing_steps(network, codes[part]).reshape(-1, inputs)
        for step in range(steps):
            packed[part, step] = np.packbits(when == step + 1, axis=1, bitorder="little")
    return packed


def firing_steps(network: IntegerNetwork, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.unsignedinteger]:
    """The step 2 … T at which each of the input codes (N, C, D, H, W) fires, (N, D, H, W, C).

    Raises ModelError for a network of another encoding.
    """
    if network.input_spikes is None:
        raise ModelError(f"encoding={network.encoding}: its inputs do not fire")
    every = np.arange(int(codes.max(initial=0)) + 1, dtype=np.uint32)
    of_code = network.input_spikes.steps(every, network.time_steps).astype(np.min_scalar_type(network.time_steps))
    when: npt.NDArray[np.unsignedinteger] = np.ascontiguousarray(of_code.take(codes).transpose(0, 2, 3, 4, 1))
    return when


def tells_time(network: IntegerNetwork) -> bool:
    """Whether a network has anything whose one spike tells a time: inputs, or hidden neurons that fire once."""
    return network.is_hybrid or any(layer.neuron.kind == SINGLE_SPIKE for layer in network.layers)


def described(network: IntegerNetwork) -> str:
    """Encoding, neurons and classifier in words; empty for direct encoding, neurons that fire freely, running sums."""
    kinds = ", ".join(dict.fromkeys(layer.neuron.kind for layer in network.layers[:-1]))
    readout = network.layers[-1].neuron.kind
    if not (tells_time(network) or readout == TIMED):
        return ""
    encoding = f"{network.encoding} encoding"
    if network.is_hybrid:
        encoding += f" (codes at step 1, one spike per input at steps 2 … {network.time_steps})"
    return f"{encoding}, {kinds} neurons, {readout} classifier"


def codes_by_step(network: IntegerNetwork) -> dict[int, str]:
    """Input codes, "lowest-highest", by the step 2 … T at which they fire; {} where inputs do not fire."""
    if network.input_spikes is None:
        return {}
    codes = np.arange(2**network.input.bits)
    steps = network.input_spikes.steps(codes, network.time_steps)
    found = {int(step): codes[steps == step] for step in np.unique(steps)}
    return {step: f"{held[0]}-{held[-1]}" for step, held in found.items()}

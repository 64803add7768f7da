"""Input codes → input spikes of the encoding ``hybrid`` (arXiv 2107.12374), and encodings in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model.network import SINGLE_SPIKE, TIMED, IntegerNetwork

#: samples unpacked at a time, so that few bytes stand where bits will
AT_ONCE = 16


def input_spikes(network: IntegerNetwork, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Spikes (N, T, D, H, W, C) of input codes (N, C, D, H, W); none at step 1, one per input in all.

    Raises ModelError for a network of another encoding.
    """
    if network.input_spikes is None:
        raise ModelError(f"encoding={network.encoding}: its inputs do not fire")
    every = np.arange(int(codes.max(initial=0)) + 1, dtype=np.uint32)
    of_code = network.input_spikes.steps(every, network.time_steps).astype(np.uint16)
    when = of_code[codes].transpose(0, 2, 3, 4, 1)
    steps = np.arange(1, network.time_steps + 1, dtype=np.uint16)
    fired: npt.NDArray[np.bool_] = when[:, None] == steps[:, None, None, None, None]
    return fired


def packed_input_spikes(network: IntegerNetwork, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
    """The same, packed as a trace holds spikes: uint8 (N, T, ceil(inputs / 8)), little bit order."""
    samples, steps, inputs = len(codes), network.time_steps, int(np.prod(codes.shape[1:]))
    packed = np.empty((samples, steps, -(-inputs // 8)), np.uint8)
    for start in range(0, samples, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        bits = input_spikes(network, codes[part]).reshape(-1, steps, inputs)
        packed[part] = np.packbits(bits, axis=2, bitorder="little")
    return packed


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
    """Input codes that fire at each of the steps 2 … T, "lowest-highest", "" for none; {} where inputs do not fire."""
    if network.input_spikes is None:
        return {}
    codes = np.arange(2**network.input.bits)
    steps = network.input_spikes.steps(codes, network.time_steps)
    found = {step: codes[steps == step] for step in range(2, network.time_steps + 1)}
    return {step: f"{held[0]}-{held[-1]}" if held.size else "" for step, held in found.items()}

"""Traces of random spikes and machines of random organisation, for tests of the cycle model.

Values are not what scheduling is about, so spikes are drawn, not executed: any density, bursts, silence.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from pimsim.hardware import Hardware, load_hardware
from pimsim.model.encoding import packed_input_spikes
from pimsim.model.network import SINGLE_SPIKE, IntegerNetwork
from pimsim.traces import Trace

WIDE = {"accumulator_bits": 32, "membrane_bits": 20}


def machine(name: str, **overrides: object) -> Hardware:
    """A shipped hardware file with words so wide that every random network fits; ``a__b=1`` sets a.b."""
    base = load_hardware(name)
    wide = {
        f"engines.{engine}.{key}": bits
        for engine in ("pim", "mac", "event")
        if base.engines.named(engine) is not None
        for key, bits in WIDE.items()
    }
    return load_hardware(name, wide | {key.replace("__", "."): value for key, value in overrides.items()})


def trace_of(network: IntegerNetwork, rng: np.random.Generator, samples: int, rate: float) -> Trace:
    """Spikes at ``rate`` with stretches of silence, and random input codes, with the input spikes that they make.

    Of a single-spike layer the first spike of each neuron stays.
    """
    hidden, count = network.layers[:-1], len(network.layers)
    spikes = []
    for layer in hidden:
        shape = (samples, network.time_steps, layer.shape.neurons)
        loud = rng.random((*shape[:2], 8)) < 0.7
        on = (rng.random(shape) < rate) & np.repeat(loud, -(-shape[2] // 8), axis=2)[..., : shape[2]]
        if layer.neuron.kind == SINGLE_SPIKE:
            on &= on.cumsum(axis=1) == 1
        spikes.append(np.packbits(on, axis=2, bitorder="little"))
    codes = rng.integers(0, 2**network.input.bits, (samples, *network.architecture.input_shape))
    codes = codes.astype(network.input.code_dtype)
    zeros = np.zeros(count, np.int64)
    return Trace(
        model_hash="0" * 64,
        inputs=codes,
        input_spikes=packed_input_spikes(network, codes) if network.is_hybrid else None,
        spikes=tuple(spikes),
        outputs=np.zeros((samples, network.classes), np.int64),
        labels=np.full(samples, -1, np.int64),
        membrane_low=zeros,
        membrane_high=zeros,
        saturations=zeros,
        numerics=({"accumulator_bits": 32, "membrane_bits": 20, "crossbar": ""},) * count,
    )


def unpacked(trace: Trace, network: IntegerNetwork, layer: int) -> np.ndarray:
    """Spikes behind hidden layer ``layer``, bool (N, T, neurons)."""
    neurons = network.layers[layer].shape.neurons
    return np.unpackbits(trace.spikes[layer], axis=2, count=neurons, bitorder="little").astype(bool)


rates = st.sampled_from([0.0, 0.02, 0.1, 0.3, 1.0])


@st.composite
def _event_settings(draw: st.DrawFn) -> dict[str, object]:
    """Any event core that a hardware file may describe."""
    dataflow, ports = draw(st.sampled_from(["scatter", "gather"])), draw(st.sampled_from([1, 2, 2]))
    core = {
        "dataflow": dataflow,
        "lanes": draw(st.integers(1, 9)),
        "scan_width": draw(st.sampled_from([8, 16, 32, 64, 128, 256])),
        "fifo_depth": draw(st.sampled_from([1, 2, 3, 5, 16])),
        "pipeline_depth": draw(st.integers(2 if ports == 1 and dataflow == "scatter" else 1, 5)),
        "forwarding": dataflow == "gather" or draw(st.booleans()),
        "sweep_depth": draw(st.integers(1, 6)),
        "membrane_ports": ports,
        "membrane_banks": draw(st.sampled_from([1, 1, 2, 3, 7])),
    }
    return {f"engines__event__{key}": value for key, value in core.items()}


event_settings = _event_settings()

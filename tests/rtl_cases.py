"""Random layers on random machines, for the comparison of the simulator with the described hardware.

Every knob of the ``event`` section is drawn; accumulators are as narrow as the proof allows, or a few bits wider, so
that sums of uncorrected codes wrap.  Maps are drawn, not executed: any density, bursts, silence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from strategies import networks

from pimsim.errors import AccumulatorError
from pimsim.hardware import Hardware, load_hardware
from pimsim.mapping import Mapping, map_model
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.case import LayerCase

WIDEST = 32


@st.composite
def event_knobs(draw: st.DrawFn) -> dict[str, Any]:
    """Every parameter of the ``event`` section but its accumulator; only what a hardware file may state."""
    dataflow, ports = draw(st.sampled_from(["scatter", "scatter", "gather"])), draw(st.sampled_from([1, 2]))
    alone = dataflow == "scatter" and ports == 1  # reads and writes in one stage need two ports
    depths = st.one_of(st.integers(1, 6), st.integers(1, 32))
    return {
        "dataflow": dataflow,
        "lanes": draw(st.integers(1, 9)),
        "scan_width": draw(st.sampled_from([8, 8, 16, 32, 64, 128, 256, 512])),
        "fifo_depth": draw(st.sampled_from([1, 2, 3, 4, 5, 8, 16])),
        "pipeline_depth": max(2, draw(depths)) if alone else draw(depths),
        "forwarding": dataflow == "gather" or draw(st.booleans()),
        "sweep_depth": draw(depths),
        "membrane_ports": ports,
        "membrane_banks": draw(st.sampled_from([1, 1, 2, 3, 4, 7, 16])),
        **draw(neuron_words()),
    }


def gather_knobs() -> st.SearchStrategy[dict[str, Any]]:
    """Those with ``dataflow: gather``, where sums are forwarded by nature."""
    return event_knobs().map(lambda knobs: knobs | {"dataflow": "gather", "forwarding": True})


@st.composite
def neuron_words(draw: st.DrawFn) -> dict[str, Any]:
    """Membranes and leaks of any engine; a key is left out where it would change nothing."""
    words: dict[str, Any] = {"membrane_bits": draw(st.sampled_from([4, 5, 6, 8, 12, 20]))}
    if draw(st.booleans()):
        words |= {"membrane_step": "auto", "membrane_range": draw(st.sampled_from([0.25, 1.0, 2.5]))}
        words |= {"membrane_rounding": draw(st.sampled_from(["floor", "half_up"]))}
    if draw(st.booleans()):
        words |= {"leak": "shifts", "leak_terms": draw(st.integers(1, 3))}
    return words


def on_event_core(network: IntegerNetwork, knobs: dict[str, Any], slack: int) -> tuple[Hardware, Mapping]:
    """A machine whose event core has the narrowest accumulator that holds the network's sums, and ``slack`` bits."""
    bits = knobs["membrane_bits"]
    while True:
        hardware = _machine(knobs, bits)
        try:
            return hardware, map_model(network, hardware)
        except AccumulatorError as error:
            if bits == WIDEST:
                raise
            bits = min(WIDEST, max(bits + 1, error.bits + slack))


def _machine(knobs: dict[str, Any], accumulator_bits: int) -> Hardware:
    changes = {f"engines.event.{key}": value for key, value in knobs.items()}
    changes |= {"engines.event.accumulator_bits": accumulator_bits}
    wide = {"engines.mac.accumulator_bits": WIDEST, "engines.mac.membrane_bits": 20}
    return load_hardware("digital45nm", wide | changes)


@st.composite
def event_cases(
    draw: st.DrawFn, most_cycles: int = 4000, knobs: st.SearchStrategy[dict[str, Any]] | None = None
) -> LayerCase:
    """A hidden layer or classifier on an event core, and maps for it; ``most_cycles`` in all, or a single small map."""
    network = draw(networks(max_hidden=2))
    hardware, mapping = on_event_core(network, draw(event_knobs() if knobs is None else knobs), draw(st.integers(0, 3)))
    index = draw(st.integers(1, len(network.layers) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    neurons = network.layers[index - 1].shape.neurons
    samples = draw(st.integers(1, 3))
    maps = _maps(draw, rng, (samples, network.time_steps, neurons))
    case = LayerCase(network, mapping, hardware, index, maps)
    while len(maps) > 1 and case.timing().cycles > most_cycles:
        maps = maps[: len(maps) // 2]
        case = LayerCase(network, mapping, hardware, index, maps)
    return case


def _maps(draw: st.DrawFn, rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Packed spikes (N, T, bytes): a rate for every step, and stretches of silence as long as scan words."""
    rate = rng.choice([0.0, 0.02, 0.1, 0.3, 0.6, 1.0], (*shape[:2], 1))
    stretch = draw(st.sampled_from([1, 8, 64]))
    loud = np.repeat(rng.random((*shape[:2], -(-shape[2] // stretch))) < 0.7, stretch, axis=2)[..., : shape[2]]
    return np.packbits((rng.random(shape) < rate) & loud, axis=2, bitorder="little")

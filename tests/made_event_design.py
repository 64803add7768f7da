"""Layers on the event core in plain numbers, drawn at random, with maps and weights for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from test_schedule_event import maps, shapes

from pimsim.model.architecture import LayerShape
from pimsim.rtl.parts.design import EventDesign, NeuronDesign, SweepDesign

ACCUMULATOR_BITS = 20
LIF = NeuronDesign(
    kind="lif",
    threshold=9,
    leak=3,
    fraction_bits=2,
    leak_half_up=True,
    leak_digits=(),
    accumulator_bits=ACCUMULATOR_BITS,
    membrane_bits=12,
    membrane_shift=0,
    membrane_half_up=True,
    multiplier=0,
    shift=0,
    activation_bits=0,
)


def scatter_design(shape: LayerShape, *, kind: str = "lif", weight_zero: int = 0, signed: bool = True, **core):
    """A core as the stepped machine takes its parameters; ``core`` has those of `naive_event.EventCore`."""
    spikes = kind != "accumulate"
    sweep = SweepDesign(
        neuron=replace(LIF, kind=kind),
        lanes=core["lanes"],
        channels=shape.out_channels,
        positions=shape.positions,
        depth=core["sweep_depth"],
        stored_bits=ACCUMULATOR_BITS,
        ports=core.get("ports", 2),
        banks=core.get("banks", 1),
        adds=False,
        weight_zero=weight_zero,
        count_bits=int(shape.fan_in * np.prod(shape.pool)).bit_length(),
        value_bits=int(spikes),
        word_values=core["scan_width"] if spikes else 0,
    )
    return EventDesign(
        shape=shape,
        gather=False,
        lanes=core["lanes"],
        scan_width=core["scan_width"],
        fifo_depth=core["fifo_depth"],
        pipeline_depth=core["pipeline_depth"],
        forwarding=core.get("forwarding", True),
        weight_bits=6,
        weight_signed=signed,
        sweep=sweep,
    )


@st.composite
def scatter_cores(draw: st.DrawFn) -> dict[str, object]:
    """Any scatter core, as keywords of `naive_event.EventCore`."""
    ports = draw(st.sampled_from([1, 2]))
    return {
        "lanes": draw(st.integers(1, 9)),
        "scan_width": draw(st.sampled_from([8, 8, 16, 32, 64, 128])),
        "fifo_depth": draw(st.sampled_from([1, 2, 3, 5, 16])),
        "pipeline_depth": draw(st.integers(3 - ports, 6)),
        "sweep_depth": draw(st.integers(1, 5)),
        "ports": ports,
        "banks": draw(st.sampled_from([1, 2, 3, 4, 7])),
        "forwarding": draw(st.booleans()),
    }


@st.composite
def layers_and_maps(draw: st.DrawFn, steps: int = 2):
    """A layer's shape and ``steps`` maps in front of it, lists of bits."""
    shape = draw(shapes())
    neurons = int(np.prod(shape.source_shape))
    return shape, [draw(maps(neurons)) for _ in range(steps)]


def random_weights(design: EventDesign, seed: int) -> np.ndarray:
    """Codes (C_out, C_in, kD, kH, kW) over the whole range of the layer's form."""
    shape, bits = design.shape, design.weight_bits
    low, high = (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1) if design.weight_signed else (0, 2**bits - 1)
    size = (shape.out_channels, shape.in_shape[0], *shape.kernel)
    return np.random.default_rng(seed).integers(low, high + 1, size)

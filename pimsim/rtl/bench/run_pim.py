"""Simulates a layer on a bit-serial crossbar, clock by clock, and says what was seen."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Hardware
from pimsim.mapping import Mapping
from pimsim.model.architecture import LayerShape
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.bench.pim_bench import PimBench
from pimsim.rtl.bench.step_bench import check_lanes, run_bench
from pimsim.rtl.crossbar.place import pim_content, pim_design
from pimsim.rtl.parts.design import sweep_design
from pimsim.rtl.parts.observe import Int64Array, Observed

Inputs = npt.NDArray[np.unsignedinteger]


def run_pim(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int, inputs: Inputs) -> Observed:
    """Inferences of layer ``index``, which ``mapping`` has placed on a bit-serial crossbar, with ideal arrays.

    ``inputs`` as `pimsim.simulation.in_front` gives them: codes (N, C, D, H, W), packed spikes uint8 (N, T, bytes) or
    activations (N, neurons).  Sums that are formed for all steps at once are ``front_cycles``, others are part of each
    step.  Raises RuntimeError where the layer never hands over.
    """
    return run_bench(pim_bench(network, mapping, hardware, index, inputs), mapping.layers[index].name)[0]


def watch_pim(
    network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int, inputs: Inputs
) -> tuple[Observed, dict[str, Int64Array]]:
    """`run_pim`, and what every cycle of it looked like: by field of ``activity`` its value, (cycles,) each."""
    bench = pim_bench(network, mapping, hardware, index, inputs)
    activity = bench.core.activity
    watched = {name: activity[name] for name in activity.shape().members}
    observed, columns = run_bench(bench, mapping.layers[index].name, watched)
    return observed, dict(zip(watched, columns, strict=True))


def pim_bench(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, index: int, inputs: Inputs) -> PimBench:
    """The layer with its weights and with source maps of ``inputs``."""
    layer, pim = mapping.layers[index], hardware.engines.named(mapping.layers[index].engine)
    assert isinstance(pim, BitSerialPim)
    check_lanes(sweep := sweep_design(network, mapping, hardware, index))
    design = pim_design(network.layers[index], layer, pim)
    values = source_values(layer.shape, inputs).reshape(-1).tolist()
    return PimBench(
        design,
        pim_content(network.layers[index], design, pim),
        sweep,
        values,
        steps=mapping.steps,
        once=index == 0 or layer.operands.passes > 1,
    )


def source_values(shape: LayerShape, inputs: Inputs) -> npt.NDArray[np.integer]:
    """What a layer reads as values (N, maps, neurons) in the order depth, height, width, channel."""
    if inputs.ndim == 5:
        return np.moveaxis(inputs, 1, -1).reshape(len(inputs), 1, -1)
    if inputs.ndim == 2:
        return inputs[:, None]
    return np.unpackbits(inputs, axis=2, count=prod(shape.source_shape), bitorder="little")

"""A layer's sums before they meet neurons: weight rows, crossbars, and how far they reach."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.model.architecture import Shape3
from pimsim.model.macro import EXACT, Macro
from pimsim.model.network import SINGLE_SPIKE, IntegerLayer, IntegerNetwork, LayerNumerics
from pimsim.simulation import bounds, geometry
from pimsim.simulation.bounds import Interval
from pimsim.simulation.crossbar import Crossbar, lower_crossbar


@dataclass(frozen=True, eq=False)
class Currents:
    """What the sums of one layer are formed from, and the intervals that no input can make them leave.

    order    nesting of the axes of its grid of cells
    rows     (rows, C_out) weights less their zero point
    exact    of integer sums at any step, also where a crossbar gives others
    current  of what neurons are given at any step
    total    of what they are given over all steps together, where sources fire once and so add each product once;
             None where nothing is known beyond ``current``
    crossbar, spike_crossbar  of sums of the layer's input, under hybrid encoding of codes and of input spikes;
             there are then either none or both, an exact one where the machine has none
    spike_rows  under hybrid encoding the rows times what a spike is worth, else None
    """

    order: Shape3
    rows: npt.NDArray[np.int32]
    exact: Interval
    current: Interval
    total: Interval | None
    crossbar: Crossbar | None
    spike_crossbar: Crossbar | None = None
    spike_rows: npt.NDArray[np.int64] | None = None


def currents_of(network: IntegerNetwork, index: int, widths: LayerNumerics) -> Currents:
    """Sums of layer ``index`` in the words of ``widths``."""
    layer, inputs, pool = network.layers[index], network.input_range(index), prod(network.layers[index].shape.pool)
    hybrid = index == 0 and network.is_hybrid
    macro = _macro(layer, widths.crossbar, beside=widths.spike_crossbar if hybrid else None)
    order = geometry.NATURAL if macro else geometry.best_order(layer.shape)
    rows = geometry.weight_rows(layer.centred, order)
    exact = bounds.current_bounds(rows, (inputs[0] * pool, inputs[1] * pool))
    zero = network.input.zero_point if index == 0 else 0
    crossbar, current = lower_crossbar(layer, macro, zero, inputs) if macro else (None, exact)
    once = macro is None and index > 0 and network.layers[index - 1].neuron.kind == SINGLE_SPIKE
    sums = Currents(order, rows, exact, current, exact if once else None, crossbar)
    return _with_input_spikes(network, sums, widths) if hybrid else sums


def _with_input_spikes(network: IntegerNetwork, of_codes: Currents, widths: LayerNumerics) -> Currents:
    """The first layer's sums at all steps from those of its codes: the two never meet in one step."""
    assert network.input_spikes is not None  # hybrid encoding has them
    shift, layer = network.input_spikes.shift, network.layers[0]
    rows = of_codes.rows.astype(np.int64) << shift
    exact = later = bounds.current_bounds(rows, (0, 1))
    macro, crossbar = _macro(layer, widths.spike_crossbar, beside=widths.crossbar), None
    if macro is not None:
        crossbar, reach = lower_crossbar(layer, macro, 0, (0, 1))
        later = reach[0] << shift, reach[1] << shift
    together = of_codes.exact[0] + exact[0], of_codes.exact[1] + exact[1]
    return Currents(
        order=of_codes.order,
        rows=of_codes.rows,
        exact=bounds.hull(of_codes.exact, exact),
        current=bounds.hull(of_codes.current, later),
        total=together if macro is None else None,
        crossbar=of_codes.crossbar,
        spike_crossbar=crossbar,
        spike_rows=rows,
    )


def _macro(layer: IntegerLayer, own: Macro | None, *, beside: Macro | None) -> Macro | None:
    """A layer's own macro, or an exact one where sums are exact ``beside`` converted ones: one loop then takes both."""
    if own is None and beside is not None:
        return Macro(layer.shape.fan_in, adc_bits=1, adc_full_scale_lsb=EXACT)
    return own

"""From the integer network to the arrays that the kernels take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pimsim.model.architecture import LayerShape, Shape3
from pimsim.model.network import CLASSIFIERS, RELU, IntegerNetwork, LayerNumerics, Neuron
from pimsim.simulation import bounds, geometry
from pimsim.simulation.bounds import Bounds, Interval, Law
from pimsim.simulation.crossbar import Crossbar
from pimsim.simulation.currents import currents_of
from pimsim.simulation.geometry import Field, Segments, UInt64Array
from pimsim.simulation.packing import group_of, weight_blocks
from pimsim.simulation.tables import Tables, make_tables

#: fewer stay in a first cache as they are
MIN_COLUMN_WEIGHTS = 2**15
#: more than a second cache keeps beside all else
MIN_WIDE_WEIGHTS = 2**18
#: events added per pass of the kernels
PASS = 8
#: more would not stay in a second cache
MAX_COLUMN_SUMS = 2**18
#: steps in which the currents of 16-bit membranes are narrowed until the proof succeeds
PARTS = 32
#: neurons per pass of the firing kernel: one word of spikes
CHUNK = 64
NO_SEGMENTS = Segments(*(np.zeros(0, np.uint64) for _ in range(3)))


class Neurons(NamedTuple):
    """A layer's neurons as the firing kernel takes them; every number fits in the layer's lanes.

    λ = leak / 2^fraction; of 16-bit lanes λ · 2^16 = leak, plus 2^16 where ``fraction`` is −1.
    Of a membrane the bits of the mask ``kept`` are stored, after ``step_half`` was added.
    """

    neurons: int
    outputs: int
    threshold: int
    reset: int
    leak: int
    fraction: int
    half_up: bool
    once: bool
    low: int
    high: int
    checked: bool
    step_half: int
    kept: int


class Narrow(NamedTuple):
    """Neurons in 16-bit lanes, for samples with currents from ``low`` to ``high``: none can leave these lanes."""

    neurons: Neurons
    low: int
    high: int


class Requantization(NamedTuple):
    """``clip((a · multiplier + half) >> shift, 0, highest)``."""

    multiplier: int
    half: int
    shift: int
    highest: int


@dataclass(frozen=True, eq=False)
class LoweredLayer:
    """One layer ready to run.

    weights  (blocks, rows + 1, lanes): C_out padded with zeros, the last row zero; 8 bits where ``group``
             events' rows surely add up within them (0: never)
    chunk    where one block of weights after the other is taken by all samples, how many events' rows surely add up
             in 16 bits; else 0
    sums     type of currents
    lanes    type of membranes, wide enough for whatever any input can cause
    narrow   the same neurons in fewer bits for values that do not cause so much; None where that saves nothing
    cells       input neurons of the padded grid
    tables      sums of rows, where fields are small; None where rows are added event by event
    columns     where the parts of a field are, if it is summed column by column: ``field`` and ``weights`` are then
                those of a column, and ``partial`` is the number of sums and slack
    input_zero  zero point of the input codes, 0 behind the first layer
    valued   whether the input is values, whose places are ``origins``; a spike map is cut into ``segments``
    spike_weights   weights of the spikes that the first layer takes behind step 1 under hybrid encoding, times what a
                    spike is worth, None elsewhere; ``segments`` and ``tables`` are then of those spikes
    spike_crossbar  the crossbar of their sums, which are shifted by ``spike_shift`` behind it
    pooled   the pool of values and what is left of the map, None where there is none
    requantized  how sums become activations, None in a spiking network and for the classifier
    time_weight  what a step until the first crossing takes off the outputs of a timed classifier, 0 elsewhere
    """

    name: str
    neurons: int
    steps: int
    field: Field
    weights: npt.NDArray[Any]
    group: int
    chunk: int
    sums: np.dtype[Any]
    lanes: np.dtype[Any]
    law: Neurons
    narrow: Narrow | None
    numerics: LayerNumerics
    cells: int
    bounds: Bounds
    crossbar: Crossbar | None
    tables: Tables | None
    input_zero: int
    valued: bool
    origins: UInt64Array
    segments: Segments
    spike_weights: npt.NDArray[Any] | None
    spike_crossbar: Crossbar | None
    spike_shift: int
    columns: UInt64Array | None
    partial: int
    pooled: LayerShape | None
    requantized: Requantization | None
    time_weight: int

    @property
    def width(self) -> int:
        """Elements of a padded weight row."""
        return int(self.weights.shape[2])

    @property
    def event_type(self) -> type[np.unsignedinteger]:
        """Events are element offsets into a grid of weight rows: 32 bits, but for gigantic maps."""
        return np.uint32 if self.cells * self.width < 2**32 else np.uint64

    @cached_property
    def most_events(self) -> int:
        """Events of a map in which every neuron fires, and what kernels touch behind the last one."""
        return int(np.bitwise_count(self.segments.masks).sum()) + CHUNK

    @property
    def maps(self) -> int:
        """Spike maps that the layer reads per sample."""
        return 0 if self.valued and self.spike_weights is None else self.steps

    @property
    def presented(self) -> int:
        """Steps with currents of their own: one of codes that are the same at every step, and of a CNN."""
        return self.maps or 1

    @property
    def padded(self) -> int:
        """Neurons with the slack that padded weight rows reach into, in whole chunks."""
        return -(-(self.neurons + self.width) // CHUNK) * CHUNK


def lower(network: IntegerNetwork, numerics: Sequence[LayerNumerics]) -> tuple[LoweredLayer, ...]:
    """Lay out every layer and choose its words."""
    return tuple(_lower(network, index, widths) for index, widths in enumerate(numerics))


def _lower(network: IntegerNetwork, index: int, widths: LayerNumerics) -> LoweredLayer:
    layer, first, valued = network.layers[index], index == 0, index == 0 or network.is_cnn
    shape, law, sent = layer.shape, Law.of(network, layer, widths), currents_of(network, index, widths)
    order, rows, pool = sent.order, sent.rows, prod(layer.shape.pool)
    stored = widths.accumulator_bits if layer.neuron.kind in (RELU, *CLASSIFIERS) else widths.membrane_bits
    reach = bounds.membrane_bounds(sent.current, law, stored, network.time_steps, total=sent.total)
    lanes, sums = _lanes(reach, law), _word(bounds.hull(sent.exact, (0, 0)))
    exact, spiked = sent.crossbar is None, sent.spike_rows is not None
    narrowed = valued and not spiked and exact and sums == np.int16 and lanes == np.int32
    summed = exact and not valued  # event by event
    chunk = _chunk(shape, rows, pool) if summed else 0
    if chunk:
        sums, lanes = np.dtype(np.int32), max(lanes, np.dtype(np.int32))
    group = group_of(rows, pool) if chunk or (sums == np.int16 and not valued) else 0
    looked_up = rows if sent.spike_rows is None else sent.spike_rows
    small = pool == 1 and not chunk and (summed or (exact and spiked))
    tables = _tables(shape, order, looked_up, sums) if small else None
    axis = _column_axis(shape) if summed and not chunk and tables is None else None
    fields, centred = shape, layer.centred
    if axis is not None:
        fields, centred = geometry.column_shape(shape, axis), geometry.column_weight(centred, axis)
        order = geometry.best_order(fields)
        rows = geometry.weight_rows(centred, order)
    weights = weight_blocks(rows, np.int8 if group else sums, np.dtype(np.int16) if chunk else sums)
    return LoweredLayer(
        name=layer.name,
        neurons=shape.neurons,
        steps=network.time_steps,
        field=geometry.receptive_fields(fields, order, weights.shape[2]),
        weights=weights,
        group=group,
        chunk=chunk,
        sums=sums,
        lanes=lanes,
        law=_neurons(shape, law, stored, widths.accumulator_bits, reach, lanes),
        narrow=_narrow(shape, law, stored, widths, sent.current, network.time_steps) if narrowed else None,
        numerics=widths,
        cells=geometry.grid_size(fields),
        bounds=reach,
        crossbar=sent.crossbar,
        tables=tables,
        columns=None if axis is None else geometry.column_places(shape, axis),
        partial=0 if axis is None else fields.neurons + shape.out_channels + weights.shape[2],
        input_zero=network.input.zero_point if first else 0,
        valued=valued,
        origins=geometry.value_origins(shape, order, channels_last=not first) if valued else np.zeros(0, np.uint64),
        segments=geometry.map_segments(fields, order) if spiked or not valued else NO_SEGMENTS,
        spike_weights=None if sent.spike_rows is None else weight_blocks(sent.spike_rows, sums, sums),
        spike_crossbar=sent.spike_crossbar,
        spike_shift=network.input_spikes.shift if first and network.input_spikes else 0,
        pooled=shape if valued and pool > 1 else None,
        requantized=_requantization(layer.neuron) if layer.neuron.kind == RELU else None,
        time_weight=layer.neuron.time_weight,
    )


def _tables(
    shape: LayerShape, order: Shape3, rows: npt.NDArray[np.signedinteger], sums: np.dtype[Any]
) -> Tables | None:
    span = geometry.receptive_fields(shape, order, rows.shape[1]).span
    return make_tables(rows, geometry.segment_rows(shape, order), span, sums)


def _chunk(shape: LayerShape, rows: npt.NDArray[np.signedinteger], pool: int) -> int:
    """Events per sum in 16 bits of a layer whose weights are too many to stay near a core from sample to sample; 0 of
    others, and where not even one event's row fits in 8 bits."""
    if shape.positions > 1 or shape.weights < MIN_WIDE_WEIGHTS or not group_of(rows, pool):
        return 0
    return (2**15 - 1) // int(np.abs(rows).max(initial=1)) // PASS * PASS


def _column_axis(shape: LayerShape) -> int | None:
    """Along which axis fields are best summed column by column, if that pays.

    An event then adds one long row instead of a short one for every field that it lies in: fewer cache lines, at
    the price of a pass that adds the columns up.
    """
    axis = geometry.column_axis(shape)
    if axis is None or shape.weights < MIN_COLUMN_WEIGHTS:
        return None
    sums = geometry.column_shape(shape, axis).neurons
    return axis if sums <= MAX_COLUMN_SUMS else None


def _requantization(neuron: Neuron) -> Requantization:
    return Requantization(neuron.multiplier, 1 << neuron.shift >> 1, neuron.shift, neuron.largest)


def _word(*intervals: Interval) -> np.dtype[Any]:
    """The narrowest lane that holds every value."""
    return np.dtype(next(f"int{bits}" for bits in (16, 32, 64) if bits == 64 or bounds.fits(bits, *intervals)))


def _lanes(reach: Bounds, law: Law) -> np.dtype[Any]:
    """16-bit lanes keep the upper half of v · λ alone; wider ones form it in one word."""
    rounded = reach.offered[0], reach.offered[1] + law.step_half
    values = (reach.current, reach.integrated, rounded, (0, 1 << law.shift))
    if bounds.fits(16, *values) and law.leak <= 1 << law.fraction_bits:
        return np.dtype(np.int16)
    return np.dtype(np.int32 if bounds.fits(32, *values, reach.product) else np.int64)


def _narrow(
    shape: LayerShape, law: Law, stored: int, widths: LayerNumerics, current: Interval, steps: int
) -> Narrow | None:
    """Neurons in 16-bit lanes for the widest share of an interval of currents that is proved to stay inside them."""
    for share in range(PARTS - 1, 0, -1):
        part = current[0] * share // PARTS, current[1] * share // PARTS
        reach = bounds.membrane_bounds(part, law, stored, steps)
        lanes = _lanes(reach, law)
        if lanes == np.int16:
            return Narrow(_neurons(shape, law, stored, widths.accumulator_bits, reach, lanes), *part)
    return None


def _neurons(
    shape: LayerShape, law: Law, stored_bits: int, accumulator_bits: int, reach: Bounds, lanes: np.dtype[Any]
) -> Neurons:
    """Thresholds and limits that no value reaches are cut to the lane; watching is left out where proof allows it."""
    low, high = int(np.iinfo(lanes).min), int(np.iinfo(lanes).max)
    limit = 1 << (stored_bits - 1)
    proved = bounds.fits(stored_bits, reach.offered) and bounds.fits(accumulator_bits, reach.integrated)
    least, most = -limit << law.shift, limit - 1 << law.shift
    leak, fraction = law.leak, law.fraction_bits
    if lanes == np.int16:
        unsigned = leak << 16 - fraction
        leak, fraction = (unsigned + 2**15) % 2**16 - 2**15, -1 if unsigned >= 2**15 else 0
    return Neurons(
        neurons=shape.neurons,
        outputs=shape.out_channels,
        threshold=high if law.threshold is None else min(law.threshold, high),
        reset=min(law.reset, high),
        leak=leak,
        fraction=fraction,
        half_up=law.half > 0,
        once=law.once,
        low=max(least, low),
        high=min(most, high),
        checked=law.shift > 0 or not proved,
        step_half=law.step_half,
        kept=-1 << law.shift,
    )

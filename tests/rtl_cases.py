"""Random layers on random machines, for the comparison of the simulator with the described hardware.

Every knob of the ``event`` section is drawn; accumulators are as narrow as the proof allows, or a few bits wider, so
that sums of uncorrected codes wrap.  Maps are drawn, not executed: any density, bursts, silence.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from hypothesis import assume, reject
from hypothesis import strategies as st
from strategies import cnns, coded_networks

from pimsim.errors import AccumulatorError, MappingError
from pimsim.hardware import Hardware, load_hardware
from pimsim.mapping import Mapping, map_model
from pimsim.model.architecture import CONV2D, CONV3D, Architecture, LayerShape
from pimsim.model.input import InputQuantization
from pimsim.model.network import (
    ACCUMULATE,
    AFFINE,
    IF,
    LIF,
    ROUNDINGS,
    SCALE,
    SINGLE_SPIKE,
    IntegerLayer,
    IntegerNetwork,
    Neuron,
)
from pimsim.rtl.verify.case import LayerCase

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
    return words | {"skip_fired": draw(st.booleans())}


def placed_on(
    name: str, engine: str, network: IntegerNetwork, knobs: dict[str, Any], slack: int
) -> tuple[Hardware, Mapping]:
    """A machine whose ``engine`` has the narrowest accumulator that holds the network's sums, and ``slack`` bits.

    ``knobs`` of that engine; a key with a dot is one of the file, ``order.`` of its top level.  The other engines have
    the widest words.
    """
    bits = knobs["membrane_bits"]
    while True:
        hardware = _machine(name, engine, knobs, bits)
        try:
            return hardware, map_model(network, hardware)
        except AccumulatorError as error:
            if bits == WIDEST:
                raise
            bits = min(WIDEST, max(bits + 1, error.bits + slack))


def _machine(name: str, engine: str, knobs: dict[str, Any], accumulator_bits: int) -> Hardware:
    others = {one for one in ("pim", "mac", "event") if load_hardware(name).engines.named(one) is not None}
    wide = {f"engines.{one}.accumulator_bits": WIDEST for one in others}
    wide |= {f"engines.{one}.membrane_bits": 20 for one in others}
    changes = {key.strip(".") if "." in key else f"engines.{engine}.{key}": value for key, value in knobs.items()}
    return load_hardware(name, wide | changes | {f"engines.{engine}.accumulator_bits": accumulator_bits})


def on_event_core(network: IntegerNetwork, knobs: dict[str, Any], slack: int) -> tuple[Hardware, Mapping]:
    return placed_on("digital45nm", "event", network, knobs, slack)


@st.composite
def event_cases(
    draw: st.DrawFn,
    most_cycles: int = 4000,
    knobs: st.SearchStrategy[dict[str, Any]] | None = None,
    *,
    behind: bool = False,
) -> LayerCase:
    """A layer on an event core, and maps for it, or codes if its inputs fire; ``most_cycles`` in all, or a single small
    map.  Always one ``behind`` another, if so: it is then the core alone that is described."""
    network = draw(coded_networks(max_hidden=2))
    hardware, mapping = on_event_core(network, draw(event_knobs() if knobs is None else knobs), draw(st.integers(0, 3)))
    index = draw(st.integers(0 if network.is_hybrid and not behind else 1, len(network.layers) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    maps = _inputs(draw, rng, network, index, draw(st.integers(1, 3)))
    case = LayerCase(network, mapping, hardware, index, maps)
    while len(maps) > 1 and case.timing().cycles > most_cycles:
        maps = maps[: len(maps) // 2]
        case = LayerCase(network, mapping, hardware, index, maps)
    return case


@st.composite
def crossbar_knobs(draw: st.DrawFn) -> dict[str, Any]:
    """Every parameter of the bit-serial ``pim`` section but its accumulator; a converter may clip."""
    rows, columns = draw(st.integers(2, 40) | st.integers(40, 150)), draw(st.integers(24, 90) | st.integers(100, 400))
    return {
        "rows": rows,
        "columns": columns,
        "arrays": draw(st.integers(1, 5)),
        "weight_encoding": draw(st.sampled_from(["offset", "differential", "twos_complement"])),
        "cell_bits": draw(st.integers(1, 4)),
        "dac_bits": draw(st.integers(1, 4) | st.integers(1, 8)),
        "rows_active": draw(st.just(rows) | st.integers(1, rows)),
        "pulse_cycles": draw(st.integers(1, 3)),
        "columns_per_adc": draw(st.just(1) | st.integers(1, columns)),
        "adc_bits": draw(st.sampled_from([16, 16, 8, 5, 3, 1])),
        "adc_cycles": draw(st.integers(1, 3)),
        "sample_and_hold": draw(st.booleans()),
        "input_port_codes": draw(st.integers(1, 9) | st.integers(1, 64)),
        "correction_depth": draw(st.integers(1, 4) | st.integers(1, 32)),
        "copies_in_array": draw(st.sampled_from(["none", "diagonal", "shifted"])),
        "neuron_lanes": draw(st.just(1) | st.integers(1, 9)),
        "sweep_depth": draw(st.integers(1, 6) | st.integers(1, 32)),
        "schedule": draw(st.sampled_from(["pipelined", "shared"])),
        "order": draw(st.sampled_from(["step_major", "layer_major"])),
        **draw(neuron_words()),
    }


@st.composite
def crossbar_cases(draw: st.DrawFn, most_cycles: int = 3000) -> LayerCase:
    """Any layer of a spiking network or a CNN on a bit-serial crossbar, first or behind others."""
    knobs, cnn = draw(crossbar_knobs()), draw(st.integers(0, 3)) == 0
    network = draw(cnns(max_hidden=1, max_bits=4) if cnn else coded_networks(max_hidden=2))
    return _dense_case(draw, "pim45nm_bitserial", "pim", network, knobs, most_cycles)


@st.composite
def sweep_cases(draw: st.DrawFn) -> LayerCase:
    """A layer on multipliers or an analog crossbar, of which the sweep alone is described."""
    name, engine = draw(st.sampled_from([("ann45nm", "mac"), ("pim45nm", "pim")]))
    knobs = {"neuron_lanes": draw(st.integers(1, 9)), "sweep_depth": draw(st.integers(1, 6) | st.integers(1, 32))}
    knobs |= draw(neuron_words()) | ({"network": "as_is"} if engine == "mac" else {})
    network = draw(cnns(max_hidden=2, max_bits=8) if draw(st.integers(0, 2)) == 0 else coded_networks(max_hidden=2))
    return _dense_case(draw, name, engine, network, knobs, 10**6)


def _dense_case(
    draw: st.DrawFn, name: str, engine: str, network: IntegerNetwork, knobs: dict[str, Any], most_cycles: int
) -> LayerCase:
    """A layer that fits its engine, on random inputs; a run of too many cycles is no case."""
    whole = {f"{key}": knobs.pop(key) for key in ("schedule", "order", "network") if key in knobs}
    changes = knobs | {f"{key}.": value for key, value in whole.items()} | {"layers.others": engine}
    try:
        hardware, mapping = placed_on(name, engine, network, changes, draw(st.integers(0, 3)))
    except MappingError:
        reject()
    index = draw(st.integers(0, len(network.layers) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    of_codes = network.is_hybrid and index == 0 and name == "pim45nm_bitserial" and draw(st.booleans())
    inputs = _inputs(draw, rng, network, index, draw(st.integers(1, 2)))
    case = LayerCase(network, mapping, hardware, index, inputs, of_codes=of_codes)
    assume(case.timing().cycles <= most_cycles)
    return case


def _inputs(draw: st.DrawFn, rng: np.random.Generator, network: IntegerNetwork, index: int, samples: int) -> np.ndarray:
    """Codes, activations or maps."""
    if index == 0:
        codes = rng.integers(0, 2**network.input.bits, (samples, *network.architecture.input_shape))
        return codes.astype(network.input.code_dtype)
    before = network.layers[index - 1]
    if network.is_cnn:
        values = rng.integers(0, before.neuron.largest + 1, (samples, before.shape.neurons))
        return values.astype(np.min_scalar_type(before.neuron.largest))
    maps = _maps(draw, rng, (samples, network.time_steps, before.shape.neurons))
    return once(maps) if before.neuron.kind == SINGLE_SPIKE else maps


def _maps(draw: st.DrawFn, rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Packed spikes (N, T, bytes): a rate for every step, and stretches of silence as long as scan words."""
    rate = rng.choice([0.0, 0.02, 0.1, 0.3, 0.6, 1.0], (*shape[:2], 1))
    stretch = draw(st.sampled_from([1, 8, 64]))
    loud = np.repeat(rng.random((*shape[:2], -(-shape[2] // stretch))) < 0.7, stretch, axis=2)[..., : shape[2]]
    return np.packbits((rng.random(shape) < rate) & loud, axis=2, bitorder="little")


def once(maps: np.ndarray) -> np.ndarray:
    """Packed spikes (N, T, bytes) of which each neuron keeps its first."""
    earlier = np.zeros_like(maps)
    earlier[:, 1:] = np.bitwise_or.accumulate(maps, axis=1)[:, :-1]
    return maps & ~earlier


SHAPES = (
    LayerShape("padded", CONV3D, (3, 6, 1, 1), 5, (3, 1, 1), (1, 1, 1), (1, 0, 0)),
    LayerShape("strided", CONV3D, (2, 5, 4, 3), 3, (2, 3, 1), (2, 1, 2), (0, 1, 0)),
    LayerShape("apart", CONV3D, (2, 9, 3, 1), 4, (1, 2, 1), (3, 1, 1)),  # inputs that reach nothing
    LayerShape("flat", CONV2D, (3, 1, 5, 4), 7, (1, 3, 2), (1, 1, 1), (0, 1, 1)),
    LayerShape("pooled", CONV3D, (2, 5, 4, 2), 6, (2, 1, 1), pool=(2, 2, 1)),  # a plane that fills no window
    LayerShape("mixed", CONV2D, (6, 7, 1, 1), 5, (1, 3, 3), (1, 2, 1), (0, 1, 0), (1, 1, 1), True),
    LayerShape.linear("whole", (5, 3, 2, 2), 9),
    LayerShape.linear("halved", (4, 1, 4, 4), 6, pool=(1, 2, 2)),
)
"""Every kind of layer, with all that a layer can have."""


def made_event_case(number: int, shape: LayerShape | None = None) -> LayerCase:
    """A layer of ``shape`` or `SHAPES` on an event core; numbers differ in every knob, at rates at which it works."""
    rng = np.random.default_rng(number)
    shape = shape or SHAPES[number % len(SHAPES)]
    knobs = made_knobs(rng, gather=number % 3 == 0)
    knobs["skip_fired"] = number % 4 == 1
    steps, samples = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    network = made_network(rng, shape, steps, classifies=shape.positions == 1 and bool(rng.random() < 0.4))
    hardware, mapping = on_event_core(network, knobs, int(rng.integers(0, 3)))
    neurons = network.layers[0].shape.neurons
    fires = rng.random((samples, steps, neurons)) < rng.choice([0.0, 0.1, 0.3, 0.6, 1.0], (samples, steps, 1))
    return LayerCase(network, mapping, hardware, 1, np.packbits(fires, axis=2, bitorder="little"))


def made_knobs(rng: np.random.Generator, *, gather: bool) -> dict[str, Any]:
    """Every parameter, each at its ends and in between."""
    one = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731 - the shortest way to say it
    ports = one(1, 1, 2, 2)
    knobs: dict[str, Any] = {
        "dataflow": "gather" if gather else "scatter",
        "lanes": one(1, 2, 3, 4, 9),
        "scan_width": one(8, 8, 16, 64, 256),
        "fifo_depth": one(1, 1, 2, 3, 8),
        "pipeline_depth": one(2, 3, 4, 7, 12) if ports == 1 and not gather else one(1, 2, 3, 6, 12),
        "forwarding": True if gather else one(True, False),
        "sweep_depth": one(1, 2, 3, 4, 7),
        "membrane_ports": ports,
        "membrane_banks": one(1, 1, 2, 3),
        "membrane_bits": one(4, 6, 10, 14),
    }
    return knobs | _made_words(rng)


def _made_words(rng: np.random.Generator) -> dict[str, Any]:
    """Membranes in steps, and leaks of shifts."""
    one = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731 - as above
    words: dict[str, Any] = {}
    if rng.random() < 0.6:
        words |= {"membrane_step": "auto", "membrane_range": one(0.5, 1.0, 2.0), "membrane_bits": one(4, 5)}
        words |= {"membrane_rounding": one("floor", "half_up", "half_up")}
    if rng.random() < 0.3:
        words |= {"leak": "shifts", "leak_terms": one(1, 2)}
    return words


def made_crossbar_case(number: int, shape: LayerShape | None = None) -> LayerCase:
    """A layer of ``shape`` or `SHAPES` on a bit-serial crossbar: behind another one, or first if without pool."""
    rng = np.random.default_rng(number)
    shape = shape or SHAPES[number % len(SHAPES)]
    first = number % 3 == 0 and prod(shape.pool) == 1
    network = made_network(rng, shape, int(rng.integers(1, 4)), classifies=False, first=first)
    knobs = made_crossbar(rng, shape) | {"skip_fired": number % 4 == 1}
    hardware, mapping = placed_on("pim45nm_bitserial", "pim", network, knobs, int(rng.integers(0, 3)))
    samples, neurons = int(rng.integers(1, 3)), prod(shape.source_shape)
    if first:
        codes = rng.integers(0, 2**network.input.bits, (samples, *shape.source_shape)).astype(np.uint8)
        return LayerCase(network, mapping, hardware, 0, codes)
    fires = rng.random((samples, network.time_steps, neurons)) < 0.3
    return LayerCase(network, mapping, hardware, 1, np.packbits(fires, axis=2, bitorder="little"))


def made_crossbar(rng: np.random.Generator, shape: LayerShape) -> dict[str, Any]:
    """Every parameter; arrays of a part of the layer, of all of it, and of several copies."""
    one = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731 - as above
    rows = one(shape.fan_in // 2 + 1, shape.fan_in, 3 * shape.fan_in)
    knobs = {
        "rows": rows,
        "columns": one(24, 64, 200),
        "arrays": one(1, 2, 5),
        "weight_encoding": one("offset", "differential", "twos_complement"),
        "cell_bits": one(1, 2, 3),
        "dac_bits": one(1, 2, 3),
        "rows_active": max(1, rows // one(1, 2, 4)),
        "pulse_cycles": one(1, 2, 3),
        "columns_per_adc": one(1, 4, 24),
        "adc_bits": one(16, 16, 4, 2),
        "adc_cycles": one(1, 2, 3),
        "sample_and_hold": one(True, False),
        "input_port_codes": one(1, 3, 8),
        "correction_depth": one(1, 2, 3),
        "copies_in_array": one("none", "diagonal", "shifted"),
        "neuron_lanes": one(1, 3, 9),
        "sweep_depth": one(1, 3, 5),
        "membrane_bits": one(8, 14),
        "layers.others": "pim",
        "order.": one("step_major", "layer_major"),
        "schedule.": one("pipelined", "shared"),
    }
    return knobs | one({}, {}, WRITER_LAST, _blocks(shape), _split(shape)) | _made_words(rng)


WRITER_LAST = {
    "schedule.": "pipelined",
    "columns_per_adc": 1,
    "adc_cycles": 1,
    "pulse_cycles": 1,
    "dac_bits": 8,
    "adc_bits": 16,
    "input_port_codes": 64,
    "neuron_lanes": 1,
    "sample_and_hold": True,
}
"""Everything is quick but the writer, so that one group's sums wait for those of the group before."""


def _blocks(shape: LayerShape) -> dict[str, Any]:
    """Several blocks of an array at work at once, whose columns share converters."""
    size = {"rows": 3 * shape.fan_in, "rows_active": shape.fan_in, "columns": 400, "columns_per_adc": 32, "arrays": 1}
    quick = {"adc_cycles": 1, "dac_bits": 8, "input_port_codes": 64}
    return size | quick | {"schedule.": "pipelined", "copies_in_array": "diagonal", "cell_bits": 1}


def _split(shape: LayerShape) -> dict[str, Any]:
    """Rounds with the last rows of some outputs and the first rows of others, which need other sums of inputs."""
    size = {"rows": shape.fan_in // 3 + 1, "rows_active": shape.fan_in // 3 + 1, "columns": 24, "arrays": 2}
    quick = {"columns_per_adc": 1, "adc_cycles": 1, "dac_bits": 8, "input_port_codes": 64, "neuron_lanes": 9}
    return size | quick | {"schedule.": "pipelined", "weight_encoding": "offset", "cell_bits": 1}


def made_pipeline(number: int) -> tuple[IntegerNetwork, Mapping, Hardware, np.ndarray]:
    """A machine with an engine per layer, and codes of seven samples, many of them silent: stages of all lengths."""
    rng = np.random.default_rng(number)
    network = made_network(rng, SHAPES[number % len(SHAPES)], 1 + number % 3, classifies=False)
    knobs = made_knobs(rng, gather=number % 2 == 0) | {"lanes": 1 + number % 4, "schedule.": "pipelined"}
    slow = {"engines.mac.neuron_lanes": 1 + 8 * (number % 2)}
    hardware, mapping = placed_on("digital45nm", "event", network, knobs | slow, 0)
    codes = rng.integers(0, 2**network.input.bits, (7, *network.architecture.input_shape))
    codes[rng.random(7) < 0.5] = network.input.zero_point
    return network, mapping, hardware, codes.astype(np.uint8)


def made_network(
    rng: np.random.Generator, shape: LayerShape, steps: int, *, classifies: bool, first: bool = False
) -> IntegerNetwork:
    """A layer of ``shape``, behind one that makes its map unless it is ``first``, in front of a classifier."""
    channels, depth, height, width = shape.source_shape
    fraction = 6
    neuron = Neuron(ACCUMULATE)
    if not classifies:
        kind = str(rng.choice([LIF, LIF, IF, SINGLE_SPIKE]))
        leak = 2**fraction if kind == IF else int(rng.integers(1, 2**fraction))
        neuron = Neuron(kind, int(rng.integers(5, 60)), leak)
    layers = [_made_layer(rng, shape, neuron)]
    if not first:
        front = LayerShape("front", CONV3D, (1, depth, height, width), channels, (1, 1, 1))
        layers.insert(0, _made_layer(rng, front, Neuron(IF, 3, 2**fraction)))
    if not classifies:
        layers.append(_made_layer(rng, LayerShape.linear("classes", shape.out_shape, 3), Neuron(ACCUMULATE)))
    source = layers[0].shape.source_shape
    return IntegerNetwork(
        architecture=Architecture("made", source, tuple(layer.shape for layer in layers)),
        input=InputQuantization(4, 1.0, int(rng.choice([0, 5])), np.zeros(depth), np.ones(depth)),
        layers=tuple(layers),
        time_steps=steps,
        leak_fraction_bits=fraction,
        leak_rounding=str(rng.choice(ROUNDINGS)),
    )


def _made_layer(rng: np.random.Generator, shape: LayerShape, neuron: Neuron) -> IntegerLayer:
    affine, bits = bool(rng.random() < 0.6), int(rng.choice([3, 5]))
    low, high = (0, 2**bits - 1) if affine else (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)
    weight = rng.integers(low, high + 1, (shape.out_channels, shape.in_shape[0], *shape.kernel)).astype(np.int32)
    zero = int(rng.choice([0, high // 2, high // 3])) if affine else 0
    return IntegerLayer(shape, weight, bits, AFFINE if affine else SCALE, zero, 1.0, neuron)

"""Layer after layer instead of step after step: what is kept, what is loaded, and when results leave."""

from __future__ import annotations

import numpy as np
import pytest
from counting import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import event_settings, machine, rates, trace_of
from naive_schedule import Multipliers, pipeline_ends
from strategies import networks

from pimsim.errors import MappingError
from pimsim.mapping import map_model
from pimsim.simulation import schedule
from pimsim.simulation.kernels_schedule_pipeline import pipeline

FEW = settings(max_examples=25)


def both_orders(network, name, trace, **changes):
    """(mapping, activity) step-major and layer-major."""
    machines = [machine(name, order=order, **changes) for order in ("step_major", "layer_major")]
    mappings = [map_model(network, hardware) for hardware in machines]
    return [(own, schedule(trace, network, own, hw)) for own, hw in zip(mappings, machines, strict=True)]


@FEW
@given(networks(), st.sampled_from(["pim45nm", "digital45nm"]), event_settings, rates, st.integers(0, 99))
def test_one_core_takes_as_long_in_either_order_and_keeps_other_things(network, name, changes, rate, seed):
    """The same activities in another order.  Membranes of one layer at a time, but spike maps of all T steps."""
    trace = trace_of(network, np.random.default_rng(seed), 2, rate)
    (steps_first, by_step), (layers_first, by_layer) = both_orders(network, name, trace, **changes)
    assert by_step.total_cycles == by_layer.total_cycles
    assert by_step.latency_cycles == by_layer.latency_cycles
    apart = changes["engines__event__dataflow"] == "gather"  # the classifier's sums, which are wider than membranes
    words = [layer.sweep.words for layer in layers_first.layers if layer.engine == "event"]
    for index, together in ((-1, words[-1:]), (-2, words[:-1])) if apart else ((-1, words),):
        if steps_first.layers[index].engine == "event":
            assert steps_first.layers[index].memories.membrane.words == sum(together)
            assert layers_first.layers[index].memories.membrane.words == max(together)
    maps = [mapping.layers[0].memories.target.words for mapping in (steps_first, layers_first)]
    assert maps[1] == network.time_steps * maps[0]
    for one, other in zip(by_step.layers, by_layer.layers, strict=True):
        assert one.units == other.units
        assert counted(one, "membrane_memory", "write") == counted(other, "membrane_memory", "write")


@given(st.data())
def test_whole_samples_are_passed_from_layer_to_layer(data):
    """The kernel with the steps of a sample as one, against the machine stepped by the clock."""
    layers, steps, samples = (data.draw(st.integers(1, n)) for n in (4, 3, 4))
    service = [[data.draw(st.integers(1, 9)) for _ in range(samples * steps)] for _ in range(layers)]
    front = data.draw(st.sampled_from([0, 1, 5, 30]))
    finished = np.full(samples, -1, np.int64)
    whole = np.array(service, np.int64).reshape(layers, samples, steps).sum(axis=2)
    pipeline(whole, front, 1, 0, finished)
    assert finished.tolist() == pipeline_ends(service, front, steps, together=steps)


@FEW
@given(networks(), st.sampled_from(["pim45nm", "digital45nm"]), event_settings, rates, st.integers(0, 99))
def test_alone_in_a_pipeline_a_sample_takes_as_long_as_on_one_core(network, name, changes, rate, seed):
    """No two layers work on one sample at the same time, so nothing overlaps; step-major it does."""
    trace = trace_of(network, np.random.default_rng(seed), 2, rate)
    (_, by_step), (_, by_layer) = both_orders(network, name, trace, schedule="pipelined", **changes)
    shared = machine(name, **changes)
    alone = schedule(trace, network, map_model(network, shared), shared)
    assert by_step.latency_cycles <= by_layer.latency_cycles == alone.latency_cycles


def test_arrays_in_rounds_are_written_once_per_inference_instead_of_once_per_step():
    """conv2 alone on a crossbar of one small array: its rounds rewrite every row of every tile."""
    network = made_network()
    trace = trace_of(network, np.random.default_rng(0), 3, 0.2)
    changes = {"layers__by_name": {"conv2": "pim"}, "layers__first": "mac", "engines__pim__arrays": 1}
    changes |= {"engines__pim__rows": 8, "engines__pim__rows_active": 4, "engines__pim__columns": 20}
    changes["engines__pim__columns_per_adc"] = 4
    changes["engines__mac"] = machine("digital45nm").to_dict()["engines"]["mac"]
    (_, by_step), (mapping, by_layer) = both_orders(network, "pim45nm_bitserial", trace, **changes)
    plan = mapping.layers[1].plan
    rows = sum(tile.rows for tile in plan.tiles)
    assert plan.reloaded
    assert counted(by_layer.layers[1], "pim_array", "write") == rows * trace.samples
    assert counted(by_step.layers[1], "pim_array", "write") == rows * trace.samples * network.time_steps
    assert counted(by_layer.layers[1], "weight_memory", "read") == rows * trace.samples
    for same in (("adc", "convert"), ("shift_add", "add"), ("current_memory", "write"), ("row_driver", "pulse")):
        assert counted(by_layer.layers[1], *same) == counted(by_step.layers[1], *same)
    assert by_layer.total_cycles < by_step.total_cycles
    sums = mapping.layers[1].memories.current
    assert sums.words == network.time_steps * mapping.layers[1].sweep.words


def test_multipliers_fetch_a_tile_once_for_all_steps():
    """By the clock: each tile meets the positions of T maps, then T sweeps follow."""
    network = made_network()
    trace = trace_of(network, np.random.default_rng(0), 2, 0.2)
    (_, by_step), (mapping, by_layer) = both_orders(network, "digital45nm", trace, layers__others="mac")
    mac = machine("digital45nm").engines.mac
    for layer, one, other in zip(mapping.layers[1:], by_step.layers[1:], by_layer.layers[1:], strict=True):
        for action in (("weight_memory", "read"), ("mac", "load_weight")):
            assert counted(one, *action) == network.time_steps * counted(other, *action)
        assert counted(one, "mac", "multiply") == counted(other, "mac", "multiply")
        assert one.accumulates == other.accumulates
        core = Multipliers(
            layer.plan.fetch.tolist(),
            layer.plan.interval.tolist(),
            positions=layer.shape.positions * network.time_steps,
            multiply=mac.multiply_cycles,
            overlap=mac.overlap_fetch,
            pipeline=mac.pipeline_depth,
        )
        sweeps = network.time_steps * (layer.sweep.words + layer.sweep.depth + 2)
        assert other.cycles == trace.samples * (core.run() + 1 + sweeps)


@FEW
@given(networks(), st.sampled_from(["pim45nm", "digital45nm", "pim45nm_bitserial"]), rates, st.integers(0, 99))
def test_the_bottleneck_of_one_core_is_the_unit_that_works_most(network, name, rate, seed):
    trace = trace_of(network, np.random.default_rng(seed), 2, rate)
    hardware = machine(name)
    activity = schedule(trace, network, map_model(network, hardware), hardware)
    busy = {}
    for layer in activity.layers:
        for unit, cycles in layer.units:
            busy.setdefault((layer.engine, unit), []).append((cycles.busy, layer.layer))
    worst = max(sum(cycles for cycles, _ in found) for found in busy.values())
    named, unit = activity.bottleneck.rsplit(".", 1)
    engine = next(layer.engine for layer in activity.layers if layer.layer == named)
    assert sum(cycles for cycles, _ in busy[engine, unit]) == worst
    assert max(busy[engine, unit])[0] == next(cycles for cycles, layer in busy[engine, unit] if layer == named)


@FEW
@given(networks(), st.sampled_from(["pim45nm", "digital45nm"]), rates, st.sampled_from(["step_major", "layer_major"]))
def test_a_pipeline_gives_results_no_faster_than_the_stage_of_its_bottleneck_works(network, name, rate, order):
    """And exactly as fast where every sample is alike: the second round of one sample."""
    trace = trace_of(network, np.random.default_rng(0), 1, rate)
    hardware = machine(name, schedule="pipelined", order=order)
    activity = schedule(trace, network, map_model(network, hardware), hardware)
    named, unit = activity.bottleneck.rsplit(".", 1)
    layer = next(one for one in activity.layers if one.layer == named)
    first = activity.layers[0]
    swept = map_model(network, hardware).layers[0].sweep
    sweeps = network.time_steps * (swept.words + swept.depth + 2)
    stages = [first.cycles - sweeps, sweeps, *(one.cycles for one in activity.layers[1:])]
    own = layer.cycles if layer is not first else sweeps if unit == "sweep" else first.cycles - sweeps
    assert own == max(stages)
    assert activity.interval_cycles >= own
    if order == "layer_major":
        assert activity.interval_cycles == own


def test_a_slow_operand_port_is_the_bottleneck_of_multipliers_that_wait_for_it():
    """One code per cycle for tiles of many inputs: the multipliers are stalled, so the port is named."""
    network = made_network()
    trace = trace_of(network, np.random.default_rng(0), 1, 0.0)
    hardware = machine("digital45nm", engines__mac__input_port_codes=1, engines__mac__multiply_cycles=1)
    activity = schedule(trace, network, map_model(network, hardware), hardware)
    units = dict(activity.layers[0].units)
    assert units["multipliers"].stall > 0
    assert units["loader"].busy > max(units["multipliers"].busy, units["weight_fetch"].busy, units["sweep"].busy)
    assert activity.bottleneck == "conv1.loader"


def test_capacities_are_checked_against_what_the_order_keeps():
    """Spike maps of T steps do not fit where those of one do; membranes of the largest layer fit where all do not."""
    network, hardware = made_network(), machine("pim45nm")
    memories = map_model(network, hardware).layers[-1].memories
    maps, membranes = (part.capacity_bits / 8192 for part in (memories.source, memories.membrane))
    map_model(network, machine("pim45nm", memories__spike_kib=maps))
    with pytest.raises(MappingError, match="spike_memory needs"):
        map_model(network, machine("pim45nm", memories__spike_kib=maps, order="layer_major"))
    map_model(network, machine("pim45nm", memories__membrane_kib=0.99 * membranes, order="layer_major"))
    with pytest.raises(MappingError, match="membrane_memory needs"):
        map_model(network, machine("pim45nm", memories__membrane_kib=0.99 * membranes))

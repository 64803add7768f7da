"""A whole machine with an engine per layer, against the simulator: every class, spike, hand-over and unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_inputs import network, write_model, write_scene
from rtl_cases import event_knobs
from strategies import cases, cnns, coded_networks, networks

from pimsim.cli import main
from pimsim.errors import AccumulatorError, MappingError
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verify.machine import compare_machine
from pimsim.rtl.verify.run_pipeline import run_pipeline
from pimsim.simulation import execute, schedule
from pimsim.simulation.kernels_schedule_pipeline import pipeline
from pimsim.simulation.schedule import in_front, time_layer


@st.composite
def machines(draw: st.DrawFn):
    """A network with inputs and a pipeline for it, whose first layer is a crossbar or recorded."""
    if draw(st.integers(0, 3)) == 0:
        return draw(crossbars())
    made = draw(cases(max_samples=4, of=coded_networks(max_hidden=2)))
    base = draw(st.sampled_from(["pim45nm_bitserial", "digital45nm"]))
    first = "pim" if base.startswith("pim") else "mac"
    changes = {f"engines.event.{key}": value for key, value in draw(event_knobs()).items()}
    changes |= {"schedule": "pipelined", "order": draw(st.sampled_from(["step_major", "layer_major"]))}
    for engine in ("event", first):
        changes |= {f"engines.{engine}.accumulator_bits": 32}
    changes |= {f"engines.{first}.membrane_bits": 20, f"engines.{first}.neuron_lanes": draw(st.integers(1, 9))}
    changes |= {f"engines.{first}.sweep_depth": draw(st.integers(1, 6))}
    return made, base, changes


@st.composite
def crossbars(draw: st.DrawFn):
    """Every layer in arrays of its own, of a spiking network or a CNN; sometimes in so few that they are rewritten."""
    made = draw(cases(max_hidden=2, max_samples=3, of=st.one_of(networks(2), cnns(2, max_bits=6))))
    knobs = {"accumulator_bits": 32, "membrane_bits": 20, "neuron_lanes": draw(st.integers(1, 9))}
    knobs |= {"input_port_codes": draw(st.integers(1, 9)), "arrays": draw(st.sampled_from([1, 2, 64]))}
    changes = {f"engines.pim.{key}": value for key, value in knobs.items()}
    changes |= {"layers.others": "pim", "schedule": "pipelined", "memories.macro_width_bits": draw(st.integers(8, 40))}
    changes |= {"order": draw(st.sampled_from(["step_major", "layer_major"]))}
    return made, "pim45nm_bitserial", changes


def ends(mapping, hardware, trace) -> list[int]:
    """Cycles until each sample's class is there: §8's equations over the simulator's layers.

    Of a hybrid network the steps are those of its input spikes, behind the sums of codes by another engine.
    """
    timings = [time_layer(mapping, hardware, number, in_front(trace, number)) for number in range(len(mapping.records))]
    front = timings[0].front_cycles
    if mapping.input_spikes is not None:
        del timings[0]
    service, steps = np.stack([timing.step_cycles for timing in timings]), mapping.steps
    if hardware.order == "layer_major":
        sums = np.array([0, *(timing.front_cycles for timing in timings[1:])])
        service, steps = service.sum(2, keepdims=True) + sums[:, None, None], 1
    finished = np.zeros(trace.samples, np.int64)
    flat = np.ascontiguousarray(service.reshape(len(timings), -1))
    pipeline(flat, front, steps, 0, finished)
    return finished.tolist()


@settings(max_examples=20)
@given(machines())
def test_a_pipeline_of_layers_hands_over_when_and_what_the_simulator_says(machine) -> None:
    made, *stated = machine
    hardware = load_hardware(*stated)
    try:
        mapping = map_model(made.network, hardware)
    except AccumulatorError:
        return
    trace = execute(made.network, made.inputs, numerics=mapping.numerics)
    run = run_pipeline(made.network, mapping, hardware, trace.inputs)
    activity = schedule(trace, made.network, mapping, hardware)
    assert run.finished.tolist() == ends(mapping, hardware, trace)
    assert run.finished[-1] == activity.total_cycles
    assert run.classes.tolist() == trace.outputs.argmax(1).tolist()
    for described, recorded in zip(run.maps, trace.spikes or trace.activations, strict=True):
        assert (described == recorded).all()
    for counts, layer in zip(run.counts, activity.layers[made.network.is_hybrid :], strict=True):
        for name, unit in layer.units:
            if f"{name}_busy" in counts:
                assert (counts[f"{name}_busy"], counts.get(f"{name}_stall", 0)) == (unit.busy, unit.stall)


@pytest.mark.parametrize("order", ["step_major", "layer_major"])
def test_crossbars_hand_over_maps_of_one_step_or_of_all(order) -> None:
    """Layer-major the sums of all steps are formed at once, from all maps of a half."""
    changes = {"layers.others": "pim", "schedule": "pipelined", "order": order, "engines.pim.input_port_codes": 4}
    made, hardware = network(), load_hardware("pim45nm_bitserial", changes)
    mapping = map_model(made, hardware)
    codes = np.random.default_rng(2).integers(0, 64, (3, *made.architecture.input_shape)).astype(np.uint8)
    trace = execute(made, codes, numerics=mapping.numerics)
    verdict = compare_machine(made, hardware, trace, Crop())
    assert verdict.equal, verdict.differences
    assert verdict.sums_described


def test_what_is_no_pipeline_of_event_cores_is_refused() -> None:
    made = network()
    shared = load_hardware("digital45nm")
    with pytest.raises(MappingError, match="schedule=shared, expected pipelined"):
        run_pipeline(made, map_model(made, shared), shared, _codes(made))
    dense = load_hardware("digital45nm", {"schedule": "pipelined", "layers.others": "mac"})
    with pytest.raises(MappingError, match='layer "conv2" runs on engine mac'):
        run_pipeline(made, map_model(made, dense), dense, _codes(made))


def _codes(made):
    return np.zeros((1, *made.architecture.input_shape), made.input.code_dtype)


@pytest.fixture(scope="module")
def machine():
    """A made network of three layers as a pipeline, three samples."""
    made, hardware = network(), load_hardware("digital45nm", SMALL | {"schedule": "pipelined"})
    codes = np.random.default_rng(0).integers(0, 64, (3, *made.architecture.input_shape)).astype(np.uint8)
    return made, hardware, execute(made, codes, numerics=map_model(made, hardware).numerics)


SMALL = {"engines.event.lanes": 4, "engines.event.scan_width": 16, "engines.mac.neuron_lanes": 3}


def test_a_machine_s_verdict_has_every_class_and_every_unit(machine) -> None:
    verdict = compare_machine(*machine, Crop(samples=2, steps=3))
    assert verdict.equal, verdict.differences
    names = [row.name for row in verdict.rows]
    assert names[:2] == ["until the class of sample 0", "until the class of sample 1"]
    assert {"conv1 sweep busy", "conv2 scanner stall", "classifier lanes idle", "spikes of conv2", "class"} <= set(
        names
    )
    assert verdict.cut == ("3 of 4 steps", "2 of 3 samples")
    assert not verdict.sums_described  # formed by multipliers


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda run: replace(run, finished=run.finished + np.array([0, 1, 0])), "until the class of sample 1"),
        (lambda run: replace(run, classes=run.classes ^ np.array([0, 0, 1])), "class: sample 2"),
        (lambda run: replace(run, maps=(run.maps[0], flipped(run.maps[1]))), "spike of conv2: sample 1, step 2"),
        (lambda run: replace(run, counts=(*run.counts[:2], stalled(run.counts[2]))), "classifier scanner stall"),
    ],
)
def test_whatever_differs_in_a_machine_is_told(machine, monkeypatch, spoil, found) -> None:
    true = run_pipeline(machine[0], map_model(*machine[:2]), machine[1], machine[2].inputs)
    monkeypatch.setattr("pimsim.rtl.verify.machine.run_pipeline", lambda *_: spoil(true))
    verdict = compare_machine(*machine, Crop())
    assert not verdict.equal
    assert found in verdict.differences[0].text


def flipped(spikes):
    changed = spikes.copy()
    changed[1, 2, 0] ^= 4
    return changed


def stalled(counts):
    return counts | {"scanner_stall": counts["scanner_stall"] + 1}


def test_verify_runs_the_machine_besides_its_layers(tmp_path, capsys) -> None:
    model, scene = write_model(tmp_path), write_scene(tmp_path)
    changes = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    command = ["verify", "--model", str(model), "--hw", "digital45nm", "--input", str(scene), *changes, "--machine"]
    with pytest.raises(SystemExit) as end:
        main([*command, "--layer", "classifier", "--set", "schedule=pipelined"])
    assert not end.value.code
    told = capsys.readouterr().out
    assert "machine on pipeline: equal (1 sample × 2 steps" in told
    assert "cycles until the class of sample 0" in told
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    assert "schedule=shared, expected pipelined" in capsys.readouterr().err

"""A small run by hand: two layers, three samples, every number derivable on paper."""

from __future__ import annotations

import numpy as np

from pimsim.activity.actions import CATALOGUE
from pimsim.activity.activity import Activity, LayerActivity, Storage, UnitCycles
from pimsim.cost import Cost, evaluate, load_table
from pimsim.hardware import Hardware, load_hardware
from pimsim.model.accuracy import Accuracy
from pimsim.model.architecture import LINEAR, LayerShape
from pimsim.report.analysis import SpikeRates, analyse
from pimsim.report.result import Baseline, RunResult
from pimsim.traces import Trace

SHAPES = (
    LayerShape("conv1", "conv3d", (1, 4, 3, 3), 2, (3, 3, 3)),
    LayerShape("classifier", LINEAR, (2, 2, 1, 1), 3, (2, 1, 1)),
)


def hardware() -> Hardware:
    return load_hardware("pim45nm")


def activity(accumulates: int = 7) -> Activity:
    units = (("lanes", UnitCycles(60, 20, 20)),)
    first = LayerActivity(
        "conv1",
        "pim",
        3 * SHAPES[0].macs,
        0,
        0,
        5,
        SHAPES[0].neurons,
        200,
        0.25,
        (
            CATALOGUE["adc", "convert"].count(31, bits=4, second_bits=10),
            CATALOGUE["current_memory", "write"].count(12, bits=64, capacity_bits=65536),
        ),
        units,
    )
    second = LayerActivity(
        "classifier",
        "event",
        3 * SHAPES[1].macs,
        accumulates,
        5,
        0,
        SHAPES[1].neurons,
        100,
        1 / 3,
        (
            CATALOGUE["lane", "accumulate"].count(accumulates, bits=16, second_bits=6),
            CATALOGUE["membrane_memory", "read"].count(accumulates, bits=48, capacity_bits=4096),
        ),
        units,
    )
    storage = (Storage("membrane_memory", 4096, 48, 1), Storage("fifo", 128, 8), Storage("adc", 0, 4, 3))
    return Activity(3, (first, second), storage, 101.0, 303, 101.0, "lanes")


def cost(run: Activity, machine: Hardware) -> Cost:
    return evaluate(run, machine.cost, load_table(machine.cost.table), clock_mhz=machine.clock_mhz)


def trace() -> Trace:
    numerics = {"accumulator_bits": 16, "membrane_bits": 14, "crossbar": ""}
    return Trace(
        model_hash="0" * 64,
        inputs=np.zeros((3, 1, 4, 3, 3), np.uint8),
        spikes=(np.array([[[1]], [[3]], [[3]]], np.uint8),),
        outputs=np.array([[3, 1, 1], [0, 2, 1], [5, 5, 1]], np.int64),
        labels=np.array([0, 1, 1], np.int64),
        membrane_low=np.zeros(2, np.int64),
        membrane_high=np.ones(2, np.int64),
        saturations=np.zeros(2, np.int64),
        numerics=(numerics, numerics),
    )


def result(accumulates: int = 7) -> RunResult:
    machine, run = hardware(), activity(accumulates)
    dense = activity(1000)
    baseline = Baseline("cnn_6b", "6-bit CNN", 6, "ann45nm", dense, cost(dense, machine))
    return RunResult(
        model="by_hand",
        hardware=machine,
        trace=trace(),
        activity=run,
        cost=cost(run, machine),
        baselines=(baseline,),
        accuracy=Accuracy(2 / 3, 0.75, 0.4),
        analysis=analyse(SHAPES, SpikeRates((5 / 12,))),
        executed=False,
        execution="trace re-used",
        document={"format": "pimsim-run", "seed": None, "model": "by_hand"},
    )

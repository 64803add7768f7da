"""Design spaces for tests: over small networks that run in milliseconds, and over the shipped ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import made_hybrid
import made_inputs

from pimsim import report
from pimsim.model import save_network
from pimsim.model.network import RELU, IntegerNetwork, Neuron
from pimsim.traces import save_trace

PIM = ["pim45nm", "pim45nm_bitserial", "allpim45nm", "leanpim45nm", "imac45nm_noisy", "pim65nm", "pim28nm_bitserial"]
DIGITAL = ["digital45nm", "gather45nm", "lean45nm"]
SERIAL = ["pim45nm_bitserial", "allpim45nm", "pim28nm_bitserial"]
EVENT = [name for name in PIM + DIGITAL if name != "allpim45nm"]

MIXED: dict[str, object] = {
    "format": 1,
    "name": "mixed",
    "hardware": [*PIM, *DIGITAL, "ann45nm"],
    "models": ["made.npz", "cnn.npz", "other.npz"],
    "inputs": {"made.npz": "trace.npz", "cnn.npz": "field.npy", "other.npz": "field.npy"},
    "samples": 5,
    "axes": {
        "clock_mhz": {"values": [100, 250, 400, 500, 710.5, 950, 1200]},
        "schedule": ["shared", "pipelined"],
        "order": ["step_major", "layer_major"],
        "clock_gating": ["none", "units"],
        "memories.macro_kib": [1, 8.5, 64],
        "cost.table": ["45nm", "45nm_hypersnn", "65nm_imac", "28nm"],
        "cost.adc_model": ["imac", "neurosim_sar", "flash"],
        "cost.device": ["lstp", "hp"],
        "cost.temperature_k": {"log": [280, 400], "steps": "none"},
        "cost.mac_scaling": ["table", "linear", "quadratic"],
        "lanes": {
            "paths": ["engines.event.lanes", "engines.event.fifo_depth"],
            "values": [3, 8],
            "when": {"hardware": EVENT},
        },
        "event": {
            "choices": {
                "plain": {"engines.event.dataflow": "scatter"},
                "one_port": {"engines.event.dataflow": "scatter", "engines.event.membrane_ports": 1},
                "gather": {"engines.event.dataflow": "gather"},
                "narrow": {"engines.event.accumulator_bits": 9, "engines.event.membrane_bits": 8},
                "wrong": {"engines.event.membrane_bits": 30},
                "stalling": {"cost.ac_scaling": "linear", "engines.event.forwarding": False},
            },
            "when": {"hardware": EVENT, "cost.device": "lstp"},
        },
        "engines.pim.adc_bits": {"values": [2, 4, 5], "when": {"hardware": SERIAL}},
        "engines.pim.adc_cycles": {"values": [1, 3, 12], "when": {"hardware": PIM}},
        "engines.pim.numerics.thermal_sigma_lsb": {"values": [0.0, 0.7], "when": {"hardware": SERIAL}},
        "engines.pim.membrane_bits": {"values": [7, 16, 24], "when": {"hardware": PIM}},
    },
}
"""Every engine, network and input, and whatever can be wrong with a machine."""

_AXES: Any = MIXED["axes"]
_CHOICES = _AXES["event"]["choices"]
MILD: dict[str, object] = MIXED | {
    "name": "mild",
    "models": ["made.npz", "other.npz"],
    "inputs": {"made.npz": "trace.npz", "other.npz": "field.npy"},
    "axes": _AXES
    | {
        "clock_mhz": [50, 125.5, 250],
        "cost.adc_model": ["neurosim_sar", "murmann_survey"],
        "cost.mac_scaling": ["table", "horowitz"],
        "event": _AXES["event"] | {"choices": {name: _CHOICES[name] for name in ("plain", "one_port", "gather")}},
        "engines.pim.adc_cycles": {"values": [8, 12], "when": {"hardware": PIM}},
        "engines.pim.membrane_bits": {"values": [7, 16], "when": {"hardware": PIM}},
    },
}
"""The same where little is wrong."""

PRICES: dict[str, object] = {
    "format": 1,
    "name": "prices",
    "hardware": "pim45nm_bitserial",
    "models": "made.npz",
    "inputs": "trace.npz",
    "samples": 2,
    "set": {"engines.pim.adc_bits": 4, "engines.pim.adc_cycles": 2},
    "axes": {
        "clock_mhz": [100, 400, 450, 480, 700],
        "cost.adc_model": ["imac", "neurosim_sar", "murmann_survey", "x"],
        "cost.table": ["45nm", "45nm_hypersnn", "28nm"],
        "cost.mac_scaling": ["table", "imac"],
        "cost.device": ["lstp", "lop", "hp"],
        "cost.temperature_k": [260, 300, 400],
        "engines.event.lanes": [3, 5],
    },
}
"""Two organisations under many prices."""

INPUTS: dict[str, object] = {
    "format": 1,
    "name": "inputs",
    "hardware": ["pim45nm", "digital45nm", "ann45nm"],
    "models": "made.npz",
    "inputs": ["trace.npz", "field.npy"],
    "samples": 7,
    "axes": {
        "clock_mhz": [100, 200],
        "cost.adc_model": ["imac", "neurosim_sar"],
        "engines.pim.membrane_bits": {"values": [6, 18], "when": {"hardware": "pim45nm"}},
        "engines.event.lanes": {"values": [4, 9], "when": {"hardware": ["pim45nm", "digital45nm"]}},
    },
}
"""One network on a recording and on a scene."""

SHIPPED: dict[str, object] = {
    "format": 1,
    "name": "shipped",
    "hardware": ["pim45nm", "ann45nm", "imac45nm_noisy", "digital45nm"],
    "models": ["cnn3d_6b", "cnn3d_ann6b"],
    "samples": 2,
    "axes": {
        "clock_mhz": [200, 400, 690, 960],
        "cost.table": ["45nm", "65nm_imac"],
        "engines.event.lanes": {"values": [16, 42], "when": {"hardware": ["pim45nm", "digital45nm"]}},
        "engines.pim.adc_cycles": {"values": [2, 8], "when": {"hardware": ["pim45nm", "imac45nm_noisy"]}},
        "leak": {
            "choices": {"shifts": {"engines.pim.leak": "shifts", "engines.event.leak": "shifts"}},
            "when": {"hardware": "pim45nm"},
        },
    },
}

HYBRID: dict[str, object] = {
    "format": 1,
    "name": "hybrid",
    "hardware": ["pim45nm", "digital45nm"],
    "models": ["hybrid.npz", "once.npz"],
    "inputs": {"hybrid.npz": "hybrid_trace.npz", "once.npz": "once_trace.npz"},
    "samples": 4,
    "axes": {
        "layers.input_spikes": ["auto", "event", "mac", "pim"],
        "engines.event.skip_fired": [True, False],
        "engines.event.dataflow": ["scatter", "gather"],
        "schedule": ["shared", "pipelined"],
        "order": ["step_major", "layer_major"],
    },
}
"""Inputs that fire on any engine, and neurons that fire once under either encoding."""


def cnn() -> IntegerNetwork:
    """The made network's weights under ReLU neurons of 6 bits."""
    network = made_inputs.network()
    neurons = [Neuron(RELU, multiplier=3000, shift=shift, activation_bits=6) for shift in (18, 16)]
    layers = [replace(layer, neuron=neuron) for layer, neuron in zip(network.layers, neurons, strict=False)]
    return replace(network, layers=(*layers, network.layers[-1]), time_steps=1, leak_fraction_bits=0)


def write_files(folder: Path) -> None:
    """Models ``made``, ``other``, ``cnn``, ``hybrid`` and ``once``, ``field.npy``, and traces of some."""
    made_inputs.write_model(folder)
    made_inputs.write_scene(folder)
    save_network(made_inputs.network(seed=5), folder / "other.npz")
    save_network(cnn(), folder / "cnn.npz")
    for name, hybrid in (("hybrid", True), ("once", False)):
        network = made_hybrid.network(hybrid=hybrid, timed=hybrid)
        save_network(network, folder / f"{name}.npz")
        save_trace(made_hybrid.recorded(network, 6), folder / f"{name}_trace.npz")
    save_trace(report.run(folder / "made.npz", "pim45nm", folder / "field.npy", samples=12).trace, folder / "trace.npz")

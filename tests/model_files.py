"""A small valid model file in parts, for tests that damage it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

HEADER: dict[str, Any] = {
    "format": "pimsim-model",
    "version": 1,
    "name": "small",
    "input": {"shape": [2, 4, 3, 3], "bits": 4, "scale": 0.25, "zero_point": 8},
    "time_steps": 3,
    "encoding": "direct",
    "leak_fraction_bits": 8,
    "leak_rounding": "half_up",
    "layers": [
        {
            "name": "conv1",
            "kind": "conv3d",
            "out_channels": 3,
            "kernel": [3, 3, 3],
            "stride": [1, 1, 1],
            "padding": [1, 0, 0],
            "pool": [1, 1, 1],
            "spectral_map": False,
            "weight_bits": 6,
            "scheme": "affine",
            "zero_point": 30,
            "scale": 0.01,
            "neuron": "lif",
            "threshold": 200,
            "leak": 250,
        },
        {
            "name": "conv2",
            "kind": "conv2d",
            "out_channels": 4,
            "kernel": [1, 2, 2],
            "spectral_map": True,
            "weight_bits": 5,
            "scheme": "scale",
            "scale": 0.02,
            "neuron": "if",
            "threshold": 9,
            "leak": 256,
        },
        {
            "name": "out",
            "kind": "linear",
            "out_channels": 3,
            "pool": [1, 3, 1],
            "weight_bits": 8,
            "scheme": "affine",
            "zero_point": 128,
            "scale": 0.5,
            "neuron": "accumulate",
        },
    ],
    "provenance": {"attribution": "Baumgardner et al., © 2015"},
}


def header() -> dict[str, Any]:
    return copy.deepcopy(HEADER)


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(7)
    return {
        "input.mean": rng.normal(0, 5, 4),
        "input.deviation": rng.uniform(1, 2, 4),
        "weight.conv1": rng.integers(0, 64, (3, 2, 3, 3, 3)),
        "weight.conv2": rng.integers(-15, 16, (4, 1, 2, 2)),
        "weight.out": rng.integers(0, 256, (3, 4 * 1 * 1 * 2)),
    }


def write(path: Path, head: Any = None, parts: dict[str, Any] | None = None) -> Path:
    """As a foreign tool would: numpy.savez with the header as a unicode string."""
    text = json.dumps(HEADER if head is None else head)
    np.savez(path, header=np.array(text), **(arrays() if parts is None else parts))
    return path

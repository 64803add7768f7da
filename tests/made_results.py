"""Rows of made-up results."""

from __future__ import annotations

from pimsim.report.accuracy_table import AccuracyRow

BASE = AccuracyRow(
    network="cnn3d",
    scene="indian_pines",
    split="random",
    seed=0,
    row="qstdb",
    start="conversion",
    weight_bits=6,
    input_bits=6,
    scheme="affine",
    inference="integer",
    time_steps=5,
    epochs="60+60",
    oa_percent=98.0,
    aa_percent=97.0,
    kappa_percent=96.0,
    test_samples=6151,
    name="made",
    command="pimsim train made",
)

"""Proofs of the words that the engine computes in, its layout, and its kernels on the plainest processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding

from pimsim.model import load_network
from pimsim.model.architecture import LayerShape, cnn3d, cnn32h
from pimsim.model.network import FLOOR, HALF_UP, LayerNumerics
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import execute, geometry
from pimsim.simulation.bounds import Law, current_bounds, fits, membrane_bounds
from pimsim.simulation.lowering import lower
from pimsim.traces import load_trace


@st.composite
def laws(draw: st.DrawFn) -> Law:
    bits = draw(st.sampled_from([0, 3, 12]))
    leak = draw(st.integers(0, 2**bits))
    half = (1 << bits) >> 1 if draw(st.sampled_from([FLOOR, HALF_UP])) == HALF_UP else 0
    threshold, once = draw(st.none() | st.integers(0, 50)), draw(st.booleans())
    shift = draw(st.sampled_from([0, 0, 1, 3]))
    step_half = draw(st.sampled_from([0, (1 << shift) >> 1]))
    reset = 0 if once or threshold is None else threshold
    return Law(threshold, reset, leak, bits, half, once, shift, step_half)


@given(laws(), st.data())
def test_no_current_can_leave_the_proved_bounds(law: Law, data: st.DataObject) -> None:
    """The neuron's equation in Python ints, on any currents from the interval."""
    low, high = data.draw(st.integers(-60, 60)), data.draw(st.integers(0, 60))
    current, bits, steps = (low, low + high), data.draw(st.integers(2, 9)), data.draw(st.integers(1, 6))
    reach = membrane_bounds(current, law, bits, steps)
    limit, m, fired = 2 ** (bits - 1), 0, False
    for _ in range(steps):
        a = data.draw(st.integers(min(current[0], 0), max(current[1], 0)))
        v = m + a
        o = law.threshold is not None and v > law.threshold and not (law.once and fired)
        fired |= o
        u = ((v * law.leak + law.half) >> law.fraction_bits) - law.reset * o
        m = max(-limit, min(limit - 1, (u + law.step_half) >> law.shift)) << law.shift
        assert reach.integrated[0] <= v <= reach.integrated[1]
        assert reach.offered[0] <= u <= reach.offered[1]
        assert reach.product[0] <= v * law.leak + law.half <= reach.product[1]


def test_a_running_sum_reaches_exactly_its_bounds() -> None:
    """Currents of −3 … 5 over 7 steps sum to −21 … 35."""
    reach = membrane_bounds((-3, 5), Law(None, 0, 1, 0, 0, once=False), 32, 7)
    assert reach.integrated == reach.offered == (-21, 35)


def test_current_bounds_take_positive_and_negative_weights_apart() -> None:
    """Weights 3, −2 and 1, −7 on inputs −1 … 4: 3·4 + 2·1 = 14 at most, and 1·(−1) − 7·4 = −29 at least."""
    rows = np.array([[3, 1], [-2, -7]], np.int32)
    assert current_bounds(rows, (-1, 4)) == (-29, 14)


def test_fits_is_the_range_of_twos_complement() -> None:
    assert fits(8, (-128, 127))
    assert not fits(8, (-129, 0))
    assert not fits(8, (0, 128))


def test_the_shipped_network_is_summed_in_16_bits_from_rows_of_8() -> None:
    """What docs/performance.md states; the first layer and the classifier need 32-bit membranes."""
    network = load_network(find(MODEL, "cnn3d_6b"))
    layers = lower(network, (LayerNumerics(),) * len(network.layers))
    assert {layer.sums for layer in layers} == {np.dtype(np.int16)}
    assert {layer.weights.dtype for layer in layers[1:]} == {np.dtype(np.int8)}


@pytest.mark.parametrize(
    ("layers", "runs"),
    [(cnn3d(200, 16).layers, (9, 1, 1, 1, 1, 1, 1)), (cnn32h(200, 16).layers, (1, 3, 3, 1, 1))],
)
def test_receptive_fields_fall_into_few_runs(layers: tuple[LayerShape, ...], runs: tuple[int, ...]) -> None:
    """Runs end at axes that the kernel does not cover; the 3×3 windows of CNN-3D on 5×5 patches are 9 runs of 3."""
    found = []
    for layer in layers:
        field = geometry.receptive_fields(layer, geometry.best_order(layer), 32)
        assert sorted(field.taps.tolist()) == sorted(set(field.taps.tolist()))
        assert len(field.taps) == layer.fan_in
        found.append(len(field.run_segments))
    assert tuple(found) == runs


SCRIPT = """
import numpy as np
from pimsim.model import load_network
from pimsim.simulation import batch, execute
from pimsim.traces import load_trace
import sys
trace = load_trace(sys.argv[2])
got = execute(load_network(sys.argv[1]), trace.inputs[:3], threads=1)
assert not batch.compresses()
np.savez(sys.argv[3], outputs=got.outputs, **{f"spikes{i}": spikes for i, spikes in enumerate(got.spikes)})
"""


AVX2 = "+avx2,+avx,+bmi,+bmi2,+lzcnt,+popcnt,+fma,+sse4.2,+sse4.1,+ssse3,+sse3"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "features"), [("generic", ""), ("haswell", AVX2)])
def test_kernels_compiled_for_plainer_processors_give_the_same(name: str, features: str, tmp_path: Path) -> None:
    """LLVM splits the vectors into what a processor has, here 128 and 256 bits; events are listed without compress."""
    if features and not binding.get_host_cpu_features().get("avx2", False):
        pytest.skip("this processor has no AVX2")
    model, recorded, out = find(MODEL, "cnn3d_6b"), find(TRACE, "cnn3d_indian_pines"), tmp_path / "out.npz"
    settings = {"NUMBA_CPU_NAME": name, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    settings |= {"NUMBA_CPU_FEATURES": features} if features else {}
    command = [sys.executable, "-c", SCRIPT, str(model), str(recorded), str(out)]
    subprocess.run(command, env=os.environ | settings, check=True)
    usual = execute(load_network(model), load_trace(recorded).inputs[:3], threads=1)
    with np.load(out) as plain:
        np.testing.assert_array_equal(plain["outputs"], usual.outputs)
        for index, spikes in enumerate(usual.spikes):
            np.testing.assert_array_equal(plain[f"spikes{index}"], spikes)


def test_where_no_folder_can_be_written_every_kernel_is_compiled_anew() -> None:
    # numba says so with a RuntimeError, as in a read-only installation without a home
    program = """
from numba.core.dispatcher import Dispatcher
def refuse(self):
    raise RuntimeError("no locator available")
Dispatcher.enable_caching = refuse
from pimsim.simulation import execute, schedule
from pimsim.simulation.kernels_schedule_pipeline import pipeline
import numpy as np
finished = np.zeros(1, np.int64)
pipeline(np.full((2, 3), 4, np.int64), 5, 3, 1, finished)
print(finished[0], type(pipeline._cache).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # sums in 5 cycles, then three steps of 4 through the first layer and the last of them through the second
    assert done.stdout.split() == [str(5 + 3 * 4 + 4), "NullCache"]

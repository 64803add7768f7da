"""Run an integer network on many samples and record what every neuron did.

Samples are shared among threads in batches; a batch goes through the layers one by one.  Samples do not
depend on each other, and the merged extremes and counts do not depend on the order, so results are the
same for any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError, TraceError
from pimsim.model.encoding import packed_input_spikes
from pimsim.model.fixed_point import Int64Array, word_range
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.model.reference import check_inputs
from pimsim.simulation.batch import HIGH, LEAST, LOW, MOST, SATURATED, Results, run_batch
from pimsim.simulation.lowering import LoweredLayer
from pimsim.simulation.program import MOST_SAMPLES, Program, program_of
from pimsim.traces.trace import Trace

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Recording:
    """A trace with the membranes of every layer, int64 (N, T, neurons) in the order depth, height, width, channel.

    potentials  v[t], compared with the threshold
    membranes   m[t], after leak, reset and saturation; the classifier's running sum.  In a CNN both are sums
    """

    trace: Trace
    potentials: tuple[Int64Array, ...]
    membranes: tuple[Int64Array, ...]


def execute(
    network: IntegerNetwork,
    inputs: npt.NDArray[np.unsignedinteger],
    labels: npt.NDArray[np.integer] | None = None,
    numerics: Sequence[LayerNumerics] | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Execute ``network`` on input codes (N, C, D, H, W) bit-exactly, in the words of ``numerics``.

    labels    (N,) class index from 0, or −1 where unknown; None for all unknown
    numerics  word widths per layer, 32 bits everywhere by default
    threads   samples run in parallel on this many threads; None for all cores the process may use
    progress  called with (samples done, samples in all)

    Equal to `pimsim.model.reference.run` on every value.  Raises `SceneError` for inputs of another shape
    or outside the code range, `ModelError` where a membrane leaves its accumulator or the number of
    numerics is wrong, `TraceError` for no samples or labels outside the classes,
    ValueError for fewer than 1 thread.
    """
    return _execute(network, inputs, labels, numerics, threads, progress, record=False)[0]


def record(
    network: IntegerNetwork,
    inputs: npt.NDArray[np.unsignedinteger],
    labels: npt.NDArray[np.integer] | None = None,
    numerics: Sequence[LayerNumerics] | None = None,
    *,
    threads: int | None = None,
) -> Recording:
    """`execute`, keeping every membrane: 16 bytes per neuron, step and sample."""
    trace, results, layers = _execute(network, inputs, labels, numerics, threads, None, record=True)
    kept = [kept[..., : layer.neurons] for kept, layer in zip(results.records, layers, strict=True)]
    potentials, membranes = (tuple(part[:, :, which].astype(np.int64) for part in kept) for which in (0, 1))
    return Recording(trace, potentials, membranes)


def _execute(
    network: IntegerNetwork,
    inputs: npt.NDArray[np.unsignedinteger],
    labels: npt.NDArray[np.integer] | None,
    numerics: Sequence[LayerNumerics] | None,
    threads: int | None,
    progress: Progress | None,
    *,
    record: bool,
) -> tuple[Trace, Results, tuple[LoweredLayer, ...]]:
    widths = tuple(numerics) if numerics is not None else (LayerNumerics(),) * len(network.layers)
    if len(widths) != len(network.layers):
        raise ModelError(f"numerics for {len(widths)} layers, the network has {len(network.layers)}")
    check_inputs(network, inputs)
    if len(inputs) == 0:
        raise TraceError("inputs: 0 samples, a trace needs at least 1")
    if threads is not None and threads < 1:
        raise ValueError(f"threads={threads} must be at least 1")
    workers = min(threads or usable_cores(), len(inputs))
    size = _batch(len(inputs), workers)
    program, content = program_of(network, widths, size)
    layers = program.layers
    results = Results.empty(layers, len(inputs), -(-len(inputs) // size), record=record)
    codes = np.ascontiguousarray(inputs, network.input.code_dtype)
    fired = np.empty((len(codes), network.time_steps, -(-codes[0].size // 8)), np.uint8) if network.is_hybrid else None
    _run(network, program, codes, fired, results, size, workers, progress)
    check_words(layers, results)
    return _trace(content, layers, codes, fired, labels, results), results, layers


def _run(
    network: IntegerNetwork,
    program: Program,
    codes: npt.NDArray[np.unsignedinteger],
    fired: npt.NDArray[np.uint8] | None,
    results: Results,
    size: int,
    workers: int,
    progress: Progress | None,
) -> None:
    """All batches of ``size`` samples, on as many threads as workers; the calling thread reports progress.

    Under hybrid encoding ``fired`` is filled with the inputs' spikes.
    """
    samples, flat = len(codes), codes.reshape(len(codes), -1)
    starts = range(0, samples, size)

    def work(start: int) -> int:
        part = slice(start, start + size)
        if fired is not None:
            fired[part] = packed_input_spikes(network, codes[part])
        spikes = None if fired is None else fired[part]
        with program.workspace() as workspace:
            run_batch(program.layers, flat[part], spikes, start, start // size, workspace, results)
        return min(size, samples - start)

    done = 0
    with ThreadPoolExecutor(workers) as pool:
        for count in pool.map(work, starts) if workers > 1 else map(work, starts):
            done += count
            if progress is not None:
                progress(done, samples)


def _batch(samples: int, workers: int) -> int:
    """Samples per batch: the same for every worker, as nearly as can be, and no more than `MOST_SAMPLES`."""
    rounds = -(-samples // (workers * MOST_SAMPLES))
    return -(-samples // (workers * rounds))


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_words(layers: Sequence[LoweredLayer], results: Results) -> None:
    """Potentials that were watched because no proof keeps them inside the accumulator."""
    for index, layer in enumerate(layers):
        least, most = int(results.extremes[:, index, LEAST].min()), int(results.extremes[:, index, MOST].max())
        low, high = word_range(layer.numerics.accumulator_bits)
        if least < low or most > high:
            bits = layer.numerics.accumulator_bits
            raise ModelError(f'layer "{layer.name}": potentials {least} … {most} leave the {bits}-bit accumulator')


def _trace(
    content: str,
    layers: Sequence[LoweredLayer],
    codes: npt.NDArray[np.unsignedinteger],
    fired: npt.NDArray[np.uint8] | None,
    labels: npt.NDArray[np.integer] | None,
    results: Results,
) -> Trace:
    unknown = np.full(len(codes), -1, np.int64)
    return Trace(
        model_hash=content,
        inputs=codes,
        input_spikes=fired,
        spikes=results.spikes,
        activations=results.activations,
        outputs=results.outputs,
        labels=unknown if labels is None else np.asarray(labels).astype(np.int64),
        membrane_low=results.extremes[:, :, LOW].min(axis=0),
        membrane_high=results.extremes[:, :, HIGH].max(axis=0),
        saturations=results.extremes[:, :, SATURATED].sum(axis=0),
        numerics=tuple(layer.numerics.as_mapping() for layer in layers),
    )

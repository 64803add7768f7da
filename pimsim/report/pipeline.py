"""The whole way in one call: model, hardware and input → `RunResult`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pimsim.cost import CostTable, PriceBook, evaluate, load_table, timings
from pimsim.errors import AccumulatorError, CostError, MappingError, MissingFileError
from pimsim.hardware import Hardware, load_hardware
from pimsim.mapping import Mapping as Mapping_
from pimsim.mapping import costs_cnn, layer_numerics, map_model
from pimsim.model import load_network, network_hash
from pimsim.model.encoding import described
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.report.accuracies import accuracy_of
from pimsim.report.analysis import Analysis, analyse
from pimsim.report.baselines import baselines
from pimsim.report.chips import Chips, random_seed, run_chips
from pimsim.report.cnn_model import CnnModel, find_cnn, run_cnn
from pimsim.report.document import Document, Inputs
from pimsim.report.files import ALL_RUN_FILES, check_writable, write
from pimsim.report.firing import firing, spike_rates
from pimsim.report.inputs import Recorded, Samples, Source, resolve
from pimsim.report.result import RunResult
from pimsim.report.waveform_files import Views, write_views
from pimsim.resources import MODEL, find
from pimsim.simulation import Progress, execute, schedule
from pimsim.traces import Trace, holds_for

Path_ = str | os.PathLike[str]


def run(
    model: Path_,
    hardware: Path_,
    input: Path_ | None = None,  # noqa: A002 - the name that the command line has for it
    *,
    samples: int | None = None,
    overrides: Mapping[str, object] | None = None,
    cnn: Path_ | None = None,
    out: Path_ | None = None,
    threads: int | None = None,
    chips: int | None = None,
    seed: int | None = None,
    vcd: Path_ | None = None,
    timeline: Path_ | None = None,
    sample: int = 0,
    cycles: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Cost of a model on a machine over the samples of an input; written to the folder ``out`` if one is given.

    model      path or shipped name of a model, ``cnn3d_6b``
    hardware   path or shipped name of a hardware file, ``pim45nm``
    input      a trace, or a scene with labels; None: the model's shipped trace
    samples    how many samples of it; None: all
    overrides  dotted path → value, changes to the hardware file
    cnn        path or shipped name of the 6-bit CNN to stand beside it; None: a shipped one of the same layers
               and inputs, without which those layers are costed as a CNN's and no accuracy is known
    threads    None: all cores; results do not depend on it
    chips      accuracy of that many chips whose crossbars differ at random; costs are those of the first
    seed       of all that is drawn at random; None: the hardware file's
    vcd        file for a waveform of one sample (docs/waveforms.md); needs the extra ``verify``
    timeline   file for a trace of units over cycles of one sample, for Perfetto
    sample     the sample that both show, from 0
    cycles     of the waveform, (first, the one behind the last); None: all that fit
    progress   called with (samples done, samples in all) while the network is executed

    A recorded trace is scheduled as it is; the network is executed only for a scene, or where the machine's
    words or converters would change values.  Raises a `PimsimError` that names what is wrong.
    """
    if out is not None:
        check_writable(out, ALL_RUN_FILES)
    views = Views(vcd, timeline, sample, cycles)
    views.check([Path(out) / name for name in ALL_RUN_FILES] if out is not None else ())
    workers = threads or os.cpu_count() or 1
    machine = load_hardware(hardware, overrides)
    table = table_of(machine)
    path = find(MODEL, model)
    network = load_network(path)
    model_hash = network_hash(network)
    source = resolve(network, model_hash, input, samples)
    views.check_sample(source.samples)
    mapping = placed(network, machine, table)
    found = find_cnn(network, cnn)
    drawn = random_seed(machine, layer_numerics(network, machine), seed, chips)
    recorded = trace_for(network, machine, source, workers, progress, seed=drawn)
    others = None
    if chips is not None:
        others = run_chips(
            network, machine, source, recorded.trace, chips=chips, seed=drawn, threads=workers, progress=progress
        )
    given = Inputs(path.stem, network, model_hash, machine, dict(overrides or {}), source, recorded, drawn)
    beside = run_cnn(found, recorded.trace, threads=workers, network=network)
    result = _evaluated(given, table, mapping, others, beside, workers)
    name = f"{path.stem} on {machine.name}, {source.name}"
    result = replace(result, views=write_views(views, recorded.trace, network, mapping, machine, run=name))
    if out is not None:
        write(result, out)
    return result


def _evaluated(
    given: Inputs, table: CostTable, mapping: Mapping_, chips: Chips | None, beside: CnnModel | None, threads: int
) -> RunResult:
    network, machine, trace = given.network, given.hardware, given.recorded.trace
    activity = schedule(trace, network, mapping, machine, threads=threads)
    cost = evaluate(activity, machine.cost, table, clock_mhz=machine.clock_mhz)
    dense = baselines(network, trace, machine, table, model=beside, threads=threads)
    known = not costs_cnn(network, machine)
    reached = accuracy_of(trace.labels, trace.predictions, network.classes) if known else None
    analysis = analysis_of(network, trace)
    fires = firing(network, trace) if known else ()
    return RunResult(
        model=given.model,
        hardware=machine,
        trace=trace,
        activity=activity,
        cost=cost,
        baselines=dense,
        accuracy=reached,
        analysis=analysis,
        executed=given.recorded.executed,
        execution=given.recorded.why,
        document=Document(given, table, activity, cost, dense, reached, analysis, chips, fires).content(),
        chips=chips,
        firing=fires,
        encoding=described(network),
    )


def table_of(machine: Hardware) -> CostTable:
    """The cost table that a machine names; an error says whose it is."""
    try:
        return load_table(machine.cost.table)
    except (CostError, MissingFileError) as error:
        raise type(error)(f'hardware "{machine.name}": cost.table: {error}') from None


def placed(network: IntegerNetwork, machine: Hardware, table: CostTable) -> Mapping_:
    """Where everything lives; what cannot be priced or is too slow for its clock is refused before anything runs."""
    mapping = mapped(network, machine)
    with naming(machine):
        timings(mapping.deadlines, PriceBook(table, machine.cost), clock_mhz=machine.clock_mhz)
    return mapping


def mapped(network: IntegerNetwork, machine: Hardware) -> Mapping_:
    """`map_model`, whose errors then name the machine.

    Where a CNN is only costed its weights are not the file's, so the layers' shapes are all there is to place.
    """
    with naming(machine):
        return map_model(network.architecture if costs_cnn(network, machine) else network, machine)


@contextmanager
def naming(machine: Hardware) -> Iterator[None]:
    """Errors of placing and pricing, with the machine in front."""
    try:
        yield
    except AccumulatorError as error:
        raise AccumulatorError(f'hardware "{machine.name}": {error}', error.key, error.bits) from None
    except (MappingError, CostError) as error:
        raise type(error)(f'hardware "{machine.name}": {error}') from None


def trace_for(
    network: IntegerNetwork,
    machine: Hardware,
    source: Source,
    threads: int,
    progress: Progress | None,
    *,
    seed: int | None = None,
) -> Recorded:
    """The trace to schedule, that of chip 0."""
    numerics = layer_numerics(network, machine, seed=seed)
    return trace_of(network, source, numerics, threads, progress, costed=costs_cnn(network, machine))


def trace_of(
    network: IntegerNetwork,
    source: Source,
    numerics: Sequence[LayerNumerics],
    threads: int,
    progress: Progress | None,
    *,
    costed: bool,
) -> Recorded:
    """The same for the layers' words and crossbars, which are all of a machine that decides on values.

    ``costed`` where a CNN is only costed.
    """
    content = source.content
    if isinstance(content, Samples):
        trace = execute(network, content.codes, content.labels, numerics, threads=threads, progress=progress)
        return Recorded(trace, True, f'executed on {source.kind} "{source.name}": {source.selection}')
    if costed:
        unused = f"{source.selection} of {source.name} not used"
        return Recorded(content, False, f"a CNN is costed, no value is executed; {unused}")
    if holds_for(content, [item.as_mapping() for item in numerics]):
        return Recorded(content, False, f"trace {source.name} re-used: {source.selection}")
    trace = execute(network, content.inputs, content.labels, numerics, threads=threads, progress=progress)
    why = f"executed again on the inputs of {source.name}, since word widths or crossbars may change values"
    return Recorded(trace, True, why)


def analysis_of(network: IntegerNetwork, trace: Trace) -> Analysis:
    """The papers' formulas on the spikes of a trace; none for a CNN, which has no spikes."""
    if network.is_cnn:
        return Analysis(())
    return analyse([layer.shape for layer in network.layers], spike_rates(network, trace))

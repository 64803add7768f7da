"""One network on several machines, from one recorded run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pimsim.cost import CostTable, evaluate
from pimsim.errors import HardwareError, MappingError
from pimsim.hardware import Hardware, load_hardware
from pimsim.hardware.hardware import ENGINES, EVENT, MAC, PIM
from pimsim.mapping import Mapping as Placement
from pimsim.mapping import costs_cnn
from pimsim.model import load_network, network_hash
from pimsim.model.accuracy import Accuracy
from pimsim.model.architecture import LayerShape
from pimsim.model.encoding import described
from pimsim.model.network import IntegerNetwork
from pimsim.report import analysis, compare_document, compare_plot, compare_rows
from pimsim.report.accuracies import SIMULATED, accuracy_of
from pimsim.report.baselines import baselines
from pimsim.report.baselines import cnn as cnn_systems
from pimsim.report.cnn_model import CnnModel, find_cnn, run_cnn
from pimsim.report.comparison import Compared, Comparison
from pimsim.report.files import check_writable, csv_text, json_text, write_together
from pimsim.report.firing import spike_rates
from pimsim.report.fitting import fitting
from pimsim.report.inputs import Recorded, Source, resolve
from pimsim.report.picture import FORMATS
from pimsim.report.pipeline import Path_, analysis_of, placed, table_of, trace_for
from pimsim.report.result import Baseline
from pimsim.resources import MODEL, find
from pimsim.simulation import Progress, schedule
from pimsim.traces import Trace

if TYPE_CHECKING:
    import pandas as pd


SYSTEMS = ("ann45nm", "digital45nm", "pim45nm", "pim45nm_bitserial", "allpim45nm", "lean45nm", "leanpim45nm")
"""Hardware files that stand for the papers' systems, then the leanest, in the order in which one reads them."""
CNN_SYSTEMS = ("ann45nm", "allpim45nm")
"""Those of them without an event core, which a CNN's activations cannot enter."""
COMPARE_CSV, COMPARE_JSON, PLOT = "compare.csv", "compare.json", "compare"


def compare(
    model: Path_,
    hardware: Sequence[Path_] | None = None,
    input: Path_ | None = None,  # noqa: A002 - the name that the command line has for it
    *,
    samples: int | None = None,
    overrides: Mapping[str, object] | None = None,
    cnn: Path_ | None = None,
    out: Path_ | None = None,
    plot: str | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """A model on several machines: one row per system and accounting, with the columns of ``compare.csv``.

    The arguments are those of `comparison`, which also hands back what lies behind the rows.
    """
    return comparison(
        model, hardware, input, samples=samples, overrides=overrides, cnn=cnn, out=out, plot=plot, threads=threads
    ).frame


def comparison(
    model: Path_,
    hardware: Sequence[Path_] | None = None,
    input: Path_ | None = None,  # noqa: A002 - as above
    *,
    samples: int | None = None,
    overrides: Mapping[str, object] | None = None,
    cnn: Path_ | None = None,
    out: Path_ | None = None,
    plot: str | None = None,
    widen: bool | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """A model on several machines in the order given; written to the folder ``out`` if one is given.

    hardware   paths or shipped names, `SYSTEMS` by default, of a CNN `CNN_SYSTEMS`; one with ``network: iso_cnn``
               stands for the CNN at 32 bits and at its own
    overrides  dotted path → value, changes to every one of the hardware files; of an engine to those that have it
    plot       "svg" or "png": a picture beside the files in ``out``; needs matplotlib
    widen      whether accumulators too narrow for the network's sums get the bits that these need, where
               ``overrides`` do not set them; None: on the default machines alone

    The others are those of `pimsim.report.run`.  The network is executed at most once, but for machines whose
    words or converters change values.  Raises a `PimsimError` that names what is wrong.
    """
    if plot is not None:
        compare_plot.check(plot, out)
    if out is not None:
        check_writable(out, _names(plot))
    workers = threads or os.cpu_count() or 1
    path = find(MODEL, model)
    network = load_network(path)
    names = hardware if hardware is not None else CNN_SYSTEMS if network.is_cnn else SYSTEMS
    if widen or (widen is None and hardware is None):
        chosen = _fitted(network, names, overrides)
    else:
        chosen = [(machine, {}) for machine in _machines(names, overrides)]
    machines = [machine for machine, _ in chosen]
    tables = {name: table_of(first) for name, first in {machine.cost.table: machine for machine in machines}.items()}
    placements = [placed(network, machine, tables[machine.cost.table]) for machine in machines]
    source = resolve(network, network_hash(network), input, samples)
    found = find_cnn(network, cnn)
    recorded = _recorded(network, machines, source, workers, progress)
    beside = run_cnn(found, recorded[0].trace, threads=workers, network=network)
    given = [
        _Given(network, machine, widened, placement, tables[machine.cost.table], one, beside)
        for (machine, widened), placement, one in zip(chosen, placements, recorded, strict=True)
    ]
    systems = [system for one in given for system in one.systems(workers)]
    result = _assembled(path, network, source, recorded[0].trace, systems, tables, dict(overrides or {}))
    if out is not None:
        write_comparison(result, out, plot)
    return result


def write_comparison(result: Comparison, out: Path_, plot: str | None = None) -> tuple[Path, ...]:
    """Write ``compare.csv``, ``compare.json`` and, if asked for, ``compare.svg`` or ``.png``: all or none."""
    contents = {
        COMPARE_CSV: csv_text(result.table).encode(),
        COMPARE_JSON: json_text(result.document).encode(),
    }
    if plot is not None:
        contents[f"{PLOT}.{plot}"] = compare_plot.draw(result, plot)
    return write_together(out, contents, ours=[name for kind in FORMATS for name in _names(kind)])


def _names(plot: str | None) -> tuple[str, ...]:
    return (COMPARE_CSV, COMPARE_JSON) if plot is None else (COMPARE_CSV, COMPARE_JSON, f"{PLOT}.{plot}")


def _machines(hardware: Sequence[Path_], overrides: Mapping[str, object] | None) -> list[Hardware]:
    """Every file, checked; two of one name could not be told apart in the table."""
    if not hardware:
        raise HardwareError("a comparison needs at least one hardware file")
    machines = [
        load_hardware(path, chosen) for path, chosen in zip(hardware, _changes(hardware, overrides), strict=True)
    ]
    seen: set[str] = set()
    for machine in machines:
        if machine.name in seen:
            raise HardwareError(
                f'two hardware files have name="{machine.name}", by which a comparison tells them apart'
            )
        seen.add(machine.name)
    return machines


def _fitted(
    network: IntegerNetwork, hardware: Sequence[Path_], overrides: Mapping[str, object] | None
) -> list[tuple[Hardware, Mapping[str, int]]]:
    """`_machines` with accumulators that hold the network's sums, and which of them were widened.

    A machine that it does not fit all the same stays as it is: placing it says why.
    """
    found: list[tuple[Hardware, Mapping[str, int]]] = []
    machines = _machines(hardware, overrides)
    for name, machine, changes in zip(hardware, machines, _changes(hardware, overrides), strict=True):
        try:
            fitted, _, widened = fitting(network, name, changes)
        except MappingError:
            fitted, widened = machine, {}
        found.append((fitted, widened))
    return found


def _changes(hardware: Sequence[Path_], overrides: Mapping[str, object] | None) -> list[dict[str, object]]:
    """Changes to each file: those of an engine to the files that have it; to all, and so refused, where none does."""
    chosen = dict(overrides or {})
    engines = {path: path.split(".")[1] for path in chosen if path.startswith("engines.")}
    if not engines:
        return [chosen] * len(hardware)
    present = [load_hardware(path).engines for path in hardware]
    has = [[name for name in ENGINES if sections.named(name) is not None] for sections in present]
    known = {path for path, engine in engines.items() if any(engine in sections for sections in has)}
    return [
        {path: value for path, value in chosen.items() if path not in known or engines[path] in sections}
        for sections in has
    ]


def _recorded(
    network: IntegerNetwork, machines: Sequence[Hardware], source: Source, threads: int, progress: Progress | None
) -> list[Recorded]:
    """A trace for every machine: samples are executed for the first spiking one, and that run serves all it can."""
    if isinstance(source.content, Trace):
        return [trace_for(network, machine, source, threads, progress) for machine in machines]
    lead = next((machine for machine in machines if not costs_cnn(network, machine)), machines[0])
    first = trace_for(network, lead, source, threads, progress)
    again = replace(source, content=first.trace)
    return [first if machine is lead else trace_for(network, machine, again, threads, progress) for machine in machines]


@dataclass(frozen=True, eq=False)
class _Given:
    """One machine with all that its rows are made of."""

    network: IntegerNetwork
    machine: Hardware
    widened: Mapping[str, int]
    placement: Placement
    table: CostTable
    recorded: Recorded
    beside: CnnModel | None

    @property
    def trace(self) -> Trace:
        return self.recorded.trace

    def systems(self, threads: int) -> Iterator[Compared]:
        if costs_cnn(self.network, self.machine):
            yield from self._cnns(threads)
            return
        machine, trace = self.machine, self.trace
        activity = schedule(trace, self.network, self.placement, machine, threads=threads)
        yield Compared(
            name=machine.name,
            hardware=machine,
            shapes=self._shapes(),
            engines=self._engines(),
            samples=trace.samples,
            activity=activity,
            cost=evaluate(activity, machine.cost, self.table, clock_mhz=machine.clock_mhz),
            cnns=baselines(self.network, trace, machine, self.table, model=self.beside, threads=threads),
            accuracy=self._accuracy(),
            accuracy_source=SIMULATED if self._accuracy() else "",
            paper=self._paper(),
            executed=self.recorded.executed,
            execution=self.recorded.why,
            widened=self.widened,
            spike_engine=self._spike_engine(),
        )

    def _cnns(self, threads: int) -> Iterator[Compared]:
        """The CNN at 32 bits, then at the file's width."""
        given = (self.network, self.trace, self.machine, self.table)
        own = cnn_systems(*given, model=self.beside, threads=threads)
        common = baselines(*given, model=self.beside, threads=threads)
        for item in reversed(own):
            yield self._cnn(item, common, analysis.cnn_energy(self._shapes(), item.bits))

    def _cnn(self, item: Baseline, common: tuple[Baseline, ...], paper: analysis.PaperEnergy) -> Compared:
        return Compared(
            name=item.name,
            hardware=self.machine,
            shapes=self._shapes(),
            engines=self._engines(),
            samples=self.trace.samples,
            activity=item.activity,
            cost=item.cost,
            cnns=common,
            accuracy=item.accuracy,
            accuracy_source=item.accuracy_source,
            paper=paper,
            executed=item.executed,
            execution=item.execution,
            widened=self.widened,
        )

    def _shapes(self) -> tuple[LayerShape, ...]:
        return tuple(layer.shape for layer in self.network.layers)

    def _engines(self) -> tuple[str, ...]:
        return tuple(layer.engine for layer in self.placement.layers)

    def _spike_engine(self) -> str:
        spikes = self.placement.input_spikes
        return spikes.engine if spikes is not None else ""

    def _accuracy(self) -> Accuracy | None:
        return accuracy_of(self.trace.labels, self.trace.predictions, self.network.classes)

    def _narrow(self) -> bool:
        """Whether the CNN is as wide as the papers' narrow one."""
        layers = self.network.layers
        widths = {layer.weight_bits for layer in layers} | {layer.neuron.activation_bits for layer in layers[:-1]}
        return widths == {analysis.WIDTH}

    def _paper(self) -> analysis.PaperEnergy | None:
        """The paper that assumes this organisation; none does where another layer than the first is in memory."""
        first, *others = self._engines()
        if self.network.is_cnn and {first, *others} == {MAC}:
            return analysis.cnn_energy(self._shapes(), analysis.WIDTH) if self._narrow() else None
        if set(others) != {EVENT} or self._spike_engine() == PIM:
            return None
        formula = {MAC: analysis.digital_snn_energy, PIM: analysis.pim_snn_energy}[first]
        return formula(self._shapes(), spike_rates(self.network, self.trace))


def _assembled(
    path: Path,
    network: IntegerNetwork,
    source: Source,
    trace: Trace,
    systems: Sequence[Compared],
    tables: Mapping[str, CostTable],
    overrides: Mapping[str, object],
) -> Comparison:
    given = compare_document.Given(path.stem, network, network_hash(network), source, trace, overrides, tables)
    figures = analysis_of(network, trace)
    table = compare_rows.table(systems)
    document = compare_document.content(given, systems, figures)
    return Comparison(path.stem, tuple(systems), figures, table, document, described(network))

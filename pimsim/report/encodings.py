"""Direct against hybrid encoding of one network, and both against its CNN: the comparison of arXiv 2107.12374.

Tables for docs/results.md.  A network that is not there has a row that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from pimsim.cost import ACCOUNTINGS, FULL, Cost
from pimsim.cost.papers import hypersnn, single_spike
from pimsim.cost.papers.hypersnn import OWN
from pimsim.errors import MissingFileError
from pimsim.model import load_network, network_hash
from pimsim.model.architecture import LayerShape, vgg
from pimsim.model.network import IntegerNetwork
from pimsim.report import numerals
from pimsim.report.accuracy_table import ANN, INTEGER
from pimsim.report.analysis import SpikeRates, rate_needed
from pimsim.report.cnn_model import mismatch
from pimsim.report.compare import comparison
from pimsim.report.comparison import Compared, Comparison
from pimsim.report.firing import LayerFiring, fired_twice, firing, spike_rates
from pimsim.report.inputs import shipped_trace
from pimsim.report.made_parts import Part, markdown
from pimsim.report.paper_tables import NONE, TextTable
from pimsim.report.pipeline import Path_
from pimsim.report.rows import energy_ratio
from pimsim.report.run_rows import rows_of_file
from pimsim.resources import MODEL, find
from pimsim.traces import load_trace

MACHINES = ("ann45nm", "digital45nm", "pim45nm", "gather45nm", "lean45nm", "leanpim45nm", "allpim45nm")
"""The CNN's; the papers' two organisations; sums in registers; the leanest two; everything in crossbars."""
CNN_32, CNN_6, DIRECT, HYBRID = FORMS = ("CNN, 32 bit", "CNN, 6 bit", "SNN, direct", "SNN, hybrid")
NOT_SHIPPED = "not shipped"
_ACCOUNTING_TITLES = ("arithmetic", "with memory", "full")
_UJ, _US = 1e-6, 1e-3


@dataclass(frozen=True)
class Task:
    """One network on one set of samples, trained in three forms; ``name`` is that of its tables.

    cnn, direct, hybrid  the models, paths or shipped names
    traces               recordings of models; of others the shipped ones
    """

    name: str
    title: str
    cnn: Path_
    direct: Path_
    hybrid: Path_
    traces: Mapping[Path_, Path_] = field(default_factory=dict)


TASKS = (
    Task("cifar", "VGG-6, CIFAR-10 (JPEG re-encoded)", "vgg6_ann6b", "vgg6_6b", "vgg6_hybrid_6b"),
    Task("pines", "CNN-3D, Indian Pines", "cnn3d_ann6b", "cnn3d_6b", "cnn3d_hybrid_6b"),
)


@dataclass(frozen=True, eq=False)
class Encoded:
    """A spiking network of a task on the recorded samples, and on `MACHINES`."""

    network: IntegerNetwork
    rates: SpikeRates
    firing: tuple[LayerFiring, ...]
    samples: int
    result: Comparison

    def system(self, name: str) -> Compared | None:
        """One machine's, or ``cnn_6b``, ``cnn_32b``; None where the network was not compared on it."""
        return next((system for system in self.result.systems if system.name == name), None)

    @property
    def macs(self) -> list[int]:
        return [layer.shape.macs for layer in self.network.layers]

    @property
    def mean_rate(self) -> float:
        """Spikes of a hidden neuron of any layer."""
        neurons = [layer.shape.neurons for layer in self.network.layers[:-1]]
        return sum(rate * count for rate, count in zip(self.rates.neurons, neurons, strict=True)) / sum(neurons)


@dataclass(frozen=True, eq=False)
class Measured:
    """What is there of a task; None for a network that is not."""

    task: Task
    cnn: IntegerNetwork | None
    direct: Encoded | None
    hybrid: Encoded | None

    @property
    def spiking(self) -> dict[str, Encoded | None]:
        return {DIRECT: self.direct, HYBRID: self.hybrid}

    @property
    def known(self) -> dict[str, Encoded]:
        """The spiking networks that are there."""
        return {form: one for form, one in self.spiking.items() if one is not None}

    @property
    def missing(self) -> tuple[str, ...]:
        """Models, or recordings of them, that are not there."""
        given = ((self.task.cnn, self.cnn), (self.task.direct, self.direct), (self.task.hybrid, self.hybrid))
        return tuple(str(name) for name, one in given if one is None)


def measured(task: Task, machines: Sequence[Path_] = MACHINES, *, threads: int | None = None) -> Measured:
    """The networks of a task that are there, each on the samples that are recorded of it."""
    cnn = _network(task.cnn)
    direct, hybrid = (_encoded(task, name, cnn, machines, threads) for name in (task.direct, task.hybrid))
    return Measured(task, cnn, direct, hybrid)


def _network(name: Path_) -> IntegerNetwork | None:
    try:
        return load_network(find(MODEL, name))
    except MissingFileError:
        return None


def _encoded(
    task: Task, name: Path_, cnn: IntegerNetwork | None, machines: Sequence[Path_], threads: int | None
) -> Encoded | None:
    network = _network(name)
    path = task.traces.get(name) or (shipped_trace(network_hash(network)) if network is not None else None)
    if network is None or path is None:
        return None
    trace = load_trace(path)
    beside = task.cnn if cnn is not None and not mismatch(network, cnn) else None
    result = comparison(name, machines, path, cnn=beside, widen=True, threads=threads)
    return Encoded(network, spike_rates(network, trace), firing(network, trace), trace.samples, result)


def networks(found: Measured) -> TextTable:
    """How right every network is, and how often its neurons spike, layer by layer."""
    layers = next((one.network.layers[:-1] for one in found.known.values()), ())
    columns = (
        found.task.title,
        "T",
        "epochs",
        "OA %, all test samples",
        "OA %, recorded samples",
        "spikes per input",
        *(f"spikes per neuron, {layer.name}" for layer in layers),
        "all layers",
        "neurons that fired twice",
    )
    rows = [_cnn_row(found, form, len(columns)) for form in (CNN_32, CNN_6)]
    models = (found.task.direct, found.task.hybrid)
    spiking = zip(models, found.spiking.items(), strict=True)
    rows += [_spiking_row(form, model, one, len(columns)) for model, (form, one) in spiking]
    return TextTable("", columns, tuple(rows))


def _cnn_row(found: Measured, form: str, columns: int) -> tuple[str, ...]:
    if found.cnn is None:
        return _absent(form, columns)
    name, key = ("cnn_32b", "float_accuracy") if form == CNN_32 else ("cnn_6b", "accuracy")
    of_samples = next((one.system(name) for one in found.known.values()), None)
    recorded = _recorded(of_samples) if form == CNN_6 else NONE
    return _filled((form, "1", _epochs(found.task.cnn, form), _noted(found.cnn, key), recorded), columns)


def _spiking_row(form: str, model: Path_, one: Encoded | None, columns: int) -> tuple[str, ...]:
    if one is None:
        return _absent(form, columns)
    spiking = [system for system in one.result.systems if system.accuracy and system.name not in ("cnn_6b", "cnn_32b")]
    rates = (f"{rate:.3f}" for rate in (*one.rates.neurons, one.mean_rate))
    inputs = f"{one.rates.inputs:.3f}" if one.rates.inputs else NONE
    recorded = _recorded(spiking[0] if spiking else None)
    trained = (str(one.network.time_steps), _epochs(model, form), _noted(one.network, "accuracy"))
    return (form, *trained, recorded, inputs, *rates, fired_twice(one.firing) or NONE)


def _epochs(model: Path_, form: str) -> str:
    """Epochs of every stage of training, as the JSON file beside a model tells them."""
    noted = find(MODEL, model).with_suffix(".json")
    wanted = ANN if form == CNN_32 else INTEGER
    rows = rows_of_file(noted) if noted.is_file() else ()
    return next((row.epochs for row in rows if wanted in (row.row, row.inference)), NONE)


def _noted(network: IntegerNetwork, key: str) -> str:
    """What a training run noted of all test samples."""
    noted = network.provenance.get(key)
    value = noted.get("overall_percent") if isinstance(noted, Mapping) else None
    return f"{value:.2f}" if isinstance(value, int | float) else NONE


def _recorded(system: Compared | None) -> str:
    if system is None or system.accuracy is None:
        return NONE
    return f"{system.accuracy.percent()['overall_percent']:.2f} of {system.samples}"


def _absent(form: str, columns: int, why: str = NOT_SHIPPED) -> tuple[str, ...]:
    return _filled((form, why), columns)


def _filled(cells: Sequence[str], columns: int) -> tuple[str, ...]:
    return (*cells, *[NONE] * (columns - len(cells)))


def energies(found: Measured) -> TextTable:
    """Energy of an inference in every accounting, delay and energy × delay, and the CNNs' over it."""
    columns = (
        f"{found.task.title}; per inference",
        *(f"µJ, {title}" for title in _ACCOUNTING_TITLES),
        "delay µs",
        "full µJ·µs",
        *(f"CNN 32 / 6 bit over it, {title}" for title in _ACCOUNTING_TITLES),
    )
    return TextTable("", columns, tuple(_energy_rows(found, len(columns))))


def _energy_rows(found: Measured, columns: int) -> Iterator[tuple[str, ...]]:
    for form, name in ((CNN_32, "cnn_32b"), (CNN_6, "cnn_6b")):
        system = next((one.system(name) for one in found.known.values()), None)
        title, instead = f"{form}, ann45nm", NOT_SHIPPED if found.cnn is None else "needs an SNN beside it"
        yield _energy_row(title, system) if system else _absent(title, columns, instead)
    for form, one in found.spiking.items():
        if one is None:
            yield _absent(f"{form}, every machine", columns)
    for machine in _machines(found):
        for form, one in found.known.items():
            system = one.system(machine)
            if system is not None:
                yield _energy_row(f"{form}, {machine}", system)


def _machines(found: Measured) -> tuple[str, ...]:
    """Machines of which there is a spiking system, in order."""
    systems = [system for one in found.known.values() for system in one.result.systems]
    return tuple(dict.fromkeys(system.name for system in systems if system.name not in ("cnn_6b", "cnn_32b")))


def _energy_row(title: str, system: Compared) -> tuple[str, ...]:
    cost, (narrow, wide) = system.cost, system.cnns
    return (
        title,
        *(numerals.ranged(cost.energy(accounting).pj.times(_UJ)) for accounting in ACCOUNTINGS),
        numerals.digits(cost.delay_ns * _US),
        numerals.ranged(cost.edp_uj_us(FULL)),
        *(f"{_over(wide.cost, cost, one)} / {_over(narrow.cost, cost, one)}" for one in ACCOUNTINGS),
    )


def _over(above: Cost, below: Cost, accounting: str) -> str:
    ratio = energy_ratio(above, below, accounting)
    return NONE if ratio is None else numerals.factor(ratio.nominal)


def advantages(found: Measured) -> TextTable:
    """How many times less the hybrid network takes than the direct one, machine by machine."""
    columns = (
        f"{found.task.title}; direct over hybrid",
        *(f"energy, {title}" for title in _ACCOUNTING_TITLES),
        "delay",
        "energy × delay, full",
    )
    if found.direct is None or found.hybrid is None:
        needed = [name for name in found.missing if name != str(found.task.cnn)]
        return TextTable("", columns, (_absent(f"needs {', '.join(needed)}", len(columns)),))
    pairs = [(name, found.direct.system(name), found.hybrid.system(name)) for name in _machines(found)]
    rows = [_advantage_row(name, one.cost, other.cost) for name, one, other in pairs if one and other]
    return TextTable("", columns, tuple(rows))


def _advantage_row(name: str, direct: Cost, hybrid: Cost) -> tuple[str, ...]:
    ratios = (energy_ratio(direct, hybrid, accounting) for accounting in ACCOUNTINGS)
    product = direct.edp_uj_us(FULL).nominal / hybrid.edp_uj_us(FULL).nominal
    return (
        name,
        *(NONE if ratio is None else numerals.ranged(ratio, numerals.factor) for ratio in ratios),
        numerals.factor(direct.delay_ns / hybrid.delay_ns),
        numerals.factor(product),
    )


def formulas(found: Measured) -> TextTable:
    """What the papers' formulas give for the spikes measured, what they allow at most, and what 125 × would need."""
    stated = single_spike.PUBLISHED_IMPROVEMENT
    columns = (
        f"{found.task.title}; by formula",
        "whose",
        "µJ at 6 bit",
        "over CNN of 32 / 6 bit",
        "over CNN, both 32 bit",
        "at most, both 32 bit",
        "spikes per hidden neuron",
        f"needed for {stated} ×",
    )
    rows = [_published_row(), *(_formula_row(form, one, len(columns)) for form, one in found.spiking.items())]
    return TextTable("", columns, tuple(rows))


def _published_row() -> tuple[str, ...]:
    """The paper's own ratio, of which network, and what it takes: with and without a spike of every pixel."""
    macs = [layer.macs for layer in _published_network()]
    stated = single_spike.PUBLISHED_IMPROVEMENT
    most = (_ceiling(macs, inputs) for inputs in (1.0, 0.0))
    rates = (rate_needed(macs, stated, inputs) for inputs in (1.0, 0.0))
    needed = "–".join(f"{rate:.3f}" for rate in rates if rate is not None)
    cells = ("as printed", NONE, NONE, f"≈ {stated}", "–".join(map(numerals.factor, most)), NONE, needed)
    return ("VGG-16, CIFAR-100, the paper", *cells)


def _published_network() -> tuple[LayerShape, ...]:
    return vgg("vgg16", 100).layers


def _formula_row(form: str, one: Encoded | None, columns: int) -> tuple[str, ...]:
    if one is None:
        return _absent(form, columns)
    macs, rates = one.macs, one.rates
    narrow, wide = hypersnn.TABLE_V[6], hypersnn.TABLE_V[32]
    snn = rates.energy_pj(macs, narrow, OWN)
    over = (hypersnn.ann_energy_pj(macs, energies) / snn for energies in (wide, narrow))
    same = hypersnn.ann_energy_pj(macs, wide) / rates.energy_pj(macs, wide, OWN)
    needed = rate_needed(macs, single_spike.PUBLISHED_IMPROVEMENT, rates.inputs)
    return (
        form,
        rates.paper,
        numerals.digits(snn * _UJ),
        " / ".join(map(numerals.factor, over)),
        numerals.factor(same),
        numerals.factor(_ceiling(macs, rates.inputs)),
        f"{one.mean_rate:.3f}",
        "impossible" if needed is None else f"{needed:.3f}",
    )


def _ceiling(macs: Sequence[int], inputs: float) -> float:
    """CNN over SNN without any hidden spike, both at 32 bit."""
    return single_spike.ceiling(macs, hypersnn.TABLE_V[32], input_spikes_per_pixel=inputs)


def parts(found: Iterable[Measured]) -> dict[str, Part]:
    """The generated parts of docs/results.md that compare encodings, by name."""
    return {_part(name, one.task): partial(_block, table(one)) for one in found for name, table in _TABLES.items()}


_TABLES = {"networks": networks, "encodings": energies, "hybrid": advantages, "formula": formulas}


def _part(table: str, task: Task) -> str:
    return f"{table} {task.name}"


PARTS = tuple(_part(table, task) for task in TASKS for table in _TABLES)
"""Names of the parts of `TASKS`."""


def _block(table: TextTable) -> list[str]:
    return [markdown(table)]

"""Energy of every shipped 6-bit spiking network on its recorded spikes, beside what HYPER-SNN prints (Figs. 5 and 6).

The paper counts arithmetic alone, by formula; pimsim counts every action of a machine.  Both stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import fmean

from pimsim.cost import COMPUTE_ONLY, FULL, WITH_MEMORY
from pimsim.cost.papers import hypersnn
from pimsim.errors import MissingFileError
from pimsim.model import load_network, network_hash
from pimsim.model.architecture import ARCHITECTURES
from pimsim.model.encoding import described
from pimsim.model.network import IntegerNetwork
from pimsim.report import numerals
from pimsim.report.compare import comparison
from pimsim.report.comparison import Compared, Comparison
from pimsim.report.firing import spike_rates
from pimsim.report.inputs import shipped_trace
from pimsim.report.made_parts import Part, markdown
from pimsim.report.paper_tables import ALL_SCENES, NONE, TextTable, needed_file
from pimsim.report.pipeline import Path_
from pimsim.report.published import ADVANTAGE, AVERAGE_ADVANTAGE, BANDS_CLASSES, NETWORKS, TITLES, scene_title
from pimsim.resources import MODEL, find, shipped
from pimsim.traces import load_trace

BITS = 6
"""Width of weights of the networks whose energy the paper states."""
MACHINES = ("ann45nm", "digital45nm", "pim45nm", "lean45nm")
"""The CNN; the papers' two organisations; the leanest spiking machine."""
CNN_32, CNN_6, DIGITAL, PIM, LEAN = SYSTEMS = ("cnn_32b", "cnn_6b", "digital45nm", "pim45nm", "lean45nm")
"""What a comparison on `MACHINES` holds."""
UJ_PER_AJ, UJ_PER_PJ = 1e-12, 1e-6
_SHAPES = {**BANDS_CLASSES, "Salinas-A": (204, 6)}
"""Bands and classes of scenes, from which a network's layers follow."""


@dataclass(frozen=True, eq=False)
class NetworkEnergy:
    """One network on one scene: spikes per neuron of every hidden layer over all steps, and its cost on `MACHINES`."""

    network: str
    scene: str
    layers: tuple[str, ...]
    spikes_per_neuron: tuple[float, ...]
    result: Comparison

    @property
    def title(self) -> str:
        return ", ".join(part for part in (TITLES.get(self.network, self.network), self.scene) if part)

    def system(self, name: str) -> Compared:
        """One of `SYSTEMS`."""
        return next(system for system in self.result.systems if system.name == name)

    def energy_uj(self, name: str, accounting: str) -> float:
        return self.system(name).cost.energy(accounting).nominal * UJ_PER_AJ

    def paper_uj(self, name: str) -> float:
        """By the formula of the paper that assumes the system's organisation, layers weighed with their own spikes."""
        paper = self.system(name).paper
        assert paper is not None  # every one of `SYSTEMS` is a paper's
        return paper.own_pj * UJ_PER_PJ


def shipped_snns() -> tuple[str, ...]:
    """Names of the shipped spiking networks of 6-bit weights that have a recorded trace, in the paper's order.

    Of the paper's networks, encoding and neurons: others are compared by `pimsim.report.encodings`.
    """
    found = []
    for path in shipped(MODEL):
        network = load_network(path)
        wide = any(layer.weight_bits != BITS for layer in network.layers)
        if _is_papers(network) and not (wide or shipped_trace(network_hash(network)) is None):
            found.append((*_order(*_identity(network)), path.stem))
    return tuple(name for *_, name in sorted(found))


def _is_papers(network: IntegerNetwork) -> bool:
    return network.architecture.name in NETWORKS and not (network.is_cnn or described(network))


def identity(name: Path_) -> tuple[str, str]:
    """Network of a model, and title of the scene that it was trained on."""
    return _identity(load_network(find(MODEL, name)))


def _identity(network: IntegerNetwork) -> tuple[str, str]:
    return network.architecture.name, scene_title(str(network.provenance.get("scene", "")))


def _order(network: str, scene: str) -> tuple[int, int]:
    return (
        NETWORKS.index(network) if network in NETWORKS else len(NETWORKS),
        ALL_SCENES.index(scene) if scene in ALL_SCENES else len(ALL_SCENES),
    )


def measured(model: Path_, trace: Path_ | None = None, *, threads: int | None = None) -> NetworkEnergy:
    """A network on recorded spikes.

    model  path or shipped name; ``trace`` a recording of it, by default the shipped one

    Raises MissingFileError where there is none.
    """
    network = load_network(find(MODEL, model))
    path = trace or shipped_trace(network_hash(network))
    if path is None:
        raise MissingFileError(f'no trace is shipped of the model "{model}"')
    name, scene = _identity(network)
    return NetworkEnergy(
        network=name,
        scene=scene,
        layers=tuple(layer.name for layer in network.layers[:-1]),
        spikes_per_neuron=spike_rates(network, load_trace(path)).neurons,
        result=comparison(model, MACHINES, path, widen=True, threads=threads),
    )


def advantages(
    energies: Sequence[NetworkEnergy], networks: Sequence[str] = NETWORKS, scenes: Sequence[str] = ALL_SCENES
) -> TextTable:
    """Times less energy than the CNN of 32 / 6 bits: as printed, by the formula, and counted.

    A row for every one of ``networks`` and ``scenes`` (titles), also where no network is at hand, for the bound is
    known without one; then those of ``energies`` that are none of them.
    """
    columns = (
        "CNN at 32 / 6 bits over SNN",
        "paper prints",
        "its bound, without any spike",
        "its formula, spikes measured",
        f"arithmetic, {DIGITAL}",
        f"with memory, {DIGITAL}",
        f"full, {DIGITAL}",
        f"full, {LEAN}",
    )
    known = {(one.network, one.scene): one for one in energies}
    pairs = list(dict.fromkeys([*product(networks, scenes), *known]))
    seen = {one.scene for one in energies}
    rows = [_advantage_row(*pair, known.get(pair), "not shipped" if pair[1] in seen else "") for pair in pairs]
    return TextTable("", columns, (*rows, _mean_row(energies)) if energies else tuple(rows))


def _advantage_row(network: str, scene: str, one: NetworkEnergy | None, instead: str) -> tuple[str, ...]:
    figures = ADVANTAGE.get((network, scene))
    printed = f"{figures.over_32_bit} / {figures.over_6_bit}" if figures else NONE
    if one is not None:
        counted = tuple(_pair(*pair) for pair in _pairs(one))
    else:
        counted = (_ceiling(network, scene), instead or needed_file(scene) or "not shipped", *(NONE,) * 4)
    title = one.title if one else f"{TITLES.get(network, network)}, {scene}"
    return (title, printed, *counted)


def _pairs(one: NetworkEnergy) -> Iterator[tuple[float, float]]:
    """Ratios over the CNN of 32 and of 6 bits, in the order of the columns."""
    value = one.result.analysis.value
    yield value("ceiling_ann32"), value("ceiling_ann6")
    yield value("over_ann32_own"), value("over_ann6_own")
    for name, accounting in ((DIGITAL, COMPUTE_ONLY), (DIGITAL, WITH_MEMORY), (DIGITAL, FULL), (LEAN, FULL)):
        over = one.energy_uj(name, accounting)
        yield one.energy_uj(CNN_32, accounting) / over, one.energy_uj(CNN_6, accounting) / over


def _ceiling(network: str, scene: str) -> str:
    """The bound of a network that was not trained: its layers are known where the scene's bands are."""
    if scene not in _SHAPES or network not in ARCHITECTURES:
        return NONE
    macs = [layer.macs for layer in ARCHITECTURES[network](*_SHAPES[scene]).layers]
    return _pair(*(hypersnn.ceiling(macs, ann_bits=bits) for bits in (32, BITS)))


def _mean_row(energies: Sequence[NetworkEnergy]) -> tuple[str, ...]:
    columns = zip(*(_pairs(one) for one in energies), strict=True)
    means = [_pair(fmean(pair[0] for pair in column), fmean(pair[1] for pair in column)) for column in columns]
    printed = f"{AVERAGE_ADVANTAGE.over_32_bit} / {AVERAGE_ADVANTAGE.over_6_bit}, of its six"
    return (f"mean of the {len(energies)} measured", printed, *means)


def _pair(wide: float, narrow: float) -> str:
    return f"{numerals.factor(wide)} / {numerals.factor(narrow)}"


def absolute(energies: Iterable[NetworkEnergy]) -> TextTable:
    """µJ of one inference: the papers' formulas, counted arithmetic, and everything."""
    columns = ("µJ per inference: formula / arithmetic / full", *SYSTEMS)
    rows = [(one.title, *(_energies(one, name) for name in SYSTEMS)) for one in energies]
    return TextTable("", columns, tuple(rows))


def _energies(one: NetworkEnergy, name: str) -> str:
    values = (one.paper_uj(name), one.energy_uj(name, COMPUTE_ONLY), one.energy_uj(name, FULL))
    return " / ".join(numerals.digits(value) for value in values)


def spikes(energies: Sequence[NetworkEnergy]) -> TextTable:
    """ζ of every hidden layer (Fig. 6), in the order of the layers."""
    width = max((len(one.layers) for one in energies), default=0)
    rows = [(one.title, *(f"{rate:.3f}" for rate in one.spikes_per_neuron)) for one in energies]
    filled = tuple((*row, *[NONE] * (1 + width - len(row))) for row in rows)
    columns = ("spikes per neuron over all steps", *(f"layer {number}" for number in range(1, width + 1)))
    return TextTable("", columns, filled)


PARTS = ("advantages", "energies", "spikes")
"""Names of `parts`."""


def parts(energies: Sequence[NetworkEnergy]) -> dict[str, Part]:
    """The generated parts of docs/results.md that speak of every network, by name."""
    tables = (advantages(energies), absolute(energies), spikes(energies))
    return {name: partial(_block, table) for name, table in zip(PARTS, tables, strict=True)}


def _block(table: TextTable) -> list[str]:
    return [markdown(table)]

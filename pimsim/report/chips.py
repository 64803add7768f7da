"""Monte-Carlo over chips: the accuracy that every one of several chips reaches on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, stdev

from pimsim.errors import HardwareError, SceneError
from pimsim.hardware import Hardware
from pimsim.hardware.hardware import ISO_CNN
from pimsim.mapping import layer_numerics
from pimsim.model.accuracy import Accuracy, accuracy
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.report.inputs import Source
from pimsim.report.rows import Table
from pimsim.simulation import Progress, execute
from pimsim.traces import Trace, holds_for

COLUMNS = ("chip", "seed", "overall_accuracy", "average_accuracy", "kappa")
MEASURES = ("overall", "average", "kappa")
MOST_CHIPS = 2**20


@dataclass(frozen=True)
class Spread:
    """Of one measure over the chips; ``sigma`` (of a sample, n − 1) is None for a single chip."""

    mean: float
    sigma: float | None
    worst: float


@dataclass(frozen=True)
class Chips:
    """Accuracy of chips 0, 1, … of a seed, and of the same machine if all its sums were exact."""

    seed: int
    exact: Accuracy
    reached: tuple[Accuracy, ...]

    def spread(self, measure: str) -> Spread:
        """``measure`` is one of `MEASURES`."""
        values = [getattr(one, measure) for one in self.reached]
        return Spread(fmean(values), stdev(values) if len(values) > 1 else None, min(values))

    def table(self) -> Table:
        """One row per chip, as in ``chips.csv``."""
        rows = [(chip, self.seed, one.overall, one.average, one.kappa) for chip, one in enumerate(self.reached)]
        return Table(COLUMNS, tuple(rows))

    def section(self) -> dict[str, object]:
        """As in ``run.json``."""
        return {
            "chips": len(self.reached),
            "seed": self.seed,
            "exact": asdict(self.exact),
            "spread": {measure: asdict(self.spread(measure)) for measure in MEASURES},
            "reached": [asdict(one) for one in self.reached],
        }


def random_seed(
    machine: Hardware, numerics: Sequence[LayerNumerics], seed: int | None, chips: int | None
) -> int | None:
    """Seed of what is drawn at random, None where nothing is.

    Raises `HardwareError` for a seed that would change nothing, and for several chips that would all be equal.
    """
    varies = any(item.crossbar is not None and item.crossbar.varies for item in numerics)
    if chips is not None and not 1 <= chips <= MOST_CHIPS:
        raise HardwareError(f"chips={chips} is outside 1 … {MOST_CHIPS}")
    if chips is not None and machine.network == ISO_CNN:
        raise HardwareError(f"chips={chips}: {machine.name} costs a CNN and executes no value, so chips reach nothing")
    if not varies and (seed is not None or (chips or 0) > 1):
        asked = f"chips={chips}" if chips else f"seed={seed}"
        raise HardwareError(
            f"{asked}: nothing on {machine.name} is drawn at random, so all chips are equal; engines.pim.numerics has "
            "what differs between chips, for layers that run on pim"
        )
    if not varies:
        return None
    pim = machine.engines.pim
    assert pim is not None  # it is what varies
    return pim.numerics.seed if seed is None else seed


def run_chips(
    network: IntegerNetwork,
    machine: Hardware,
    source: Source,
    first: Trace,
    *,
    chips: int,
    seed: int | None,
    threads: int,
    progress: Progress | None,
) -> Chips:
    """Execute chips 1 … ``chips`` − 1 on the samples of ``first``, which is chip 0's trace.

    ``progress`` is called with samples done of all chips.  Raises `SceneError` where no label is known,
    `MappingError` before another chip is executed where the sums of any may leave their words.
    """
    known = first.labels >= 0
    if not known.any():
        raise SceneError(f"chips={chips}: accuracy needs labels, {source.name} has none")
    numerics = [layer_numerics(network, machine, seed=seed, chip=chip) for chip in range(chips)]
    exact = [replace(item, crossbar=None) for item in numerics[0]]
    recorded = _recorded(source, exact)
    work = [*([] if recorded else [exact]), *numerics[1:]]

    def reached(trace: Trace) -> Accuracy:
        return accuracy(trace.labels[known], trace.predictions[known], network.classes)

    found = []
    for number, widths in enumerate(work):  # one trace at a time: a thousand chips' spikes would fill the memory
        told = None if progress is None else _part(progress, number, len(work))
        found.append(reached(execute(network, first.inputs, first.labels, widths, threads=threads, progress=told)))
    perfect = reached(recorded) if recorded else found.pop(0)
    return Chips(seed or 0, perfect, (reached(first), *found))


def _recorded(source: Source, exact: Sequence[LayerNumerics]) -> Trace | None:
    """The input, if it is a trace of exact sums in these words."""
    content = source.content
    if isinstance(content, Trace) and holds_for(content, [item.as_mapping() for item in exact]):
        return content
    return None


def _part(progress: Progress, number: int, parts: int) -> Progress:
    """Progress of one of several equal parts of the work."""
    return lambda done, total: progress(number * total + done, parts * total)

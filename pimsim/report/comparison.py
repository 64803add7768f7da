"""What a comparison hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pimsim.activity.activity import Activity
from pimsim.cost import Cost
from pimsim.hardware import Hardware
from pimsim.hardware.hardware import EVENT, ISO_CNN, MAC, PIM
from pimsim.model.accuracy import Accuracy
from pimsim.model.architecture import LayerShape
from pimsim.report.analysis import Analysis, PaperEnergy
from pimsim.report.result import Baseline, frame
from pimsim.report.rows import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Compared:
    """One system of a comparison.

    shapes, engines   of every layer, in order
    cnns              the CNN at 6 and 32 bits with this system's clock and cost choices, what it is held against
    accuracy          None where no value is executed or no label known; ``accuracy_source`` says of what
    widened           accumulators wider than in the file, which could not hold the network's sums: dotted path → bits
    spike_engine      of the first layer's input spikes under hybrid encoding, else empty
    paper             of the paper that assumes this organisation, if one does
    """

    name: str
    hardware: Hardware
    shapes: tuple[LayerShape, ...]
    engines: tuple[str, ...]
    samples: int
    activity: Activity
    cost: Cost
    cnns: tuple[Baseline, ...]
    accuracy: Accuracy | None
    paper: PaperEnergy | None
    executed: bool
    execution: str
    accuracy_source: str = ""
    widened: Mapping[str, int] = field(default_factory=dict)
    spike_engine: str = ""

    @property
    def is_digital_snn(self) -> bool:
        """Multipliers for the first layer and event-driven others: what a PIM first layer is held against."""
        first, *others = self.engines
        in_memory = self.spike_engine == PIM
        return self.hardware.network != ISO_CNN and first == MAC and set(others) == {EVENT} and not in_memory

    @property
    def first_engines(self) -> str:
        """Engine of the first layer; of a hybrid one that of codes, then that of input spikes if it is another."""
        return "+".join(dict.fromkeys(filter(None, (self.engines[0], self.spike_engine))))

    @property
    def other_engines(self) -> str:
        """Engine of all layers but the first, or which there are."""
        return "+".join(dict.fromkeys(self.engines[1:]))


@dataclass(frozen=True, eq=False)
class Comparison:
    """One network on several machines; ``document`` is the content of ``compare.json``.

    ``encoding`` says how the network is encoded and into what neurons; empty for direct encoding and neurons that fire
    freely.
    """

    model: str
    systems: tuple[Compared, ...]
    analysis: Analysis
    table: Table
    document: Mapping[str, object]
    encoding: str = ""

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per system and accounting, with the columns of ``compare.csv``."""
        return frame(self.table)


def digital_snn(systems: Sequence[Compared]) -> Compared | None:
    """The first all-digital spiking system, if one is compared."""
    return next((system for system in systems if system.is_digital_snn), None)

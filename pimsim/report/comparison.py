"""What a comparison hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pimsim.activity.activity import Activity
from pimsim.cost import Cost
from pimsim.hardware import Hardware
from pimsim.hardware.hardware import EVENT, ISO_CNN, MAC
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

    @property
    def is_digital_snn(self) -> bool:
        """Multipliers for the first layer and event-driven others: what a PIM first layer is held against."""
        first, *others = self.engines
        return self.hardware.network != ISO_CNN and first == MAC and set(others) == {EVENT}

    @property
    def other_engines(self) -> str:
        """Engine of all layers but the first, or which there are."""
        return "+".join(dict.fromkeys(self.engines[1:]))


@dataclass(frozen=True, eq=False)
class Comparison:
    """One network on several machines; ``document`` is the content of ``compare.json``."""

    model: str
    systems: tuple[Compared, ...]
    analysis: Analysis
    table: Table
    document: Mapping[str, object]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per system and accounting, with the columns of ``compare.csv``."""
        return frame(self.table)


def digital_snn(systems: Sequence[Compared]) -> Compared | None:
    """The first all-digital spiking system, if one is compared."""
    return next((system for system in systems if system.is_digital_snn), None)

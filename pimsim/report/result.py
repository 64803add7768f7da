"""What a run hands back: activity, cost and comparisons, and the same as pandas frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pimsim.activity.activity import Activity
from pimsim.cost import Cost
from pimsim.hardware import Hardware
from pimsim.hardware.hardware import ISO_CNN
from pimsim.model.accuracy import Accuracy
from pimsim.report import rows
from pimsim.report.accuracies import SIMULATED
from pimsim.report.analysis import Analysis
from pimsim.report.chips import Chips
from pimsim.report.firing import LayerFiring, firing_table
from pimsim.traces import Trace

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Baseline:
    """The iso-architecture CNN at one width, on the organisation it was costed on.

    ``accuracy_source`` says what the accuracy is of (`pimsim.report.accuracies`), ``execution`` whose values ran.
    """

    name: str
    title: str
    bits: int
    hardware: str
    activity: Activity
    cost: Cost
    accuracy: Accuracy | None = None
    accuracy_source: str = ""
    executed: bool = False
    execution: str = "a CNN is costed, no value is executed"


@dataclass(frozen=True, eq=False)
class RunResult:
    """One network on one machine over the samples of one input.

    ``executed`` tells whether the network was executed; False means that a recorded trace was re-used, and
    ``execution`` says why in words.  ``document`` is the content of ``run.json``, ``views`` says which waveform and
    timeline were written, ``firing`` what fires once or at a time of its own, ``encoding`` how and into what neurons;
    both are empty for direct encoding and neurons that fire freely.
    The frames' columns and units are those of the CSV files (docs/report-format.md).
    """

    model: str
    hardware: Hardware
    trace: Trace
    activity: Activity
    cost: Cost
    baselines: tuple[Baseline, ...]
    accuracy: Accuracy | None
    analysis: Analysis
    executed: bool
    execution: str
    document: Mapping[str, object]
    chips: Chips | None = None
    views: tuple[str, ...] = ()
    firing: tuple[LayerFiring, ...] = ()
    encoding: str = ""

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per system and accounting."""
        return frame(self.summary_table)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row per layer, and one for the machine as a whole."""
        return frame(self.layer_table)

    @cached_property
    def components(self) -> pd.DataFrame:
        """One row per layer, engine, component and action."""
        return frame(self.component_table)

    @cached_property
    def papers(self) -> pd.DataFrame:
        """The papers' formulas on the same activity."""
        return frame(rows.papers(self.analysis))

    @property
    def saturations(self) -> tuple[float, ...]:
        """Per record of the activity, membrane writes that saturated, per inference of the recording.

        0 where none was executed, and of a hybrid first layer's sums at step 1: its neurons are the input spikes'.
        """
        if self.hardware.network == ISO_CNN:
            return (0.0,) * len(self.activity.layers)
        counts = tuple(int(count) / self.trace.recorded_samples for count in self.trace.saturations)
        return (*(0.0,) * (len(self.activity.layers) - len(counts)), *counts)

    @cached_property
    def active(self) -> tuple[float, ...]:
        """Per hidden layer of a CNN, activations of one inference that are not 0; () where none was executed."""
        return tuple(np.count_nonzero(values) / self.trace.samples for values in self.trace.activations)

    @property
    def spiking(self) -> bool:
        """Whether the machine ran the spiking network, not a CNN, nor a CNN of the network's shape in its place."""
        return not self.trace.activations and self.hardware.network != ISO_CNN

    @cached_property
    def summary_table(self) -> rows.Table:
        own = SIMULATED if self.accuracy else ""
        systems = [rows.System("run", self.hardware.name, self.cost, self.accuracy, own)]
        systems += [
            rows.System(item.name, item.hardware, item.cost, item.accuracy, item.accuracy_source)
            for item in self.baselines
        ]
        return rows.summary(systems)

    @cached_property
    def layer_table(self) -> rows.Table:
        return rows.layers(self.activity, self.cost, self.saturations, self.active, spiking=self.spiking)

    @property
    def firing_table(self) -> rows.Table:
        return firing_table(self.firing)

    @cached_property
    def component_table(self) -> rows.Table:
        return rows.components(self.cost)


def frame(table: rows.Table) -> pd.DataFrame:
    """A table as pandas has it; energies become floats in pJ."""
    import pandas as pd  # here, because it takes longer to import than a run to write its files

    return pd.DataFrame([[rows.plain(cell) for cell in row] for row in table.rows], columns=list(table.columns))

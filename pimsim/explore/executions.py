"""What networks compute on machines: executed once per numeric setting, and scheduled from there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pimsim.errors import PimsimError
from pimsim.explore.job import Job
from pimsim.explore.keys import Keys
from pimsim.explore.recent import Recent
from pimsim.explore.tally import Tally
from pimsim.hardware import Hardware
from pimsim.mapping import Mapping, costs_cnn, layer_numerics
from pimsim.model.accuracy import Accuracy
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.report.accuracies import accuracy_of
from pimsim.report.inputs import Recorded, Samples, Source
from pimsim.report.pipeline import trace_of
from pimsim.simulation.rescheduling import Rescheduler
from pimsim.traces import Trace, holds_for

KEPT_BYTES = 384 * 2**20
"""Of traces and of what scheduling them found; the last one is kept however large it is."""
MOST_SETTINGS = 1024
"""Numeric settings of which it is remembered whether a recording holds for them."""

Numerics = tuple[LayerNumerics, ...]
_Key = tuple[str, str | None, Numerics | None]


@dataclass(eq=False)
class Execution:
    """One network's values on one input, ready to be scheduled on any machine that computes them."""

    network: IntegerNetwork
    recorded: Recorded

    @cached_property
    def accuracy(self) -> Accuracy | None:
        trace = self.recorded.trace
        return accuracy_of(trace.labels, trace.predictions, self.network.classes)

    @cached_property
    def rescheduler(self) -> Rescheduler:
        return Rescheduler(self.recorded.trace, self.network)

    @property
    def kept_bytes(self) -> int:
        """Bytes that only this holds."""
        return self._trace_bytes + (self.rescheduler.kept_bytes if "rescheduler" in self.__dict__ else 0)

    @cached_property
    def _trace_bytes(self) -> int:
        """Nothing for a recording, which is the job's."""
        trace = self.recorded.trace
        encoded = () if trace.input_spikes is None else (trace.input_spikes,)
        arrays = (*trace.spikes, *trace.activations, trace.outputs, trace.labels, trace.inputs, *encoded)
        return sum(array.nbytes for array in arrays) if self.recorded.executed else 0


class Executions:
    """Executions of a job's networks, each done once while it is remembered."""

    def __init__(self, job: Job, tally: Tally) -> None:
        self._job, self._tally = job, tally
        self._known: OrderedDict[_Key, Execution | str] = OrderedDict()
        self._held: Recent[_Key, bool] = Recent(MOST_SETTINGS)

    def execution(self, keys: Keys, machine: Hardware, mapping: Mapping) -> Execution:
        """As `pimsim.report.pipeline.trace_for` has it for this machine; raises the PimsimError that it raises."""
        network, source = self._job.models[keys.model].network, self._job.source(*keys.network)
        costed = costs_cnn(network, machine)
        numerics = layer_numerics(network, machine) if costed else mapping.numerics
        key = (*keys.network, self.setting(keys, numerics, costed=costed))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._recorded(network, source, numerics, costed=costed)
        self._known.move_to_end(key)
        self._make_room()
        if isinstance(known, str):
            raise PimsimError(known)
        return known

    def setting(self, keys: Keys, numerics: Numerics, *, costed: bool) -> Numerics | None:
        """What the network is executed with on the point's input; None where its recording serves as it is."""
        content = self._job.source(*keys.network).content
        if isinstance(content, Samples):
            return numerics
        return None if costed or self._holds(keys, content, numerics) else numerics

    def _recorded(
        self, network: IntegerNetwork, source: Source, numerics: Sequence[LayerNumerics], *, costed: bool
    ) -> Execution | str:
        """An execution, or why there is none."""
        try:
            with self._tally.timed("execute_s"):
                recorded = trace_of(network, source, numerics, self._job.threads, None, costed=costed)
        except PimsimError as error:
            return str(error)
        self._tally.executions += recorded.executed
        return Execution(network, recorded)

    def _holds(self, keys: Keys, trace: Trace, numerics: Numerics) -> bool:
        key = (*keys.network, numerics)
        known = self._held.get(key)
        if known is None:
            known = self._held.put(key, holds_for(trace, [item.as_mapping() for item in numerics]))
        return known

    def _make_room(self) -> None:
        held = {key: item.kept_bytes if isinstance(item, Execution) else len(item) for key, item in self._known.items()}
        total = sum(held.values())
        for key in list(self._known)[:-1]:
            if total <= KEPT_BYTES and len(self._known) <= MOST_SETTINGS:
                break
            total -= held[key]
            del self._known[key]

"""One recorded run on many machines: what a machine shares with an earlier one is not computed again.

Scheduling is cheap but for going through the spikes.  What that finds depends on few settings (a `Flow`, the window
and the slices of a crossbar): memories, word widths, clock and costs only label the result.  So it is kept by what it
depends on, and a hundred crossbars in front of a hundred event cores take a hundred passes each, not ten thousand.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

import numpy as np

from pimsim.activity.activity import Activity
from pimsim.hardware import Hardware
from pimsim.mapping import Mapping
from pimsim.model.architecture import LayerShape
from pimsim.model.network import IntegerNetwork
from pimsim.simulation.schedule import (
    check_trace,
    dense_layer,
    driven,
    event_layers,
    event_timing,
    whole_machine,
)
from pimsim.simulation.schedule_dataflow import Flow, Found
from pimsim.simulation.schedule_event import EventLayer
from pimsim.simulation.schedule_fired import Gated, gated_lanes, skips, skips_adds
from pimsim.simulation.schedule_parallel import run_all
from pimsim.simulation.schedule_records import behind, in_front
from pimsim.simulation.schedule_source import count_spikes
from pimsim.traces.trace import Trace

KEPT_BYTES = 64 * 2**20
"""Kept at most of what layers' kernels found; most of it are 8 bytes per layer, step and sample of each machine."""
OVERHEAD_BYTES = 1024
"""A key and the objects around its arrays, roughly."""

_Key = tuple[int, Flow]
"""A record's number and all that its kernel is told."""


@dataclass
class Reuse:
    """Timings of layers on the event core: ``computed`` by going through the trace, ``reused`` from an earlier one."""

    computed: int = 0
    reused: int = 0


class Rescheduler:
    """Schedules one trace of one network on any number of machines, each as `schedule` does it.

    Raises TraceError where the trace has no sample or does not belong to the network.  The trace's arrays must not
    change while this lives.  At most ``kept_bytes`` are kept, and of what was not used for longest the least.
    One thread at a time may call it.
    """

    def __init__(self, trace: Trace, network: IntegerNetwork, *, kept_bytes: int = KEPT_BYTES) -> None:
        check_trace(trace, network)
        self.reuse = Reuse()
        self._trace = trace
        self._limit, self._bytes = kept_bytes, 0
        self._found: OrderedDict[_Key, Found] = OrderedDict()
        self._spikes: dict[int, int] = {}
        self._pulses: dict[tuple[int, int, int | None, LayerShape], int] = {}
        self._gated: dict[tuple[int, bool], Gated] = {}

    @property
    def kept_bytes(self) -> int:
        """Bytes that are kept."""
        return self._bytes

    def schedule(self, mapping: Mapping, hardware: Hardware, *, threads: int = 1) -> Activity:
        """The activity that `pimsim.simulation.schedule` gives; ``mapping`` is the network's on this ``hardware``."""
        records = range(len(mapping.records))
        events = event_layers(self._trace, mapping, hardware)
        found = self._all_found(events, threads)
        gated = [self._lanes(mapping, hardware, record) for record in records]
        timings = [
            event_timing(mapping, hardware, record, events[record], found[record], gated[record])
            if record in events
            else dense_layer(
                mapping, hardware, record, samples=self._trace.samples, driven=partial(self._driven, record)
            )
            for record in records
        ]
        between = [] if mapping.of_cnn else [self._counted(record, found) for record in records[1:]]
        return whole_machine(mapping, hardware, timings, between, gated)

    def _all_found(self, events: dict[int, EventLayer], threads: int) -> dict[int, Found]:
        """What the kernels find in each record's maps, now or at an earlier call."""
        keys = {record: (record, layer.flow) for record, layer in events.items()}
        found = {record: self._found[key] for record, key in keys.items() if key in self._found}
        passes = {record: layer.start() for record, layer in events.items() if record not in found}
        run_all([task for one in passes.values() for task in one.tasks(threads)], threads)
        self.reuse.computed += len(passes)
        self.reuse.reused += len(found)
        found |= {record: one.found() for record, one in passes.items()}
        for record, key in keys.items():
            self._keep(key, found[record])
        return found

    def _lanes(self, mapping: Mapping, hardware: Hardware, record: int) -> Gated:
        """Lanes that ``record`` gates, which depend on the machine only in whether it gates them in beats too."""
        layer = mapping.records[record]
        if not skips(layer, hardware):
            return Gated()
        key = record, skips_adds(layer, hardware)
        if key not in self._gated:
            events, spikes = in_front(self._trace, record), behind(self._trace, record)
            self._gated[key] = gated_lanes(layer, hardware, events=events, spikes=spikes)
        return self._gated[key]

    def _counted(self, record: int, found: dict[int, Found]) -> int:
        """Spikes in front of ``record``, which the event core has counted anyway."""
        if record not in self._spikes:
            known, maps = found.get(record), in_front(self._trace, record)
            self._spikes[record] = known.spikes if known else count_spikes(np.asarray(maps, np.uint8))
        return self._spikes[record]

    def _keep(self, key: _Key, found: Found) -> None:
        """As the one that was used last."""
        if key not in self._found:
            self._bytes += found.nbytes + OVERHEAD_BYTES
        self._found[key] = found
        self._found.move_to_end(key)
        while self._bytes > self._limit:
            _, oldest = self._found.popitem(last=False)
            self._bytes -= oldest.nbytes + OVERHEAD_BYTES

    def _driven(self, record: int, slice_bits: int, zero: int | None, window: LayerShape) -> int:
        """`driven`, of which there are as many answers as windows and slices: numbers, so all are kept."""
        key = record, slice_bits, zero, window
        known = self._pulses.get(key)
        if known is None:
            known = self._pulses[key] = driven(in_front(self._trace, record), slice_bits, zero, window)
        return known

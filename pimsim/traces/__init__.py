"""Recorded executions: the spikes of a network on given inputs, and nothing about time or cost."""

from pimsim.traces.firing import fired, fired_again
from pimsim.traces.format import load_trace, save_trace, trace_hash
from pimsim.traces.repeats import check_input_spikes, check_single_spikes, first_repeat
from pimsim.traces.select import check_belongs, holds_for, select, single
from pimsim.traces.spikes import pack_spikes, unpack_spikes
from pimsim.traces.trace import Trace

__all__ = [
    "Trace",
    "check_belongs",
    "check_input_spikes",
    "check_single_spikes",
    "fired",
    "fired_again",
    "first_repeat",
    "holds_for",
    "load_trace",
    "pack_spikes",
    "save_trace",
    "select",
    "single",
    "trace_hash",
    "unpack_spikes",
]

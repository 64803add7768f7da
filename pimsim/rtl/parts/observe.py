"""What a simulated core is seen to do: its own per-cycle reports, added up by a meter that is not part of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

METER_BITS = 48

Int64Array = npt.NDArray[np.int64]


def joined(*layouts: data.StructLayout) -> data.StructLayout:
    """The reports of several units as one; a field that two of them have stands once."""
    return data.StructLayout({name: field.shape for layout in layouts for name, field in layout})


def reported(whole: data.View, *parts: data.View, apart: Collection[str] = ()) -> list[Any]:
    """Assignments of every field of ``parts`` to that of ``whole``, but for the fields that are counted ``apart``."""
    return [whole[name].eq(part[name]) for part in parts for name in part.shape().members if name not in apart]


class Meter(wiring.Component):
    """Adds up every field of a core's ``activity``; `totals` has a signal per field."""

    def __init__(self, layout: data.StructLayout) -> None:
        self.totals = {name: Signal(METER_BITS, name=f"{name}_total") for name in layout.members}
        super().__init__({"activity": In(layout)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.sync += [total.eq(total + self.activity[name]) for name, total in self.totals.items()]
        return m


@dataclass(frozen=True, eq=False)
class Observed:
    """A layer as it was seen to run: N samples of T steps.

    front_cycles  (N,) of sums that are computed once per inference, 0 on the event core
    step_cycles   (N, T)
    counts        by field of the core's ``activity``, summed over everything
    spikes        uint8 (N, T, bytes), packed as in a trace; empty behind the classifier and in a CNN
    membranes     (N, T, neurons), m[t] in the order depth, height, width, channel
    activations   (N, neurons) of a CNN's hidden layer, else empty
    currents      (N, neurons) or (N, T, neurons) sums of a dense layer, else empty
    classes       (N,) what the argmax says, behind the classifier only
    """

    step_cycles: Int64Array
    counts: dict[str, int]
    membranes: Int64Array
    spikes: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 0, 0), np.uint8))
    front_cycles: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))
    activations: Int64Array = field(default_factory=lambda: np.empty((0, 0), np.int64))
    currents: Int64Array = field(default_factory=lambda: np.empty((0, 0), np.int64))
    classes: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))

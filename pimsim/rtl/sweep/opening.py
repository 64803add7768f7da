"""A first step that sweeps sums out of a current memory, docs/microarchitecture.md §11.1."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Value, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Member, Out

from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.signals import ReadPort
from pimsim.rtl.sweep.sweep import Sweep

CURRENT_READ, OPENING_READ = "current_memory_read", "opening_read"
"""Words of a layer's own sums, and of those of step 1."""


def current_port(design: SweepDesign) -> ReadPort:
    """Reads P sums of accumulator width, the first in the lowest bits."""
    return ReadPort(depth=design.words, shape=unsigned(design.lanes * design.neuron.accumulator_bits))


def opening_port(design: SweepDesign) -> ReadPort:
    """Reads P sums of step 1, in the words of the engine that has formed them."""
    return ReadPort(depth=design.words, shape=unsigned(design.lanes * design.current_bits))


def opening_sums(design: SweepDesign, word: Value) -> Value:
    """Such a word in accumulator width."""
    bits, wanted = design.current_bits, design.neuron.accumulator_bits
    lanes = (word.word_select(lane, bits).as_signed() for lane in range(design.lanes))
    return Cat(Cat(lane, lane[-1].replicate(max(0, wanted - bits)))[:wanted] for lane in lanes)


def opening_ports(design: SweepDesign) -> dict[str, Member]:
    """Of a core whose first step is such a one."""
    return {"first": In(1), "currents": Out(opening_port(design))} if design.opens else {}


def opening_activity(design: SweepDesign) -> data.StructLayout:
    """What it reports besides."""
    return data.StructLayout({OPENING_READ: 1} if design.opens else {})


def connect_opening(m: Module, core: Any, sweep: Sweep) -> None:
    """The core's `opening_ports` to its sweep: a word of sums is addressed with that of the membranes."""
    m.d.comb += [
        sweep.first.eq(core.first),
        core.currents.enable.eq(sweep.issue & core.first),
        core.currents.address.eq(sweep.issue_word),
        core.activity[OPENING_READ].eq(core.currents.enable),
    ]

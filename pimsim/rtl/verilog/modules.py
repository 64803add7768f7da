"""One module per unit with the ports that the unit declares.

Left alone, Amaranth gives a module a port for every group of wires that crosses its border, by whatever name it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Fragment, Instance, ResetSignal, Value
from amaranth.lib import memory, wiring

from pimsim.errors import HardwareError
from pimsim.rtl.parts.sram import Macros
from pimsim.rtl.verilog.borders import Borders, Path

MOST_INPUTS = 2**16 - 4
"""Bits of a module's inputs, clock and reset beside them: what Amaranth's netlist can number."""

DOMAIN = {"clk": ClockSignal, "rst": ResetSignal}
"""Ports that a module has where something in it is clocked."""


@dataclass(frozen=True)
class Unit:
    """A component in its design, the root of ``borders``.

    ``ports`` by name are those that it declares, as far as they have bits (an index into a single thing may have none),
    and signals that cross its border besides.
    """

    component: wiring.Component
    fragment: Fragment
    path: Path
    borders: Borders

    @cached_property
    def ports(self) -> dict[str, tuple[wiring.Member, Value]]:
        declared = {
            "__".join(map(str, path)): (wiring.Member(member.flow, Value.cast(value).shape()), Value.cast(value))
            for path, member, value in self.component.signature.flatten(self.component)
            if len(Value.cast(value))
        }
        return declared | self.borders.crossed(self.path, [value for _, value in declared.values()])


class _Elaborated(wiring.Component):
    """A unit whose fragment is made already, with flat ports."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        super().__init__({name: member for name, (member, _) in unit.ports.items()})
        for name, (_, value) in unit.ports.items():
            setattr(self, name, value)

    def elaborate(self, _platform: object) -> Fragment:
        return self._unit.fragment


def lower(component: wiring.Component, name: str, platform: Macros) -> str:
    """RTLIL of ``component`` as the module ``name``, and of the units in it as ``name_unit``.

    Buffers and arrays stand in the units that have them, under their names there.
    """
    fragment = Fragment.get(component, platform)
    return "\n".join(_modules(Unit(component, fragment, (), Borders(fragment)), name))


def _modules(unit: Unit, name: str) -> Iterator[str]:
    """Texts of the module and of all below it, inner ones first."""
    _check_width(unit, name)
    parts = unit.fragment.subfragments
    for place, (fragment, label, source) in enumerate(parts):
        component = fragment.origins[0] if fragment.origins else None
        if macro := _macro(fragment):
            parts[place] = (macro, label, source)
        elif label and isinstance(component, wiring.Component) and not isinstance(component, memory.Memory):
            inner = Unit(component, fragment, (*unit.path, place), unit.borders)
            texts = list(_modules(inner, f"{name}_{label}"))
            parts[place] = (_instance(inner, f"{name}_{label}", texts[-1]), label, source)
            yield from texts
    yield rtlil.convert(_Elaborated(unit), name, emit_src=False)


def _check_width(unit: Unit, name: str) -> None:
    """Raises HardwareError for more inputs than a module of Amaranth's can have."""
    bits = sum(len(value) for member, value in unit.ports.values() if member.flow == wiring.In)
    if bits > MOST_INPUTS:
        limit = f"at most {MOST_INPUTS} can be emitted; take fewer lanes or narrower words"
        raise HardwareError(f'module "{name}" has inputs of {bits} bits in all: {limit}')


def _macro(fragment: Fragment) -> Instance | None:
    """What stands for a buffer or an array, where the fragment is one."""
    inner = [part for part, _, _ in fragment.subfragments]
    alone = len(inner) == 1 and isinstance(inner[0], Instance) and not fragment.statements
    return inner[0] if alone else None


def _instance(unit: Unit, name: str, text: str) -> Instance:
    """The unit as its parent has it; ``text`` says whether it is clocked."""
    ports: dict[str, object] = {}
    for port, (member, value) in unit.ports.items():
        ports[("i_" if member.flow == wiring.In else "o_") + port] = value
    for port, signal in DOMAIN.items():
        if re.search(rf"^\s*wire width 1 input \d+ +\\{port}$", text, re.MULTILINE):
            ports[f"i_{port}"] = signal()
    return Instance(name, **ports)

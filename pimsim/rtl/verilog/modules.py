"""One module per unit with the ports that the unit declares.

Left alone, Amaranth gives a module a port for every group of wires that crosses its border, by whatever name it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Elaboratable, Fragment, Instance, ResetSignal, Value
from amaranth.lib import memory, wiring

from pimsim.rtl.sram import Macros

DOMAIN = {"clk": ClockSignal, "rst": ResetSignal}
"""Ports that a module has where something in it is clocked."""


class _Ports(wiring.Signature):
    """Those ports of a component that have bits: of an index into a single thing there may be none."""

    def flatten(self, obj: Any) -> Iterator[tuple[tuple[str | int, ...], wiring.Member, Any]]:
        return ((path, member, value) for path, member, value in super().flatten(obj) if len(Value.cast(value)))


class _Elaborated(Elaboratable):
    """A component whose fragment is made already."""

    def __init__(self, component: wiring.Component, fragment: Fragment) -> None:
        self._component, self._fragment = component, fragment
        self.signature = _Ports(component.signature.members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._component, name)

    def elaborate(self, _platform: object) -> Fragment:
        return self._fragment


def lower(component: wiring.Component, name: str, platform: Macros) -> str:
    """RTLIL of ``component`` as the module ``name``, and of the units in it as ``name_unit``.

    Buffers and arrays stand in the units that have them, under their names there.
    """
    return "\n".join(_modules(component, Fragment.get(component, platform), name))


def _modules(component: wiring.Component, fragment: Fragment, name: str) -> Iterator[str]:
    """Texts of the module and of all below it, inner ones first."""
    for place, (inner, label, source) in enumerate(fragment.subfragments):
        unit = inner.origins[0] if inner.origins else None
        if macro := _macro(inner):
            fragment.subfragments[place] = (macro, label, source)
        elif label and isinstance(unit, wiring.Component) and not isinstance(unit, memory.Memory):
            texts = list(_modules(unit, inner, f"{name}_{label}"))
            fragment.subfragments[place] = (_instance(unit, f"{name}_{label}", texts[-1]), label, source)
            yield from texts
    yield rtlil.convert(_Elaborated(component, fragment), name, emit_src=False)


def _macro(fragment: Fragment) -> Instance | None:
    """What stands for a buffer or an array, where the fragment is one."""
    inner = [part for part, _, _ in fragment.subfragments]
    alone = len(inner) == 1 and isinstance(inner[0], Instance) and not fragment.statements
    return inner[0] if alone else None


def _instance(unit: wiring.Component, name: str, text: str) -> Instance:
    """The unit as its parent has it; ``text`` says whether it is clocked."""
    ports: dict[str, object] = {}
    for path, member, value in _Ports(unit.signature.members).flatten(unit):
        ports[("i_" if member.flow == wiring.In else "o_") + "__".join(map(str, path))] = Value.cast(value)
    for port, signal in DOMAIN.items():
        if re.search(rf"^\s*wire width 1 input \d+ +\\{port}$", text, re.MULTILINE):
            ports[f"i_{port}"] = signal()
    return Instance(name, **ports)

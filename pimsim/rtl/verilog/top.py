"""What is emitted for a layer: a core, and beside it the memories that it alone reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from amaranth.hdl import Module, Shape, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.rtl.parts.sram import Sram

ACTIVITY = "activity"


class LayerTop(wiring.Component):
    """``core`` with a buffer at each of its read ports that ``memories`` names; the others are ports of the top.

    Ports are flat: those of ``core`` by their path, ``source_address``; of ``activity`` one per field,
    ``activity_fifo_push``; and each buffer's write port, by which it is filled before a step, ``weights_write_data``.
    """

    def __init__(self, core: wiring.Component, memories: Mapping[str, Sram]) -> None:
        self.core, self.memories = core, dict(memories)
        members = {name: member for name, member, _ in self._core_ports()}
        for name, sram in self.memories.items():
            members |= {f"{name}_{port}": In(shape) for port, shape in _write_ports(sram).items()}
        super().__init__(members)

    def width(self, port: str) -> int:
        """Bits of one of the top's ports."""
        return int(Shape.cast(self.signature.members[port].shape).width)

    def _core_ports(self) -> Iterator[tuple[str, Member, Value]]:
        """(name at the top, member, value in the core) of each port that reaches the top."""
        for path, member, value in self.core.signature.flatten(self.core):
            if path[0] in self.memories:
                continue
            if path == (ACTIVITY,):
                yield from _fields(value)
            else:
                yield "_".join(map(str, path)), member, value

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core = self.core
        for name, member, value in self._core_ports():
            port = getattr(self, name)
            m.d.comb += value.eq(port) if member.flow == In else port.eq(value)
        for name, sram in self.memories.items():
            m.submodules[name] = sram
            reader = getattr(self.core, name)
            m.d.comb += [
                sram.read_enable.eq(reader.enable),
                sram.read_address.eq(reader.address),
                reader.data.eq(sram.read_data),
                *(getattr(sram, port).eq(getattr(self, f"{name}_{port}")) for port in _write_ports(sram)),
            ]
        return m


def _fields(activity: data.View) -> Iterator[tuple[str, Member, Value]]:
    for field, _ in activity.shape():
        yield f"{ACTIVITY}_{field}", Out(activity.shape()[field].shape), activity[field]


def _write_ports(sram: Sram) -> dict[str, object]:
    ports = ("write_enable", "write_address", "write_data")
    return {port: sram.signature.members[port].shape for port in ports}

"""Which signals cross the border of a unit without being ports of it: a bench may look into what it watches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count

from amaranth.hdl import ClockSignal, Fragment, Instance, MemoryInstance, ResetSignal, Signal, Value
from amaranth.lib.wiring import In, Member, Out

Path = tuple[int, ...]
"""Of a fragment in its design: its place among its parent's, and so on."""


class Borders:
    """Found for a whole design, ``fragment``; each signal by the fragments that drive and use it."""

    def __init__(self, fragment: Fragment) -> None:
        self._signals: dict[int, Signal] = {}
        self._drivers: dict[int, set[Path]] = {}
        self._users: dict[int, set[Path]] = {}
        self._walk(fragment, ())

    def _walk(self, fragment: Fragment, path: Path) -> None:
        for signal, drives in _touched(fragment):
            self._signals[id(signal)] = signal
            (self._drivers if drives else self._users).setdefault(id(signal), set()).add(path)
        for place, (inner, _, _) in enumerate(fragment.subfragments):
            self._walk(inner, (*path, place))

    def crossed(self, path: Path, declared: Iterable[Value]) -> dict[str, tuple[Member, Signal]]:
        """Ports by name, that the unit at ``path`` needs besides those ``declared``."""
        known = {id(signal) for value in declared for signal in value._rhs_signals()}
        found: dict[str, tuple[Member, Signal]] = {}
        for key, signal in self._signals.items():
            drivers, users = self._drivers.get(key, set()), self._users.get(key, set())
            inside = {at[: len(path)] == path for at in drivers}
            if key in known or not drivers or not len(signal):
                continue
            if inside == {True} and any(at[: len(path)] != path for at in users):
                found[_free(signal.name, found)] = (Out(signal.shape()), signal)
            elif inside == {False} and any(at[: len(path)] == path for at in users):
                found[_free(signal.name, found)] = (In(signal.shape()), signal)
        return found


def _free(name: str, taken: Iterable[str]) -> str:
    """A port's name that no other port has, for a signal of any name."""
    plain = re.sub(r"\W", "", name)
    names = (f"across_{plain}{number or ''}" for number in count())
    return next(name for name in names if name not in taken)


def _touched(fragment: Fragment) -> Iterator[tuple[Signal, bool]]:
    """Signals of the fragment alone, and whether it drives them."""
    for statements in fragment.statements.values():
        for statement in statements:
            yield from ((signal, True) for signal in statement._lhs_signals())
            yield from ((signal, False) for signal in statement._rhs_signals())
    for value, drives in _connected(fragment):
        if not isinstance(value, ClockSignal | ResetSignal):
            yield from ((signal, drives) for signal in value._rhs_signals())


def _connected(fragment: Fragment) -> Iterator[tuple[Value, bool]]:
    """What is at the ports of an instance or a memory."""
    if isinstance(fragment, Instance):
        yield from ((value, kind == "o") for value, kind in fragment.ports.values())
    if isinstance(fragment, MemoryInstance):
        for port in fragment._read_ports:
            yield from ((port._data, True), (port._addr, False), (port._en, False))
        for port in fragment._write_ports:
            yield from ((value, False) for value in (port._data, port._addr, port._en))

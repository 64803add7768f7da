"""Tells when kernels are compiled, which only the first run on a machine does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from numba.core.event import Event, Listener, install_listener


class _Once(Listener):
    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def on_start(self, event: Event) -> None:  # noqa: ARG002 - the interface's signature
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()

    def on_end(self, event: Event) -> None:
        """Nothing to tell: what is worth knowing is that a wait begins."""


def on_compilation(tell: Callable[[], None]) -> AbstractContextManager[object]:
    """While the context lasts: call ``tell`` once, before the first kernel that no cache holds is compiled."""
    context: AbstractContextManager[object] = install_listener("numba:compile", _Once(tell))
    return context

"""Networks ready to run, kept from one execution to the next: laying one out takes as long as tens of samples."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pimsim.model.format import network_hash
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.simulation.batch import Workspace
from pimsim.simulation.lowering import LoweredLayer, lower

#: samples of a batch: few enough for spike maps to stay near a core, enough to make the interpreter's share small
MOST_SAMPLES = 32
#: networks kept, and events per sample of one that is worth the memory
MOST_KEPT, MOST_EVENTS = 4, 2**22


class Program:
    """A lowered network, and buffers that a thread borrows while it runs a batch."""

    def __init__(self, layers: tuple[LoweredLayer, ...]) -> None:
        self.layers = layers
        self._idle: queue.SimpleQueue[Workspace] = queue.SimpleQueue()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        try:
            workspace = self._idle.get_nowait()
        except queue.Empty:
            workspace = Workspace(self.layers, MOST_SAMPLES)
        yield workspace
        self._idle.put(workspace)


_kept: OrderedDict[tuple[str, tuple[LayerNumerics, ...]], Program] = OrderedDict()
_lock = threading.Lock()


def program_of(network: IntegerNetwork, numerics: Sequence[LayerNumerics]) -> tuple[Program, str]:
    """The program of a network's content, whichever object holds it, and the hash of that content."""
    content = network_hash(network)
    key = content, tuple(numerics)
    with _lock:
        program = _kept.get(key)
    if program is None:
        program = Program(lower(network, numerics))
    events = sum(layer.steps * layer.most_events for layer in program.layers)
    if events <= MOST_EVENTS:
        with _lock:
            _kept[key] = program
            _kept.move_to_end(key)
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
    return program, content

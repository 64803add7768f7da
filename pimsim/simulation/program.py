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
    """A lowered network, and buffers that a thread borrows while it runs a batch of at most ``samples``."""

    def __init__(self, layers: tuple[LoweredLayer, ...], samples: int) -> None:
        self.layers, self.samples = layers, samples
        self._idle: queue.SimpleQueue[Workspace] = queue.SimpleQueue()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        try:
            workspace = self._idle.get_nowait()
        except queue.Empty:
            workspace = Workspace(self.layers, self.samples)
        yield workspace
        self._idle.put(workspace)


_kept: OrderedDict[tuple[str, tuple[LayerNumerics, ...]], Program] = OrderedDict()
_lock = threading.Lock()


def program_of(network: IntegerNetwork, numerics: Sequence[LayerNumerics], samples: int) -> tuple[Program, str]:
    """The program of a network's content, whichever object holds it, and the hash of that content.

    It runs batches of ``samples``, at most `MOST_SAMPLES`, and is kept if it is small.
    """
    content = network_hash(network)
    key = content, tuple(numerics)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key], content
    layers = lower(network, numerics)
    if sum(layer.steps * layer.most_events for layer in layers) > MOST_EVENTS:
        return Program(layers, samples), content
    program = Program(layers, MOST_SAMPLES)
    with _lock:
        _kept[key] = program
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return program, content

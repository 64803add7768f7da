"""Networks ready to run, kept from one execution to the next: laying one out takes as long as tens of samples."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.model.format import arrays, hashed_text, network_hash
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.simulation.batch import Workspace
from pimsim.simulation.lowering import LoweredLayer, lower

#: samples of a batch: few enough for spike maps to stay near a core, enough to make the interpreter's share small
MOST_SAMPLES = 32
#: networks kept, and events per sample of one that is worth the memory
MOST_KEPT, MOST_EVENTS = 4, 2**22
#: bytes compared at once: a first cache holds what comes out
COMPARED = 2**14


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


@dataclass(frozen=True, eq=False)
class _Known:
    """A network as it was when it was hashed: to compare two of them takes a tenth of the time of hashing one."""

    text: str
    arrays: dict[str, npt.NDArray[Any]]
    content: str

    def holds(self, text: str, others: dict[str, npt.NDArray[Any]]) -> bool:
        """Whether all is the same bit by bit; shapes and types follow from the text."""
        return self.text == text and all(_same_bytes(array, others[name]) for name, array in self.arrays.items())


_kept: OrderedDict[tuple[str, tuple[LayerNumerics, ...]], Program] = OrderedDict()
_known: list[_Known] = []
_lock = threading.Lock()


def content_of(network: IntegerNetwork) -> str:
    """`network_hash`, at once for a network whose content was among the last ones, whichever object holds it."""
    text, held = hashed_text(network), arrays(network)
    with _lock:
        known = tuple(_known)
    for one in known:
        if one.holds(text, held):
            return one.content
    found = _Known(text, {name: array.copy() for name, array in held.items()}, network_hash(network))
    with _lock:
        _known.append(found)
        del _known[:-MOST_KEPT]
    return found.content


def _same_bytes(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    a, b = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (one, other))
    return all(np.array_equal(a[i : i + COMPARED], b[i : i + COMPARED]) for i in range(0, a.size, COMPARED))


def program_of(network: IntegerNetwork, numerics: Sequence[LayerNumerics], samples: int) -> tuple[Program, str]:
    """The program of a network's content, whichever object holds it, and the hash of that content.

    It runs batches of ``samples``, at most `MOST_SAMPLES`, and is kept if it is small.
    """
    content = content_of(network)
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

"""A module of the simulator with a line changed, in place of the real one: would anybody notice?

A mutant is made from the module's source by exact replacement, and runs as plain Python: kernels are not compiled.  It
takes the real one's place wherever pimsim has imported something from it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from plain_lanes import PLAIN

from pimsim.simulation import compiled, execute_layer
from pimsim.simulation.batch import Workspace


@dataclass(frozen=True)
class Mutation:
    """``old`` → ``new`` in a module below `pimsim`; ``old`` stands there exactly once."""

    rule: str
    module: str
    old: str
    new: str

    @property
    def real(self) -> ModuleType:
        return import_module(f"pimsim.{self.module}")


def mutated_source(mutation: Mutation) -> str:
    """The changed source; a mutation whose text is gone, or is not the only one, is stale and fails."""
    source = inspect.getsource(mutation.real)
    assert source.count(mutation.old) == 1, (
        f"{mutation.rule}: {mutation.old!r} stands {source.count(mutation.old)} times"
    )
    return source.replace(mutation.old, mutation.new)


def plain_module(real: ModuleType, source: str) -> ModuleType:
    """``source`` as a module in which kernels are Python functions."""
    made = ModuleType(real.__name__)
    made.__file__ = real.__file__
    decorators = {name: getattr(compiled, name) for name in ("kernel", "part", "inlined")}
    registered = sys.modules[real.__name__]
    try:
        sys.modules[real.__name__] = made  # dataclasses look their module up
        for name in decorators:
            setattr(compiled, name, lambda function: function)
        exec(compile(source, str(real.__file__), "exec"), made.__dict__)
    finally:
        sys.modules[real.__name__] = registered
        for name, decorator in decorators.items():
            setattr(compiled, name, decorator)
    for name in PLAIN.keys() & vars(made).keys():
        if not inspect.isfunction(vars(made)[name]):  # an intrinsic, which only compiled code can call
            vars(made)[name] = PLAIN[name]
    return made


@contextmanager
def in_place(real: ModuleType, made: ModuleType) -> Iterator[None]:
    """While the context lasts, everything of ``real`` that pimsim holds is that of ``made``."""
    swapped: list[tuple[dict[str, Any], str, Any]] = []
    own = {id(value): name for name, value in vars(real).items() if _belongs(value, real)}
    forget_caches()
    try:
        for module in [one for name, one in sys.modules.items() if name.startswith("pimsim.")]:
            for name, value in list(vars(module).items()):
                new = made if value is real else vars(made).get(own.get(id(value), ""))
                if new is not None and not name.startswith("__"):
                    swapped.append((vars(module), name, value))
                    vars(module)[name] = new
        with np.errstate(over="ignore"):
            yield
    finally:
        for namespace, name, value in reversed(swapped):
            namespace[name] = value
        forget_caches()


def _belongs(value: Any, real: ModuleType) -> bool:
    """Whether a function, kernel or class is defined in ``real``; plain values are everybody's."""
    function = getattr(value, "py_func", getattr(value, "__wrapped__", value))
    return getattr(function, "__module__", None) == real.__name__


@contextmanager
def neurons_by(made: ModuleType) -> Iterator[None]:
    """Neurons fire in ``made``, a plain `kernels_execute`; the sums that they are given are still compiled code's."""
    real = execute_layer._run

    def run(layers: Any, index: int, inputs: Any, fired: Any, results: Any) -> None:
        real(layers, index, inputs, fired, results)
        _fire(layers, index, results, made.current_layer)

    execute_layer._run = run
    try:
        with np.errstate(over="ignore"):
            yield
    finally:
        execute_layer._run = real


def _fire(layers: Any, index: int, results: Any, current_layer: Any) -> None:
    """Everything that a layer leaves behind, made once more from its sums."""
    kept = results.records[index]
    workspace, samples = Workspace(layers, len(kept)), len(kept)
    currents = kept[:, :, 0].copy()
    currents[:, 1:] -= kept[:, :-1, 1]
    words, final = workspace.words[index][:samples], workspace.final[index][:samples]
    scratch, extremes = workspace.scratch[index], results.extremes[0, index]
    current_layer(currents, scratch, layers[index].law, words, final, kept, extremes)
    if index < len(results.spikes):
        results.spikes[index][:] = words.view(np.uint8)[..., : results.spikes[index].shape[2]]


def forget_caches() -> None:
    """Results that were kept while another module was in place."""
    for module in [one for name, one in sys.modules.items() if name.startswith("pimsim.")]:
        for value in list(vars(module).values()):
            if hasattr(value, "cache_clear"):
                value.cache_clear()

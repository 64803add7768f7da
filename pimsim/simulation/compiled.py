"""How kernels are compiled; nothing here becomes part of a kernel, so their caches need not see edits of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba

#: numba types not all of its options
_njit: Callable[..., Any] = numba.njit


def kernel(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter's lock, and keep the result on disk where a folder can be written.

    Folders are tried in numba's order: NUMBA_CACHE_DIR, ``__pycache__`` beside the source, the user's cache.
    What is kept is forgotten when the kernel's file, or `lanes` or `event_lists` beside it, is edited.
    Where none can be written, as in a read-only installation without a home, every process compiles anew.
    """
    compiled = _njit(nogil=True, no_cfunc_wrapper=True)(function)
    with suppress(RuntimeError, OSError):
        compiled.enable_caching()
        # numba's own stamp is that of one file, and would let a kernel outlive an edit of what it is compiled with
        compiled._cache._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename))
    return compiled


def _stamp(source: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of a kernel's file and of those with vectors and with event lists, which it may be compiled
    with."""
    files = [source, *source.parent.glob("lanes.py"), *source.parent.glob("event_lists.py")]
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


def part(function: Callable[..., Any]) -> Any:
    """Compile for kernels to call: it becomes part of them, is not kept by itself and cannot be called from Python."""
    return _njit(nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """A `part` that is no call: one that runs for less time than it takes to pass vectors through memory."""
    return _njit(nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=True, forceinline=True)(function)

"""How kernels are compiled; nothing here becomes part of a kernel, so their caches need not see edits of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba

#: numba types not all of its options
_njit: Callable[..., Any] = numba.njit


def kernel(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter's lock, and keep the result on disk where a folder can be written.

    Folders are tried in numba's order: NUMBA_CACHE_DIR, ``__pycache__`` beside the source, the user's cache.
    Where none can be written, as in a read-only installation without a home, every process compiles anew.
    """
    compiled = _njit(nogil=True, no_cfunc_wrapper=True)(function)
    with suppress(RuntimeError):
        compiled.enable_caching()
    return compiled


def part(function: Callable[..., Any]) -> Any:
    """Compile for kernels to call: it becomes part of them, is not kept by itself and cannot be called from Python."""
    return _njit(nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=True)(function)

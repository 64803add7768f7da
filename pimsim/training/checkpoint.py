"""Checkpoints: written whole or not at all, read without executing anything."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from pimsim.archive.writer import write_bytes
from pimsim.errors import OutputError, TrainingError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text) to ``path`` atomically; raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made ({error.strerror})") from error
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, digest: str) -> dict[str, Any] | None:
    """The state saved at ``path``, None where there is none.

    Raises TrainingError when the file is damaged or was made by another recipe.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:  # torch.load raises whatever the damaged bytes lead it to
        raise TrainingError(f"{path}: not a readable checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict) or state.get("digest") != digest:
        raise TrainingError(f"{path}: made by another recipe; give another --out, or remove it to start anew")
    return state

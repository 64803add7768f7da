"""Checkpoints: written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from pimsim.errors import OutputError, TrainingError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text) to ``path`` atomically."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputError(f"{path}: cannot write a checkpoint here: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            torch.save(state, stream)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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

"""Checkpoints: written whole or not at all, read without executing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pimsim.archive.writer import replacing
from pimsim.errors import OutputError, TrainingError
from pimsim.training.graph import Key


def save_checkpoint(path: Path, key: Key, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text) to ``path`` atomically, with the key it belongs to.

    Raises OutputError.
    """
    make_folder(path.parent)
    with replacing(path) as stream:  # as it is made: CNN-32H and its optimizer are 375 MB
        torch.save({**state, "digest": key.digest, "settings": dict(key.settings)}, stream)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be made ({error.strerror})") from error


def load_checkpoint(path: Path, key: Key) -> dict[str, Any] | None:
    """The state saved at ``path``, None where there is none.

    Raises TrainingError when the file is damaged or was made with settings that ``key`` does not have, which it names.
    """
    state = read_checkpoint(path)
    reason = "" if state is None else mismatch(state, key)
    if reason:
        raise TrainingError(f"{path}: made with other settings: {reason}; give another --out, or remove it")
    return state


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """`load_checkpoint`, whatever the settings."""
    if not path.exists():
        return None
    try:
        # mapped: who asks for the settings alone reads little of a large network
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    except Exception as error:  # torch.load raises whatever the damaged bytes lead it to
        raise TrainingError(f"{path}: not a readable checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict) or not isinstance(state.get("settings"), dict):
        raise TrainingError(f"{path}: not a checkpoint of this version of pimsim; remove it to start anew")
    return state


def mismatch(state: dict[str, Any], key: Key) -> str:
    """Which settings of a checkpoint ``key`` does not have; empty where it is the one of ``key``."""
    if state.get("digest") == key.digest:
        return ""
    return key.differences(state["settings"]) or "it is of another version of pimsim"

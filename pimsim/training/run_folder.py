"""Where a run lives: its stages' checkpoints and measured accuracies, one process at a time.

``STAGE.ckpt`` is the network after a stage, or, with the optimizer, after an epoch of it; ``STAGE.accuracy.json`` what
was measured of it.  Both carry the digest of what they depend on: an accuracy on the very parameters too, since a
stage that is trained anew on other threads ends in other ones.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from pimsim.archive.writer import write_bytes
from pimsim.errors import OutputError, TrainingError
from pimsim.model.accuracy import Accuracy
from pimsim.training.checkpoint import load_checkpoint, make_folder, mismatch, read_checkpoint, save_checkpoint
from pimsim.training.graph import Key

if sys.platform != "win32":
    import fcntl

_LOCK = ".lock"
Report = Callable[[str, int, int, str], None]
"""(stage, epochs done, epochs, message)"""


@dataclass(frozen=True)
class Effort:
    """What a stage has taken: epochs, seconds over all sittings, and on what it was computed last."""

    epochs: int = 0
    wall_s: float = 0.0
    threads: int = 1
    device: str = "cpu"

    @staticmethod
    def of(state: Mapping[str, Any] | None) -> Effort:
        """As a checkpoint has it; raises TypeError where it has none."""
        if state is None:
            return Effort()
        epochs, wall_s, threads, device = (state.get(name) for name in Effort.__dataclass_fields__)
        if not (isinstance(epochs, int) and isinstance(threads, int) and isinstance(device, str)):
            raise TypeError(f"epochs={epochs!r}, threads={threads!r}, device={device!r}")
        if not isinstance(wall_s, float) or epochs < 0 or not wall_s >= 0:
            raise TypeError(f"epochs={epochs}, wall_s={wall_s!r}")
        return Effort(epochs, wall_s, threads, device)

    def plus(self, *, epochs: int, wall_s: float, device: torch.device) -> Effort:
        return Effort(self.epochs + epochs, self.wall_s + wall_s, torch.get_num_threads(), device.type)


@dataclass(frozen=True)
class Run:
    """A run's folder, what identifies its stages, and whom it tells of its progress.

    ``test_content``: hash of the test patches, on which accuracies depend beside the stage.
    """

    folder: Path
    keys: Mapping[str, Key]
    seed: int
    report: Report
    device: torch.device
    test_content: str = ""

    def file(self, stage: str) -> Path:
        return self.folder / f"{stage}.ckpt"

    def load(self, stage: str) -> dict[str, Any] | None:
        """A stage's checkpoint; raises TrainingError for one that is damaged or of other settings."""
        state = load_checkpoint(self.file(stage), self.keys[stage])
        try:
            Effort.of(state)
        except TypeError as error:
            raise TrainingError(f"{self.file(stage)}: damaged ({error}); remove it to start anew") from error
        return state

    def save(self, stage: str, state: dict[str, Any], effort: Effort) -> None:
        record = dict(zip(Effort.__dataclass_fields__, astuple(effort), strict=True))
        save_checkpoint(self.file(stage), self.keys[stage], state | record)

    def check(self) -> None:
        """Refuse a folder of other settings before anything is computed."""
        for stage in self.keys:
            self.load(stage)

    def measured(self, stage: str, name: str, network: Mapping[str, Tensor]) -> dict[str, Accuracy]:
        """Accuracies that an earlier sitting measured under ``name``, of these parameters after ``stage``."""
        try:
            content = json.loads(self._accuracy_file(name).read_bytes())
            if content["digest"] != self._accuracy_digest(stage, network):
                return {}
            return {key: Accuracy(*map(float, values)) for key, values in content["accuracies"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}  # nothing is lost: what is not known is measured again

    def keep_measured(
        self, stage: str, name: str, network: Mapping[str, Tensor], accuracies: Mapping[str, Accuracy]
    ) -> None:
        values = {key: astuple(value) for key, value in accuracies.items()}
        text = json.dumps({"digest": self._accuracy_digest(stage, network), "accuracies": values}, indent=1)
        make_folder(self.folder)
        write_bytes(self._accuracy_file(name), text.encode())

    def _accuracy_file(self, name: str) -> Path:
        return self.folder / f"{name}.accuracy.json"

    def _accuracy_digest(self, stage: str, network: Mapping[str, Tensor]) -> str:
        digest = hashlib.sha256(f"{self.keys[stage].digest} {self.test_content}".encode())
        for name, value in sorted(network.items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().reshape(-1).numpy().data)
        return digest.hexdigest()[:32]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made where missing, for one process at a time; it ends with the process, however that ends.

    Raises TrainingError where another process trains there.  What a killed one left half-written is removed; where an
    error ends the block before anything was written, so is a folder that was made for it.
    """
    new = not folder.exists()
    make_folder(folder)
    try:
        with _lock(folder):
            yield
    except BaseException:
        if new and [path.name for path in folder.iterdir()] == [_LOCK]:
            (folder / _LOCK).unlink()
            folder.rmdir()
        raise


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    with _lock_file(folder / _LOCK) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(f"{folder}: another process trains here; wait for it, or give another --out") from error
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)
        yield


def _lock_file(path: Path) -> BinaryIO:
    try:
        return open(path, "wb")
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be written to ({error.strerror})") from error


def check_source(source: Path, folder: Path) -> None:
    """Raises TrainingError where nothing can be taken from ``source`` for the run in ``folder``."""
    if not source.is_dir():
        raise TrainingError(f"--from {source}: no such folder")
    if source.resolve() == folder.resolve():
        raise TrainingError(f"--from {source}: is the folder of this run")


def take(run: Run, source: Path, stages: tuple[str, ...]) -> None:
    """Copy what is finished of ``stages`` from another run's folder, as far as its settings are this run's.

    What is finished here stays.  Raises TrainingError where there is nothing to take, with the reason; a later stage
    that cannot be taken is told to ``run.report``.
    """
    begun = False
    for stage in stages:
        reason = "" if _finished(run.load(stage)) else _copy(run, source, stage)
        if reason and not begun:
            raise TrainingError(f"--from {source}: nothing to take: {reason}")
        if reason:
            run.report(stage, 1, 1, f"not taken from {source}: {reason}")
            return
        begun = True


def _finished(state: Mapping[str, Any] | None) -> bool:
    return state is not None and bool(state.get("finished"))


def _copy(run: Run, source: Path, stage: str) -> str:
    """Why ``stage`` cannot be taken from ``source``; empty, and it is copied, where it can."""
    path = source / f"{stage}.ckpt"
    state = read_checkpoint(path)
    if state is None:
        return f"there is no {path.name}"
    reason = mismatch(state, run.keys[stage])
    if reason:
        return f"{stage} was made with other settings: {reason}"
    if not _finished(state):
        return f"{stage} is not finished there, {state.get('epochs', 0)} epochs are done"
    if not isinstance(state.get("network"), dict):
        return f"{path.name} holds no network there"
    theirs = replace(run, folder=source)
    run.save(stage, {key: state[key] for key in ("network", "finished")}, Effort.of(theirs.load(stage)))
    for accuracies in source.glob("*.accuracy.json"):
        name = accuracies.name.removesuffix(".accuracy.json")
        found = theirs.measured(stage, name, state["network"])
        if found:
            run.keep_measured(stage, name, state["network"], found)
    epochs = f"{state['epochs']} epochs " if state["epochs"] else ""
    run.report(stage, 1, 1, f"{epochs}taken from {source}")
    return ""

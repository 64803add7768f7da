"""Trains in processes that are killed, and says what they left: `python killed_runs.py RECIPE FOLDER MODE SEED`.

Every attempt is a fork of a process that has imported everything and computed nothing, so that it starts at once.
MODE ``writes`` kills one attempt just before and one just after each of a run's files takes its name, ``moments`` kills
at random moments.  Prints how many attempts were killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pimsim.archive import writer
from pimsim.training.pipeline import train
from pimsim.training.recipe import Recipe, load_recipe

MOST = 80


def attempt(recipe: Recipe, out: Path, before: Callable[[], None], killer: Callable[[int], None]) -> bool:
    """Train in a process of its own; whether it came to its end."""
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        before()
        train(recipe, out, command="pimsim train made", report=lambda *_: None, threads=1, device="cpu")
        os._exit(0)
    killer(child)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status:
        sys.exit(f"an attempt ended with status {status}")
    return True


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at_first_change(*, done: bool) -> Callable[[], None]:
    """Makes the first file that is new or changes the last thing that the process writes, ``done`` or not."""

    def arrange() -> None:
        replace = os.replace

        def replace_and_die(source: Path, target: Path) -> None:
            changes = not Path(target).exists() or Path(source).read_bytes() != Path(target).read_bytes()
            if done or not changes:
                replace(source, target)
            if changes:
                die()

        writer.os.replace = replace_and_die  # type: ignore[attr-defined]

    return arrange


def nothing(*_: object) -> None:
    pass


def killed_at_writes(recipe: Recipe, out: Path) -> int:
    for count in range(MOST):
        if attempt(recipe, out, dying_at_first_change(done=bool(count % 2)), nothing):
            return count
    sys.exit(f"not done after {MOST} attempts")


def killed_at_moments(recipe: Recipe, out: Path, seed: int) -> int:
    rng = random.Random(seed)
    began = time.monotonic()
    attempt(recipe, out.with_name(out.name + "_timed"), nothing, nothing)
    length, killed = time.monotonic() - began, 0
    for _ in range(10):

        def kill_later(child: int) -> None:
            time.sleep(rng.uniform(0.0, 0.7) * length)
            os.kill(child, signal.SIGKILL)  # it stays a child, and its id its own, until it is waited for

        killed += not attempt(recipe, out, nothing, kill_later)
    attempt(recipe, out, nothing, nothing)
    return killed


if __name__ == "__main__":
    name, folder, mode, number = sys.argv[1:]
    made, where = load_recipe(name), Path(folder)
    print(killed_at_writes(made, where) if mode == "writes" else killed_at_moments(made, where, int(number)))  # noqa: T201

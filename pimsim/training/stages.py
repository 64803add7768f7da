"""The optimizer loop that the ReLU stage and Q-STDB share, resumable after every epoch.

Shuffling, augmentation and dropout of an epoch are drawn from a generator seeded by (seed, stage, epoch),
and the learning rate is a function of the step number, so that a run continued from a checkpoint is the
run that was never interrupted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.training.checkpoint import load_checkpoint, save_checkpoint
from pimsim.training.data import augment
from pimsim.training.network import Network
from pimsim.training.recipe import Stage

Forward = Callable[[Tensor, int], Tensor]
"""(centred codes, epoch) → logits"""
Report = Callable[[str, int, int, str], None]
"""(stage, epochs done, epochs, message)"""


@dataclass(frozen=True)
class Run:
    """Where a run lives and what identifies it."""

    folder: Path
    digest: str
    seed: int
    report: Report


def train_stage(
    name: str, network: Network, forward: Forward, codes: Tensor, labels: Tensor, stage: Stage, run: Run
) -> None:
    """Train ``network`` in place over ``stage.epochs``; continues from its checkpoint if there is one.

    codes (N, C, D, H, W) uint8 input codes, labels (N,) int64.
    """
    path = run.folder / f"{name}.ckpt"
    optimizer = _optimizer(network, stage)
    state = load_checkpoint(path, run.digest)
    if state is not None:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    for epoch in range(0 if state is None else state["epochs"], stage.epochs):
        torch.manual_seed(_seed(run.seed, name, epoch))
        message = _epoch(network, forward, optimizer, codes, labels, stage, epoch)
        save_checkpoint(
            path,
            {
                "digest": run.digest,
                "epochs": epoch + 1,
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
            },
        )
        run.report(name, epoch + 1, stage.epochs, message)
    network.eval()


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """One cycle: from peak/25 up to peak over the warm-up share, down to 0 over the rest, both cosines."""
    rise = warmup * steps
    if step < rise:
        return peak * (1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * step / rise)) / 2)
    return peak * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1))) / 2


def _optimizer(network: Network, stage: Stage) -> torch.optim.Optimizer:
    neurons = [*network.thresholds, *network.leaks, *network.clips]
    return torch.optim.AdamW(
        [
            {"params": list(network.weights), "weight_decay": stage.weight_decay},
            {"params": neurons, "weight_decay": 0.0},  # decay would pull a threshold towards firing always, a clip to 0
        ],
        fused=True,  # one pass over weights, gradients and moments instead of a dozen
    )


def _epoch(
    network: Network,
    forward: Forward,
    optimizer: torch.optim.Optimizer,
    codes: Tensor,
    labels: Tensor,
    stage: Stage,
    epoch: int,
) -> str:
    network.train()
    count = len(labels)
    batches = torch.randperm(count).split(stage.batch)
    loss_sum, hits = 0.0, 0
    for number, batch in enumerate(batches):
        for group in optimizer.param_groups:
            step = epoch * len(batches) + number
            group["lr"] = learning_rate(step, stage.epochs * len(batches), stage.learning_rate, stage.warmup)
        inputs = network.centre(codes[batch])
        logits = forward(augment(inputs) if stage.augment else inputs, epoch)
        loss = F.cross_entropy(logits, labels[batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        network.clamp()
        loss_sum += float(loss.detach()) * len(batch)
        hits += int((logits.detach().argmax(1) == labels[batch]).sum())
    return f"loss {loss_sum / count:.4f}, training accuracy {100 * hits / count:.2f} %"


def _seed(seed: int, name: str, epoch: int) -> int:
    """A 63-bit seed, the same in every process (``hash`` of a text is not)."""
    digest = hashlib.sha256(f"{seed}/{name}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

"""The optimizer loop that the ReLU stage and Q-STDB share, resumable after every epoch.

Shuffling, augmentation and dropout of an epoch are drawn from a generator seeded by (seed, stage, epoch),
and the learning rate is a function of the step number, so that a run continued from a checkpoint is the
run that was never interrupted.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.errors import TrainingError
from pimsim.training.network import Network
from pimsim.training.run_folder import Effort, Run
from pimsim.training.stage_settings import Stage

Forward = Callable[[Tensor, int], Tensor]
"""(centred codes, epoch) → logits"""
Augment = Callable[[Tensor], Tensor]
"""centred codes (N, C, D, H, W) → other samples of the same classes"""


def train_stage(
    name: str,
    network: Network,
    forward: Forward,
    codes: Tensor,
    labels: Tensor,
    augment: Augment,
    stage: Stage,
    run: Run,
    *,
    neurons: bool = True,
) -> Effort:
    """Train ``network`` in place over ``stage.epochs``; continues from its checkpoint if there is one.

    codes (N, C, D, H, W) uint8 input codes, labels (N,) int64.  Without ``neurons`` the weights alone are trained and
    kept, so that a spiking network and a CNN can start from the same ReLU network.
    """
    state = run.load(name)
    effort = Effort.of(state)
    if state is not None:
        load_network(network, state, run.file(name), neurons=neurons)
    if effort.epochs > stage.epochs:
        raise TrainingError(f"{run.file(name)}: says that {effort.epochs} epochs are done, {name} has {stage.epochs}")
    if effort.epochs == stage.epochs:
        network.eval()
        return effort
    optimizer = _optimizer(network, stage, neurons=neurons)
    if state is not None:
        _load_optimizer(optimizer, state, run.file(name))
    network.set_dropout(stage.dropout, stage.dropout_layers)
    for epoch in range(effort.epochs, stage.epochs):
        began = time.perf_counter()
        torch.manual_seed(_seed(run.seed, name, epoch))
        message = _epoch(network, forward, optimizer, codes, labels, augment, stage, epoch)
        effort = effort.plus(epochs=1, wall_s=time.perf_counter() - began, device=run.device)
        kept: dict[str, Any] = {"network": parameters(network, neurons=neurons), "finished": epoch + 1 == stage.epochs}
        if not kept["finished"]:  # nothing will go on from the optimizer of the last epoch
            kept["optimizer"] = optimizer.state_dict()
        run.save(name, kept, effort)
        run.report(name, epoch + 1, stage.epochs, message)
    network.eval()
    return effort


def parameters(network: Network, *, neurons: bool = True) -> dict[str, Tensor]:
    """The state of a network, for a checkpoint; without ``neurons`` that of its weights alone."""
    return {name: value for name, value in network.state_dict().items() if neurons or name.startswith("weights.")}


def load_network(network: Network, state: dict[str, Any], path: object, *, neurons: bool = True) -> None:
    """Set a network's `parameters` to those of a checkpoint; raises TrainingError naming ``path`` where they differ."""
    found, expected = state.get("network"), parameters(network, neurons=neurons)
    if not isinstance(found, dict) or found.keys() != expected.keys():
        raise TrainingError(f"{path}: does not hold the parameters of this network; remove it to start anew")
    try:
        network.load_state_dict(found, strict=False)
    except (RuntimeError, TypeError) as error:
        raise TrainingError(f"{path}: does not fit this network ({str(error).splitlines()[-1].strip()})") from error


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any], path: object) -> None:
    try:
        optimizer.load_state_dict(state["optimizer"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path}: does not hold this stage's optimizer ({error})") from error


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """One cycle: from peak/25 up to peak over the warm-up share, down to 0 over the rest, both cosines."""
    rise = warmup * steps
    if step < rise:
        return peak * (1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * step / rise)) / 2)
    return peak * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1))) / 2


def _optimizer(network: Network, stage: Stage, *, neurons: bool) -> torch.optim.Optimizer:
    groups = [{"params": list(network.weights), "weight_decay": stage.weight_decay}]
    if neurons:  # decay would pull a threshold towards firing always, a clip to 0
        scalars = [*network.thresholds, *network.leaks, *network.clips]
        groups.append({"params": scalars, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, fused=True)  # one pass over weights, gradients and moments instead of a dozen


def _epoch(
    network: Network,
    forward: Forward,
    optimizer: torch.optim.Optimizer,
    codes: Tensor,
    labels: Tensor,
    augment: Augment,
    stage: Stage,
    epoch: int,
) -> str:
    network.train()
    count, device = len(labels), network.device
    batches = torch.randperm(count).split(stage.batch)
    loss_sum, hits = 0.0, 0
    for number, batch in enumerate(batches):
        for group in optimizer.param_groups:
            step = epoch * len(batches) + number
            group["lr"] = learning_rate(step, stage.epochs * len(batches), stage.learning_rate, stage.warmup)
        inputs, targets = network.centre(codes[batch].to(device)), labels[batch].to(device)
        logits = forward(augment(inputs) if stage.augment else inputs, epoch)
        loss = F.cross_entropy(logits, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        network.clamp()
        loss_sum += float(loss.detach()) * len(batch)
        hits += int((logits.detach().argmax(1) == targets).sum())
    return f"loss {loss_sum / count:.4f}, training accuracy {100 * hits / count:.2f} %"


def _seed(seed: int, name: str, epoch: int) -> int:
    """A 63-bit seed, the same in every process (``hash`` of a text is not)."""
    digest = hashlib.sha256(f"{seed}/{name}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

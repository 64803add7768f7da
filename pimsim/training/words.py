"""Tensors as compiled loops take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def has_words(tensor: Tensor) -> bool:
    """Whether compiled loops take a tensor: on a processor, float32 or bfloat16."""
    return tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.bfloat16)


def words(tensor: Tensor) -> npt.NDArray[Any]:
    """The memory of a contiguous tensor: float32, or uint16 for bfloat16."""
    values = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return values.view(torch.int16).numpy().view(np.uint16)
    return values.numpy()

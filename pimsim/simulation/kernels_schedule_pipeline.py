"""A core per layer, fed step after step and sample after sample; docs/microarchitecture.md §8.

Layer l may start global step g (step t of sample n, g = n·T + t) when it has finished step g − 1, the layer
before has finished step g, and the layer behind has finished step g − 2, because the map between two
layers is double-buffered ::

    start(l, g) = max(end(l, g − 1), end(l − 1, g), end(l + 1, g − 2))

In front of layer 0 the first-layer sums of sample n are computed once, into the half of the current memory
that the sweeps of sample n − 2 have left.  Self-contained: see `kernels_schedule_event`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pimsim.simulation.compiled import kernel


@kernel
def pipeline(service: Any, front: Any, steps: Any, alone: Any, finished: Any) -> None:
    """Cycle in which each sample's last layer ends its last step.

    service   int64 (L, N · steps) cycles of each layer and global step
    front     cycles of the first-layer sums of one sample
    alone     1: every sample starts at cycle 0 on an empty machine; 0: the samples follow each other
    finished  int64 (N,) out
    """
    layers, total = service.shape
    end = np.zeros((layers, total), np.int64)
    ready = begin = oldest = 0
    for g in range(total):
        sample, step = g // steps, g % steps
        if step == 0:
            begin = end[0, (sample - 1) * steps - 1] if sample >= 2 else 0
            if alone == 1:
                ready, begin, oldest = 0, 0, g
            ready = max(ready, begin) + front
        for layer in range(layers):
            start = ready if layer == 0 else end[layer - 1, g]
            if g - 1 >= oldest:
                start = max(start, end[layer, g - 1])
            if g - 2 >= oldest and layer + 1 < layers:
                start = max(start, end[layer + 1, g - 2])
            end[layer, g] = start + service[layer, g]
        if step == steps - 1:
            finished[sample] = end[layers - 1, g]

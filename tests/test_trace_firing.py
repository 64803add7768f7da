"""Neurons that fired, and that fired again, counted on packed maps as on plain ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pimsim.traces import fired, fired_again


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 6), st.integers(1, 20), st.sampled_from([0.1, 0.6]))
def test_bits_are_those_of_neurons_that_fire_once_and_twice(
    seed: int, samples: int, steps: int, neurons: int, rate: float
) -> None:
    """Neuron by neuron with Python's sum over the steps."""
    maps = np.random.default_rng(seed).random((samples, steps, neurons)) < rate
    packed = np.packbits(maps, axis=2, bitorder="little")
    times = [[sum(bool(maps[n, t, i]) for t in range(steps)) for i in range(neurons)] for n in range(samples)]
    for function, least in ((fired, 1), (fired_again, 2)):
        bits = np.unpackbits(function(packed), axis=1, count=neurons, bitorder="little")
        assert bits.tolist() == [[int(count >= least) for count in sample] for sample in times]

"""The compiled loop between two layers of a CNN; self-contained: numba's cache does not notice edits elsewhere."""

# mypy: allow-untyped-defs

from pimsim.simulation.compiled import kernel


@kernel
def requantize(sums, law, activations):
    """Sums (samples, neurons) → activations likewise: ``clip((a · multiplier + half) >> shift, 0, highest)``.

    In 64-bit words: a sum of up to 46 bits times a multiplier of 16 stays below 2^61.
    """
    for sample in range(sums.shape[0]):
        for neuron in range(sums.shape[1]):
            steps = (sums[sample, neuron] * law.multiplier + law.half) >> law.shift
            activations[sample, neuron] = min(max(steps, 0), law.highest)

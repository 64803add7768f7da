"""Backpropagation through time of fully connected spiking layers, neuron by neuron, in plain Python floats.

Written from the papers' equations alone.  With s = γ max(0, 1 − |z|), z = u/v − 1, and G[t] = dL/do[t]:

    δ[t] = dL/du[t] = G[t] s[t] / v + λ δ[t+1]              u[t+1] = λ u[t] + …, the reset's spike a constant
    G[t] of a neuron = Σ over the neurons k that it feeds: w[k] δ_k[t], for the classifier dL/dlogit_k
    dL/dw = Σ_t δ[t] · input[t]        dL/dλ = Σ_t δ[t] u[t−1]
    dL/dv = Σ_t G[t] s[t] (−u[t]/v²) − Σ_t δ[t] o[t−1]      through z, and through the reset
"""

from __future__ import annotations

from dataclasses import dataclass, field

Matrix = list[list[float]]

GAMMA = 0.3


@dataclass
class Gradients:
    """Per layer dL/dw [out][in]; per hidden layer dL/dv and dL/dλ."""

    weights: list[Matrix] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    leaks: list[float] = field(default_factory=list)


@dataclass
class Layer:
    """What a layer received, and of a hidden one its membranes and spikes: each [t][neuron]."""

    inputs: Matrix
    membranes: Matrix = field(default_factory=list)
    spikes: Matrix = field(default_factory=list)


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def forward(
    inputs: list[float], weights: list[Matrix], thresholds: list[float], leaks: list[float], steps: int
) -> tuple[list[float], list[Layer]]:
    """Logits (the classifier membrane, without leak) and the history of every layer; the same input at all steps."""
    signal = [inputs] * steps
    layers = []
    for weight, v, leak in zip(weights[:-1], thresholds, leaks, strict=True):
        layer = Layer(signal)
        u, o = [0.0] * len(weight), [0.0] * len(weight)
        for t in range(steps):
            u = [leak * u[j] + dot(row, signal[t]) - v * o[j] for j, row in enumerate(weight)]
            o = [1.0 if value / v - 1 > 0 else 0.0 for value in u]
            layer.membranes.append(u)
            layer.spikes.append(o)
        layers.append(layer)
        signal = layer.spikes
    layers.append(Layer(signal))
    return [sum(dot(row, x) for x in signal) for row in weights[-1]], layers


def backward(
    upstream: list[float], layers: list[Layer], weights: list[Matrix], thresholds: list[float], leaks: list[float]
) -> Gradients:
    """Gradients for dL/dlogit = ``upstream``."""
    steps = len(layers[-1].inputs)
    delta = [upstream] * steps  # the classifier has no leak and no spike: dL/du[t] is the same at every step
    found = Gradients([outer_sum(delta, layers[-1].inputs)])
    for index in range(len(layers) - 2, -1, -1):
        layer, v, leak = layers[index], thresholds[index], leaks[index]
        neurons = range(len(weights[index]))
        above = [
            [sum(weights[index + 1][k][j] * d for k, d in enumerate(delta[t])) for j in neurons] for t in range(steps)
        ]
        delta = [[0.0 for _ in neurons] for _ in range(steps)]
        dv, dleak = 0.0, 0.0
        for j in neurons:
            for t in range(steps - 1, -1, -1):
                u = layer.membranes[t][j]
                slope = above[t][j] * GAMMA * max(0.0, 1 - abs(u / v - 1))
                delta[t][j] = slope / v + (leak * delta[t + 1][j] if t + 1 < steps else 0.0)
                dv -= slope * u / v**2
                if t > 0:
                    dv -= delta[t][j] * layer.spikes[t - 1][j]
                    dleak += delta[t][j] * layer.membranes[t - 1][j]
        found.weights.insert(0, outer_sum(delta, layer.inputs))
        found.thresholds.insert(0, dv)
        found.leaks.insert(0, dleak)
    return found


def outer_sum(delta: Matrix, inputs: Matrix) -> Matrix:
    """Σ_t δ[t][out] · input[t][in]."""
    steps = range(len(delta))
    return [
        [sum(delta[t][j] * inputs[t][i] for t in steps) for i in range(len(inputs[0]))] for j in range(len(delta[0]))
    ]

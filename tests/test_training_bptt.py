"""Backpropagation through time against closed forms: by hand, and neuron by neuron in plain Python."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import naive_bptt as naive
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from pimsim.model.architecture import Architecture, LayerShape  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid  # noqa: E402

FLOAT = Precision()
#: codes are real values
PLAIN = Grid(1.0, 0, 0, 255)


def chain(*widths: int) -> Architecture:
    """Fully connected layers of these widths; the first is the input, the last the classifier."""
    sizes = pairwise(widths)
    layers = [LayerShape.linear(f"layer{i}", (fan_in, 1, 1, 1), out) for i, (fan_in, out) in enumerate(sizes)]
    return Architecture("chain", (widths[0], 1, 1, 1), tuple(layers))


def network_of(weights: list[naive.Matrix], thresholds: list[float], leaks: list[float]) -> Network:
    network = Network(chain(len(weights[0][0]), *(len(weight) for weight in weights)), PLAIN)
    with torch.no_grad():
        for parameter, values in zip(network.weights, weights, strict=True):
            parameter.copy_(torch.tensor(values)[:, :, None, None, None])
        for parameter, value in zip([*network.thresholds, *network.leaks], [*thresholds, *leaks], strict=True):
            parameter.fill_(value)
    return network


def logits_of(network: Network, inputs: list[float], steps: int) -> Any:
    return network.forward_spiking(torch.tensor(inputs).reshape(1, -1, 1, 1, 1), FLOAT, steps)


def gradients(parameters: Any) -> list[Any]:
    return [parameter.grad.squeeze().tolist() for parameter in parameters]


def test_one_neuron_over_three_steps_by_hand() -> None:
    # w x = 0.75 at every step, v = 1, λ = 1/2:
    #   u = 0.75, 0.375 + 0.75 = 1.125, 0.5625 + 0.75 − 1 = 0.3125        o = 0, 1, 0
    #   z = −0.25, 0.125, −0.6875      s = 0.3 (1 − |z|) = 0.225, 0.2625, 0.09375
    # L = Σ o, so G = 1:
    #   δ3 = 0.09375, δ2 = 0.2625 + δ3/2 = 0.309375, δ1 = 0.225 + δ2/2 = 0.3796875
    #   dL/dw = δ1 + δ2 + δ3          dL/dλ = δ2 · 0.75 + δ3 · 1.125 = 0.23203125 + 0.10546875
    #   dL/dv = −(0.225 · 0.75 + 0.2625 · 1.125 + 0.09375 · 0.3125) − δ3 · o2 = −0.493359375 − 0.09375
    network = network_of([[[0.75]], [[1.0]]], [1.0], [0.5])
    logits = logits_of(network, [1.0], 3)
    assert logits.tolist() == [[1.0]]
    logits.sum().backward()
    assert gradients(network.weights) == pytest.approx([0.7828125, 1.0], rel=1e-6)
    assert gradients(network.leaks) == pytest.approx([0.3375], rel=1e-6)
    assert gradients(network.thresholds) == pytest.approx([-0.587109375], rel=1e-6)


def test_two_neurons_in_a_row_over_two_steps_by_hand() -> None:
    # first: w x = 1.5, v = 1, λ = 1/2: u = 1.5, 0.75 + 1.5 − 1 = 1.25; o = 1, 1; z = 0.5, 0.25; s = 0.15, 0.225
    # second, in the same steps: w = 0.75, v = 1, λ = 1: u = 0.75, 1.5; o = 0, 1; z = −0.25, 0.5; s = 0.225, 0.15
    # classifier 2: L = 2 · 1, so G = 2 at the second:
    #   δ2' = 2 · 0.15 = 0.3, δ1' = 2 · 0.225 + δ2' = 0.75
    #   its weight: 0.75 · 1 + 0.3 · 1 = 1.05; its λ: δ2' · 0.75 = 0.225
    #   its v: −2 (0.225 · 0.75 + 0.15 · 1.5) = −0.7875, nothing through the reset, since o1' = 0
    # at the first G = 0.75 δ' = 0.5625, 0.225:
    #   δ2 = 0.225 · 0.225 = 0.050625, δ1 = 0.5625 · 0.15 + δ2/2 = 0.1096875
    #   w: δ1 + δ2 = 0.1603125; λ: δ2 · 1.5 = 0.0759375
    #   v: −(0.5625 · 0.15 · 1.5 + 0.225 · 0.225 · 1.25) − δ2 · 1 = −0.18984375 − 0.050625
    network = network_of([[[1.5]], [[0.75]], [[2.0]]], [1.0, 1.0], [0.5, 1.0])
    logits = logits_of(network, [1.0], 2)
    assert logits.tolist() == [[2.0]]
    logits.sum().backward()
    assert gradients(network.weights) == pytest.approx([0.1603125, 1.05, 1.0], rel=1e-6)
    assert gradients(network.leaks) == pytest.approx([0.0759375, 0.225], rel=1e-6)
    assert gradients(network.thresholds) == pytest.approx([-0.24046875, -0.7875], rel=1e-6)


def test_the_loss_pulls_the_classifiers_membrane_towards_the_label_by_hand() -> None:
    # one step, w x = 1.5 > v = 1: o = 1, z = 0.5, s = 0.15; logits (1, 0) · o, label 1:
    # dL/dlogits = softmax − (0, 1) = (p, −p) with p = e / (e + 1) = 0.7310585786
    #   G = 1 · p + 0 · (−p) = p; dL/dw = 0.15 p; dL/dv = −0.15 p · 1.5; the leak has not acted yet
    p = 0.7310585786300049
    network = network_of([[[1.5]], [[1.0], [0.0]]], [1.0], [0.9])
    F.cross_entropy(logits_of(network, [1.0], 1), torch.tensor([1])).backward()
    assert gradients(network.weights)[0] == pytest.approx(0.15 * p, rel=1e-6)
    assert gradients(network.weights)[1] == pytest.approx([p, -p], rel=1e-6)
    assert gradients(network.thresholds) == pytest.approx([-0.225 * p], rel=1e-6)
    assert gradients(network.leaks) == [0.0]


@pytest.mark.parametrize("weight", [2.0, 2.5, 0.0, -0.5])
def test_a_membrane_a_whole_threshold_away_from_firing_learns_nothing(weight: float) -> None:
    # one step, v = 1: z = w − 1 is 1, 1.5, −1, −1.5: max(0, 1 − |z|) = 0
    network = network_of([[[weight]], [[1.0]]], [1.0], [1.0])
    logits_of(network, [1.0], 1).sum().backward()
    assert gradients(network.weights)[0] == gradients(network.thresholds)[0] == 0.0


@st.composite
def dyadic_chains(draw: st.DrawFn) -> tuple[list[float], list[naive.Matrix], list[float], list[float], int]:
    """Inputs, weights, thresholds, leaks, steps: in eighths and quarters, so that float32 rounds nothing and every
    spike is decided alike."""
    widths = draw(st.lists(st.integers(1, 4), min_size=3, max_size=4))
    eighth = st.integers(-12, 16).map(lambda n: n / 8)
    weights = [
        draw(st.lists(st.lists(eighth, min_size=fan_in, max_size=fan_in), min_size=out, max_size=out))
        for fan_in, out in pairwise(widths)
    ]
    hidden = len(weights) - 1
    thresholds = [draw(st.integers(2, 16)) / 8 for _ in range(hidden)]
    leaks = [draw(st.integers(0, 4)) / 4 for _ in range(hidden)]
    inputs = [draw(st.integers(-2, 3)) * 1.0 for _ in range(widths[0])]
    return inputs, weights, thresholds, leaks, draw(st.integers(1, 5))


@given(dyadic_chains(), st.integers(0, 3))
def test_gradients_are_those_of_the_recurrences_neuron_by_neuron(
    case: tuple[list[float], list[naive.Matrix], list[float], list[float], int], label: int
) -> None:
    inputs, weights, thresholds, leaks, steps = case
    label = min(label, len(weights[-1]) - 1)
    expected, layers = naive.forward(inputs, weights, thresholds, leaks, steps)
    assume(any(any(o) for layer in layers[:-1] for o in layer.spikes))
    network = network_of(weights, thresholds, leaks)
    logits = logits_of(network, inputs, steps)
    assert logits[0].tolist() == expected
    F.cross_entropy(logits, torch.tensor([label])).backward()
    chances = torch.softmax(torch.tensor(expected, dtype=torch.float64), 0).tolist()
    upstream = [p - (k == label) for k, p in enumerate(chances)]
    found = naive.backward(upstream, layers, weights, thresholds, leaks)
    near = {"rel": 1e-4, "abs": 1e-5}
    for parameter, rows in zip(network.weights, found.weights, strict=True):
        assert parameter.grad.flatten().tolist() == pytest.approx([d for row in rows for d in row], **near)
    assert [p.grad.item() for p in network.thresholds] == pytest.approx(found.thresholds, **near)
    assert [p.grad.item() for p in network.leaks] == pytest.approx(found.leaks, **near)


def test_the_gradient_of_a_batch_is_the_sum_of_its_samples_gradients() -> None:
    network = network_of([[[0.75, -0.5], [0.5, 1.0]], [[1.0, 0.5]]], [0.75], [0.75])
    samples = torch.tensor([[1.0, 2.0], [2.0, 1.0], [3.0, 0.0]]).reshape(3, 2, 1, 1, 1)
    parameters = list(network.parameters())
    logits = network.forward_spiking(samples, FLOAT, 4).sum()
    together = torch.autograd.grad(logits, parameters, retain_graph=False)
    alone = [torch.autograd.grad(network.forward_spiking(one[None], FLOAT, 4).sum(), parameters) for one in samples]
    for index, gradient in enumerate(together):
        torch.testing.assert_close(gradient, sum(part[index] for part in alone))


def test_dropout_keeps_one_mask_for_all_steps_of_a_sample() -> None:
    # every neuron fires at every step (u grows by 2 − 1), so the logit of one sample is the number of neurons that
    # its mask kept, times 7 steps, times 1 / (1 − 0.5); masks drawn at every step would give other multiples of 2
    neurons, steps = 16, 7
    network = network_of([[[2.0]] * neurons, [[1.0] * neurons]], [1.0], [1.0])
    network.set_dropout(0.5)
    torch.manual_seed(0)
    samples = torch.ones(40, 1, 1, 1, 1)
    network.train()
    kept = network.forward_spiking(samples, FLOAT, steps).flatten() / (2 * steps)
    assert torch.equal(kept, kept.round())
    assert 2 < len(kept.unique()) <= neurons  # a mask per sample
    network.eval()
    assert network.forward_spiking(samples, FLOAT, steps).unique().tolist() == [neurons * steps]

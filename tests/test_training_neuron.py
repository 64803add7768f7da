"""The spiking neuron's forward pass and its gradient through time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

torch = pytest.importorskip("torch")

from pimsim.training import neuron  # noqa: E402


class _Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Any) -> Any:
        ctx.save_for_backward(z)
        return (z > 0).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (z,) = ctx.saved_tensors
        return gradient * 0.3 * (1 - z.abs()).clamp(min=0)


def step_by_step(current: Any, leak: Any, threshold: Any, steps: int) -> Any:
    """The neuron's equations one step at a time, differentiated by autograd (papers: u, z = u/v − 1, o)."""
    membrane, fired, spikes = 0.0, torch.zeros_like(current[0]), []
    for t in range(steps):
        membrane = leak * membrane + current[min(t, len(current) - 1)] - threshold * fired.detach()
        fired = _Surrogate.apply(membrane / threshold - 1)
        spikes.append(fired)
    return torch.stack(spikes)


@pytest.mark.parametrize("rows", [1, 4])
def test_gradients_through_time_equal_those_of_the_equations_written_out(rows: int) -> None:
    torch.manual_seed(3)
    given_values = (torch.randn(rows, 40, dtype=torch.float32), torch.tensor(0.9), torch.tensor(0.7))
    upstream = torch.randn(4, 40)
    mine = [value.clone().requires_grad_() for value in given_values]
    theirs = [value.clone().requires_grad_() for value in given_values]
    spikes = neuron.spike(*mine, 4)
    expected = step_by_step(*theirs, 4)
    assert torch.equal(spikes, expected)
    spikes.backward(upstream)
    expected.backward(upstream)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)


def test_gradient_of_a_single_step_is_the_surrogate_in_closed_form() -> None:
    # u = I = 0.5, v = 1: z = −0.5, do/dz = 0.3 · 0.5 = 0.15, do/dI = 0.15 / v, do/dv = 0.15 · (−u / v²)
    current = torch.tensor([[0.5]], requires_grad=True)
    threshold = torch.tensor(1.0, requires_grad=True)
    neuron.spike(current, torch.tensor(1.0), threshold, 1).sum().backward()
    assert current.grad is not None
    assert threshold.grad is not None
    assert current.grad.item() == pytest.approx(0.15)
    assert threshold.grad.item() == pytest.approx(-0.075)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("count", [1, 37, neuron.BLOCK, neuron.BLOCK + 1, 3 * neuron.BLOCK - 5])
@pytest.mark.parametrize("once", [False, True])
def test_compiled_loops_do_what_whole_tensors_do(dtype: Any, rows: int, count: int, once: bool) -> None:
    torch.manual_seed(count)
    current, upstream = torch.randn(rows, count).to(dtype), torch.randn(5, count).to(dtype)
    leak, threshold = torch.tensor(0.95), torch.tensor(0.5)
    inputs = [value.requires_grad_() for value in (current, leak, threshold)]
    fired = neuron.spike(*inputs, 5, once=once)
    plain = [value.detach() for value in inputs]
    _, expected = neuron.integrate(*plain, 5, once=once)
    assert fired.dtype == dtype
    assert torch.equal(fired, expected)
    of_current, of_leak, of_threshold = neuron._through_time(plain[0], upstream, *plain[1:], once=once)
    found = torch.autograd.grad(fired, inputs, upstream)
    precise = 2**-7 if dtype == torch.bfloat16 else 1e-5  # one step of bfloat16's 8 bits
    torch.testing.assert_close(found[0], of_current, rtol=precise, atol=1e-6)
    assert found[1].item() == pytest.approx(of_leak, rel=1e-4, abs=1e-4)
    assert found[2].item() == pytest.approx(of_threshold, rel=1e-4, abs=1e-4)


@given(
    currents=st.lists(st.integers(-300, 300), min_size=1, max_size=8),
    threshold=st.integers(1, 200),
    leak=st.integers(0, 256),
)
def test_with_the_leak_rounded_the_float_neuron_is_the_integer_neuron(
    currents: list[int], threshold: int, leak: int
) -> None:
    expected, stored = [], 0
    for current in currents:
        value = stored + current
        fired = value > threshold
        stored = ((value * leak) >> 8) - threshold * fired
        expected.append(float(fired))
    column = torch.tensor(currents, dtype=torch.float32)[:, None]
    _, spikes = neuron.integrate(
        column, torch.tensor(leak / 256), torch.tensor(float(threshold)), len(currents), floor_leak=True
    )
    assert spikes[:, 0].tolist() == expected


def single_spikes(current: Any, leak: Any, threshold: Any, steps: int) -> Any:
    """Single-spike neurons one step at a time: o = s Π (1 − s) over the steps before, the product held constant."""
    membrane, waiting, spikes = 0.0, 1.0, []
    for t in range(steps):
        membrane = leak * membrane + current[min(t, len(current) - 1)]
        crossed = _Surrogate.apply(membrane / threshold - 1)
        spikes.append(crossed * waiting)
        waiting = waiting * (1 - crossed.detach())
    return torch.stack(spikes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 4])
def test_gradients_of_single_spikes_equal_those_of_the_equations_written_out(rows: int, dtype: Any) -> None:
    torch.manual_seed(4)
    given_values = (torch.randn(rows, 60), torch.tensor(0.9), torch.tensor(0.7))
    upstream = torch.randn(4, 60).to(dtype)
    mine = [value.to(dtype).requires_grad_() for value in given_values]
    theirs = [value.to(dtype).requires_grad_() for value in given_values]
    spikes = neuron.spike(*mine, 4, once=True)
    expected = single_spikes(*theirs, 4)
    assert torch.equal(spikes, expected)
    assert expected.sum(0).unique().tolist() == [0.0, 1.0]
    spikes.backward(upstream)
    expected.backward(upstream)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)


def test_gradient_of_a_single_spike_over_three_steps_by_hand() -> None:
    # I = 0.75, v = 1, λ = 1/2: u = 0.75, 1.125, 1.3125: crossings at the second step and at the third, a spike at the
    # second; z = −0.25, 0.125; s' = 0.225, 0.2625; with G = 1, 1, 1 the third step has no gradient:
    #   δ2 = 0.2625, δ1 = 0.225 + δ2/2 = 0.35625; dL/dλ = δ2 · 0.75; dL/dv = −(0.225 · 0.75 + 0.2625 · 1.125)
    current = torch.tensor([[0.75]], requires_grad=True)
    leak, threshold = (torch.tensor(value, requires_grad=True) for value in (0.5, 1.0))
    spikes = neuron.spike(current, leak, threshold, 3, once=True)
    assert spikes.flatten().tolist() == [0.0, 1.0, 0.0]
    spikes.sum().backward()
    found = [value.grad.item() for value in (current, leak, threshold) if value.grad is not None]
    assert found == pytest.approx([0.35625 + 0.2625, 0.196875, -0.4640625])


@given(
    currents=st.lists(st.integers(-300, 300), min_size=1, max_size=8),
    threshold=st.integers(1, 200),
    leak=st.integers(0, 256),
)
def test_with_the_leak_rounded_the_float_single_spike_neuron_is_the_integer_neuron(
    currents: list[int], threshold: int, leak: int
) -> None:
    expected, stored, silent = [], 0, False
    for current in currents:
        value = stored + current
        expected.append(float(value > threshold and not silent))
        silent |= value > threshold
        stored = (value * leak) >> 8
    column = torch.tensor(currents, dtype=torch.float32)[:, None]
    scalars = torch.tensor(leak / 256), torch.tensor(float(threshold))
    _, spikes = neuron.integrate(column, *scalars, len(currents), floor_leak=True, once=True)
    assert spikes[:, 0].tolist() == expected


@given(
    current=arrays.arrays(
        np.float32, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.floats(-4, 4, width=32)
    ),
    leak=st.floats(0, 1, width=32),
    threshold=st.floats(0.125, 4, width=32),
    steps=st.integers(1, 6),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float64]),
)
def test_no_single_spike_neuron_fires_twice_and_it_fires_where_the_membrane_first_exceeds_the_threshold(
    current: Any, leak: float, threshold: float, steps: int, dtype: Any
) -> None:
    values = torch.from_numpy(current)[: 1 if len(current) < steps else steps].to(dtype)
    scalars = torch.tensor(leak), torch.tensor(threshold)
    spikes = neuron.spike(values, *scalars, steps, once=True)
    membranes, _ = neuron.integrate(values, *scalars, steps, once=True)
    crossed = membranes > scalars[1]
    assert spikes.sum(0).max() <= 1
    assert torch.equal(spikes > 0, crossed & (crossed.cumsum(0) == 1))


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_that_share_neurons_do_what_one_does(threads: int, once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    current, upstream = torch.randn(4, 5 * neuron.BLOCK + 7), torch.randn(4, 5 * neuron.BLOCK + 7)

    def outcome() -> tuple[Any, Any]:
        inputs = [value.requires_grad_() for value in (current.clone(), torch.tensor(0.9), torch.tensor(0.7))]
        spikes = neuron.spike(*inputs, 4, once=once)
        return spikes, torch.autograd.grad(spikes, inputs, upstream)

    spikes, gradients = outcome()
    monkeypatch.setattr(neuron, "SHARED", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    shared_spikes, shared_gradients = outcome()
    assert torch.equal(spikes, shared_spikes)
    assert torch.equal(gradients[0], shared_gradients[0])
    for mine, theirs in zip(gradients[1:], shared_gradients[1:], strict=True):  # sums in another order
        torch.testing.assert_close(mine, theirs)

"""The spiking neuron's forward pass and its gradient through time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def single_spikes(current: Any, leak: Any, threshold: Any, steps: int, crossing: Any) -> Any:
    """Single-spike neurons one step at a time as the product form has them, o = s Π (1 − s) over the steps before."""
    membrane, waiting, spikes = 0.0, 1.0, []
    for t in range(steps):
        membrane = leak * membrane + current[min(t, len(current) - 1)]
        crossed = crossing(membrane / threshold - 1)
        spikes.append(crossed * waiting)
        waiting = waiting * (1 - crossed)
    return torch.stack(spikes)

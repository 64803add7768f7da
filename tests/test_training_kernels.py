"""Compiled loops and oneDNN's products beside the same steps in whole tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

torch = pytest.importorskip("torch")

from pimsim.model.architecture import LayerShape, cnn3d  # noqa: E402
from pimsim.training import convolution, kernels, neuron, quantize  # noqa: E402
from pimsim.training.convolution import convolve, product  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid, fake_quantize  # noqa: E402
from pimsim.training.words import has_words, words  # noqa: E402

FORMATS = (torch.float32, torch.bfloat16)
VALUES = arrays.arrays(np.float32, st.integers(1, 70), elements=st.floats(-4, 4, width=32))


def both_ways(values: Any, upstream: Any, grid: Grid, dtype: Any) -> tuple[Any, Any]:
    tensor = values.clone().requires_grad_()
    codes = fake_quantize(tensor, grid, dtype)
    codes.backward(upstream)
    return codes.detach(), tensor.grad


@given(values=VALUES, bits=st.integers(2, 8), scheme=st.sampled_from(["affine", "scale"]), seed=st.integers(0, 99))
@example(values=np.array([1e-45], np.float32), bits=2, scheme="affine", seed=0)
@pytest.mark.parametrize("dtype", FORMATS)
def test_weights_are_quantized_as_in_whole_tensors(dtype: Any, values: Any, bits: int, scheme: str, seed: int) -> None:
    tensor = torch.from_numpy(values)
    grid = Grid.of(tensor, bits, scheme)
    codes, gradient = both_ways(tensor, torch.ones(len(values), dtype=dtype), grid, dtype)
    assert codes.dtype == dtype
    assert gradient.dtype == torch.float32
    # to the bit: both divide in float32 and round ties to even; codes of 8 bits are exact in bfloat16
    assert torch.equal(codes.float(), grid.centred(tensor))
    units = tensor / grid.scale
    inside = (units >= grid.lowest - 0.5) & (units <= grid.highest + 0.5)
    assert torch.equal(gradient, inside / torch.tensor(grid.scale))
    narrower = Grid(grid.scale / 2, grid.zero_point, grid.low, grid.high)  # half of the values lie outside
    upstream = torch.randn(len(values), generator=torch.Generator().manual_seed(seed)).to(dtype)
    codes, gradient = both_ways(tensor, upstream, narrower, dtype)
    wide_codes, wide_gradient = both_ways(tensor.double(), upstream.double(), narrower, torch.float64)
    # float64 takes the form in whole tensors; a tie may fall the other way than in float32
    ties = ((tensor.double() / narrower.scale) % 1 - 0.5).abs() < 1e-4
    assert torch.equal(codes.double()[~ties], wide_codes[~ties])
    torch.testing.assert_close(gradient.double()[~ties], wide_gradient[~ties], rtol=1e-6, atol=0)


def test_weights_that_are_no_numbers_stay_none() -> None:
    """A diverged training must be seen in its loss."""
    codes = fake_quantize(torch.tensor([1.0, float("nan"), -1.0]), Grid.affine(-1.0, 1.0, 4))
    assert codes.isnan().tolist() == [False, True, False]


@given(bits=st.integers(0, 2**32 - 1))
def test_bfloat16_is_rounded_as_the_library_does(bits: int) -> None:
    """Through the gradient of a neuron at its threshold of 1, which for γ = 1 passes on what it is given."""
    value = np.array([bits], np.uint32).view(np.float32)
    if not np.isfinite(value[0]):
        return
    gradient, upstream = np.empty((1, 1), np.uint16), value[None]
    lanes, membranes = np.empty((4, 1), np.float32), np.empty((3, 1), np.float32)
    current = words(torch.tensor([[1.0]], dtype=torch.bfloat16))
    one = np.float32(1.0)
    kernels.fire_backward(current, upstream, one, one, one, False, 0, 1, membranes, lanes, gradient, np.zeros((2, 1)))
    expected = torch.from_numpy(value).to(torch.bfloat16)
    assert gradient.item() == words(expected).item()


@pytest.mark.parametrize("dtype", [*FORMATS, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (0, 3, 2), (7, 30, 5), (64, 17, 33)])
def test_products_take_matrices_as_they_lie(dtype: Any, shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    x, weight = torch.randint(-3, 4, (k, m)).to(dtype).t(), torch.randint(-3, 4, (k, n)).to(dtype).t()
    assert product(x, weight).dtype == dtype
    assert torch.equal(product(x, weight).double(), x.double() @ weight.double().t())


def test_without_onednn_products_are_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = torch.randn(5, 7), torch.randn(3, 7)
    found = product(x, weight)
    monkeypatch.setattr(convolution, "_ONEDNN", dict.fromkeys(FORMATS, False))
    torch.testing.assert_close(product(x, weight), found)


@pytest.mark.parametrize(("samples", "rows"), [(2, [10, 10, 10, 5]), (1, [5] * 7)])
def test_a_forward_pass_in_pieces_is_the_whole(samples: int, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LayerShape("a", "conv3d", (3, 9, 2, 2), 4, (3, 2, 2), (2, 1, 1), (1, 0, 0))
    x, weight = torch.randint(-9, 10, (7, 9, 2, 2, 3)).float(), torch.randint(-9, 10, (4, 3, 3, 2, 2)).float()
    whole = convolve(x, weight.requires_grad_(), layer)
    monkeypatch.setattr(convolution, "PIECE", samples * 5 * 36)  # five outputs with 36 inputs
    sizes: list[int] = []
    monkeypatch.setattr(convolution, "product", lambda a, b: sizes.append(len(a)) or product(a, b))
    assert torch.equal(convolve(x, weight.detach(), layer), whole)
    assert sizes == rows


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_neurons_in_other_formats_take_whole_tensors(dtype: Any) -> None:
    current = torch.randn(3, 20).to(dtype)
    assert not has_words(current)
    inputs = [value.requires_grad_() for value in (current, torch.tensor(0.9), torch.tensor(0.7))]
    twins = [value.detach().to(torch.float32).requires_grad_() for value in inputs]
    spikes, expected = neuron.spike(*inputs, 3), neuron.spike(*twins, 3)
    assert torch.equal(spikes.float(), expected)
    for mine, theirs in zip(
        torch.autograd.grad(spikes.float().sum(), inputs), torch.autograd.grad(expected.sum(), twins), strict=True
    ):
        torch.testing.assert_close(mine.float(), theirs, rtol=2**-9, atol=1e-3)


@pytest.mark.parametrize("half", [False, True])
def test_a_network_in_whole_tensors_as_on_a_gpu_is_the_compiled_one(
    half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(cnn3d(20, 4), Grid(0.125, 32, 0, 63), seed=3)
    codes = torch.randint(-32, 32, (5, *network.architecture.input_shape)).float()
    precision = Precision(weight_bits=6, half=half)

    def outcome() -> tuple[list[Any], list[Any]]:
        network.zero_grad()
        spikes: list[Any] = []
        network.forward_spiking(codes, precision, 4, spikes).square().sum().backward()
        return spikes, [parameter.grad.clone() for parameter in network.parameters()]

    spikes, gradients = outcome()
    assert sum(part.sum().item() for part in spikes) > 0
    for module in (neuron, quantize, convolution):
        monkeypatch.setattr(module, "has_words", lambda _: False)
    other_spikes, other_gradients = outcome()
    for mine, theirs in zip(spikes, other_spikes, strict=True):
        if half:  # products round to bfloat16 in other places
            assert (mine == theirs).float().mean() > 0.98
        else:
            assert torch.equal(mine, theirs)
    for mine, theirs in zip(gradients, other_gradients, strict=True):
        error = (mine - theirs).norm() / theirs.norm().clamp(min=1e-6)
        assert error < (0.1 if half else 1e-4)

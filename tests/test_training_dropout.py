"""Dropout of what enters a layer: shares, scale, whole pooling windows, one mask for all steps."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from pimsim.model.architecture import LayerShape, cnn32h  # noqa: E402
from pimsim.training.convolution import arrange  # noqa: E402
from pimsim.training.dropout import drop  # noqa: E402

PLAIN = LayerShape.linear("plain", (3, 4, 5, 6), 2)


def test_what_is_left_is_scaled_so_that_the_mean_stays() -> None:
    torch.manual_seed(0)
    x = torch.ones(50, 4, 5, 6, 3)
    dropped = drop(x, 0.2, PLAIN)
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    # of 18,000 values with deviation 0.5 the mean has 0.004
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)


def test_one_mask_holds_for_all_steps_and_another_for_each_sample() -> None:
    torch.manual_seed(0)
    dropped = drop(torch.ones(5, 7, 4, 5, 6, 3), 0.5, PLAIN)
    assert all(torch.equal(step, dropped[0]) for step in dropped)
    assert not torch.equal(dropped[0, 0], dropped[0, 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_pooled_input_is_dropped_as_a_whole(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = LayerShape.linear("pooled", (3, 1, 7, 6), 2, pool=(1, 2, 3))
    x = torch.randint(0, 2, (40, 1, 7, 6, 3)).to(dtype)
    pooled, plain = arrange(drop(x, 0.5, layer), layer), arrange(x, layer)
    kept = pooled == 2 * plain
    assert torch.all(kept | (pooled == 0))
    assert 0 < int((~kept).sum()) < pooled.numel()


def test_the_dropout_of_cnn32h_stands_behind_its_pool() -> None:
    torch.manual_seed(0)
    layer = cnn32h(60, 9).layers[3]
    assert layer.name == "fc1"
    _, _, height, width = layer.source_shape
    x = torch.ones(2, 1, height, width, 128)
    pooled = arrange(drop(x, 0.2, layer), layer)
    assert set(pooled.unique().tolist()) == {0.0, 4 * 1.25}


def test_a_map_that_is_laid_out_anew_is_dropped_window_by_window() -> None:
    torch.manual_seed(0)
    layer = LayerShape.linear("mapped", (6, 4, 1, 1), 2, pool=(1, 2, 3), spectral_map=True)
    x = torch.ones(40, 4, 1, 1, 6)
    pooled = arrange(drop(x, 0.5, layer), layer)
    assert set(pooled.unique().tolist()) == {0.0, 12.0}

"""Every kind of layer of the shipped models, on shipped machines and real spikes, against its description."""

from __future__ import annotations

import pytest

from pimsim.rtl.verify import layers as module
from pimsim.rtl.verify.compare import LayerVerdict

KINDS = (
    # a bit-serial crossbar; a stride and padding; a kernel in three dimensions; a classifier
    ("cnn3d_6b", "pim45nm_bitserial", ["conv1", "conv2", "conv3", "classifier"]),
    # sums of multipliers, swept; the reshape of CNN-32H; a 2-D kernel; a linear layer behind a pool
    ("cnn32h_6b", "gather45nm", ["conv1", "conv2", "conv3", "fc1"]),
    # activations of a CNN, first and behind another layer, and its classifier
    ("cnn3d_ann6b", "allpim45nm", ["conv1", "conv5", "classifier"]),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "hardware", "layers"), KINDS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_kind_of_layer_is_equal(
    model: str, hardware: str, layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CYCLES", 600)
    found = module.verify(model, hardware, layers=layers)
    assert [one.layer for one in found.layers] == layers
    assert [differences(one) for one in found.layers] == [[]] * len(layers)


def differences(verdict: LayerVerdict) -> list[str]:
    return [difference.text for difference in verdict.differences]

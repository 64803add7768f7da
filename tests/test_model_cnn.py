"""CNNs in model files: what is written and read, what is refused and why, and requantization by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import model_files
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_model import naive_requantized
from strategies import cnns

from pimsim.errors import ModelError
from pimsim.model import load_network, network_hash, save_network
from pimsim.model.fixed_point import requantized
from pimsim.model.network import MAX_MULTIPLIER, MAX_SHIFT, RELU, IntegerNetwork, Neuron
from pimsim.model.reference import run

LARGEST = 2**45


def header() -> dict[str, Any]:
    """The file of `model_files` as a CNN with activations of 4 and of 7 bits."""
    head = model_files.header() | {"time_steps": 1, "leak_fraction_bits": 0, "leak_rounding": "floor"}
    for layer, ratio in zip(head["layers"], ((5, 7, 4), (9, 3, 7)), strict=False):
        layer |= {"neuron": "relu", "threshold": 0, "leak": 0}
        layer |= dict(zip(("multiplier", "shift", "activation_bits"), ratio, strict=True))
    return head


def test_a_cnn_is_read_as_it_was_written(tmp_path: Path) -> None:
    network = load_network(model_files.write(tmp_path / "a.npz", header()))
    assert network.is_cnn
    assert [layer.neuron for layer in network.layers[:-1]] == [
        Neuron(RELU, multiplier=5, shift=7, activation_bits=4),
        Neuron(RELU, multiplier=9, shift=3, activation_bits=7),
    ]
    assert [network.input_range(index)[1] for index in (1, 2)] == [15, 127]
    save_network(network, tmp_path / "b.npz")
    assert network_hash(load_network(tmp_path / "b.npz")) == network_hash(network)


@given(network=cnns())
def test_every_cnn_survives_a_file(network: IntegerNetwork, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cnn") / "a.npz"
    save_network(network, path)
    read = load_network(path)
    assert network_hash(read) == network_hash(network)
    assert [layer.neuron for layer in read.layers] == [layer.neuron for layer in network.layers]


def test_the_hash_tells_every_requantization_apart(tmp_path: Path) -> None:
    hashes = set()
    for key, value in ((None, 0), ("multiplier", 6), ("shift", 8), ("activation_bits", 5)):
        head = header()
        if key:
            head["layers"][0][key] = value
        hashes.add(network_hash(load_network(model_files.write(tmp_path / "a.npz", head))))
    assert len(hashes) == 4


def test_a_spiking_networks_hash_knows_nothing_of_requantization(tmp_path: Path) -> None:
    """The keys of ReLU layers are no part of other layers, so earlier files keep their hashes."""
    network = load_network(model_files.write(tmp_path / "a.npz"))
    save_network(network, tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as archive:
        written = json.loads(archive["header"].tobytes() if archive["header"].ndim else str(archive["header"]))
    assert not any({"multiplier", "shift", "activation_bits"} & set(layer) for layer in written["layers"])


Change = Callable[[dict[str, Any]], object]


def layer(index: int, **values: object) -> Change:
    return lambda head: head["layers"][index].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (layer(0, multiplier=0), r'layer "conv1": multiplier=0 is outside 1 … 65535'),
        (layer(0, multiplier=65536), r"multiplier=65536 is outside 1 … 65535"),
        (layer(0, shift=47), r"shift=47 is outside 0 … 46"),
        (layer(0, shift=-1), r"shift=-1 is outside 0 … 46"),
        (layer(0, activation_bits=17), r"activation_bits=17 is outside 1 … 16"),
        (layer(0, multiplier=1.5), r"layers\[0\]\.multiplier: expected a 64-bit integer, got 1\.5"),
        (layer(0, threshold=3), r'neuron "relu" has threshold 0 and leak 0, got 3 and 0'),
        (layer(2, multiplier=3), r"header\.layers\[2\]\.multiplier: unknown key"),
        (lambda head: head["layers"][1].pop("shift"), r"layers\[1\]\.shift: missing"),
        (lambda head: head.update(time_steps=5), r"time_steps=5 must be 1"),
        (lambda head: head.update(leak_fraction_bits=8), r"leak_fraction_bits=8 must be 0"),
        (lambda head: head.update(leak_rounding="half_up"), r"leak_rounding='half_up' is not one of floor"),
    ],
)
def test_what_a_cnn_cannot_have_is_refused_in_a_line(change: Change, words: str, tmp_path: Path) -> None:
    head = header()
    change(head)
    with pytest.raises(ModelError, match=words) as caught:
        load_network(model_files.write(tmp_path / "a.npz", head))
    assert str(tmp_path / "a.npz") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spiking", [0, 1])
def test_a_mixture_of_spikes_and_activations_is_refused_with_the_reason(spiking: int, tmp_path: Path) -> None:
    head = header()
    own = head["layers"][spiking]
    for key in ("multiplier", "shift", "activation_bits"):
        del own[key]
    own |= {"neuron": "lif", "threshold": 9, "leak": 1}
    with pytest.raises(
        ModelError, match='neuron="lif" beside "relu"; a layer of spikes takes a value in each of T steps'
    ):
        load_network(model_files.write(tmp_path / "a.npz", head))


def test_a_pool_that_adds_up_more_than_a_word_holds_is_refused(tmp_path: Path) -> None:
    # 2^17 activations of 2^16 − 1 pass 2^31 − 1
    head = {
        **header(),
        "input": {"shape": [1, 1, 512, 256], "bits": 1, "scale": 1.0, "zero_point": 0},
        "layers": [
            header()["layers"][0] | {"name": "a", "out_channels": 1, "kernel": [1, 1, 1], "padding": [0, 0, 0]},
            header()["layers"][2] | {"name": "b", "pool": [1, 512, 256]},
        ],
    }
    head["layers"][0]["activation_bits"] = 16
    parts = {"input.mean": np.zeros(1), "input.deviation": np.ones(1)}
    parts |= {"weight.a": np.zeros((1, 1, 1, 1, 1), int), "weight.b": np.zeros((3, 1), int)}
    with pytest.raises(ModelError, match=r'layer "b": its pool adds activations up to 8589803520'):
        load_network(model_files.write(tmp_path / "a.npz", head, parts))


def test_halves_round_up_and_both_ends_clip() -> None:
    # times 3, over 4: −0.75, 0, 0.75, 1.5, 2.25, 6, 6.75 and 7.5, of which the last is beyond 3 bits
    sums = np.array([-1, 0, 1, 2, 3, 8, 9, 10])
    assert requantized(sums, 3, 2, 3).tolist() == [0, 0, 1, 2, 2, 6, 7, 7]
    assert requantized(sums, 3, 0, 4).tolist() == [0, 0, 3, 6, 9, 15, 15, 15]


@given(
    st.integers(-LARGEST, LARGEST - 1),
    st.integers(1, MAX_MULTIPLIER),
    st.integers(0, MAX_SHIFT),
    st.integers(1, 16),
)
def test_no_product_of_the_widest_sum_wraps(value: int, multiplier: int, shift: int, bits: int) -> None:
    """Against Python's integers, which have no width."""

    class Stub:
        neuron = Neuron(RELU, multiplier=multiplier, shift=shift, activation_bits=bits)

    expected = naive_requantized(value, Stub())  # type: ignore[arg-type]
    assert requantized(np.array([value]), multiplier, shift, bits).tolist() == [expected]


def test_a_cnn_worked_by_hand(tmp_path: Path) -> None:
    """One channel of depth 3, a kernel of 2, two classes.

    Codes 3, 0, 2 less their zero point 1 are 2, −1, 1; weights 2, −1: sums 2·2 − 1·(−1) = 5 and 2·(−1) − 1·1 = −3.
    μ / 2^s = 3/4: (5·3 + 2) >> 2 = 4, clipped to 3 (2 bits); (−3·3 + 2) >> 2 = −2, clipped to 0.
    The classifier's rows 1, 2 and −1, 3: 3 and −3.
    """
    first = {"name": "c", "kind": "conv3d", "out_channels": 1, "kernel": [2, 1, 1], "weight_bits": 3, "scheme": "scale"}
    first |= {"scale": 1.0, "neuron": "relu", "multiplier": 3, "shift": 2, "activation_bits": 2}
    last = {"name": "o", "kind": "linear", "out_channels": 2, "weight_bits": 3, "scheme": "scale", "scale": 1.0}
    head = {
        "format": "pimsim-model",
        "version": 1,
        "name": "hand",
        "time_steps": 1,
        "leak_fraction_bits": 0,
        "input": {"shape": [1, 3, 1, 1], "bits": 2, "scale": 1.0, "zero_point": 1},
        "layers": [first, last | {"neuron": "accumulate"}],
    }
    parts = {"input.mean": np.zeros(3), "input.deviation": np.ones(3)}
    parts |= {"weight.c": np.array([2, -1]).reshape(1, 1, 2, 1, 1), "weight.o": np.array([[1, 2], [-1, 3]])}
    network = load_network(model_files.write(tmp_path / "a.npz", head, parts))
    result = run(network, np.array([3, 0, 2], np.uint8).reshape(1, 1, 3, 1, 1))
    assert result.potentials[0].ravel().tolist() == [5, -3]
    assert result.activations[0].ravel().tolist() == [3, 0]
    assert result.outputs.tolist() == [[3, -3]]

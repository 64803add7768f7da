"""Shapes and operation counts of the published networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.errors import ModelError
from pimsim.model.architecture import CONV2D, CONV3D, LINEAR, VGG_CHANNELS, Architecture, LayerShape, cnn3d, cnn32h, vgg

# HYPER-SNN (arXiv 2107.11979), Table I: bands and classes of Indian Pines, Pavia University, Salinas
CNN3D_MACS = {
    (200, 16): (962_280, 2_138_400, 8_981_280, 1_058_400, 1_058_400, 366_912, 34_944),
    (103, 9): (490_860, 1_101_600, 4_626_720, 550_368, 550_368, 197_568, 10_584),
    (204, 16): (981_720, 2_181_600, 9_162_720, 1_079_568, 1_079_568, 366_912, 34_944),
}
CNN3D_TOTALS = {(200, 16): 14_600_616, (103, 9): 7_528_068, (204, 16): 14_887_032}
CNN32H_MACS = {
    (200, 16): (393_660, 1_267_200, 145_833_984, 30_998_528, 8_192),
    (204, 16): (393_660, 1_267_200, 145_833_984, 30_998_528, 8_192),
    (103, 9): (189_540, 557_568, 57_065_472, 11_272_192, 4_608),
}
CNN32H_TOTALS = {(200, 16): 178_501_564, (204, 16): 178_501_564, (103, 9): 69_089_380}


@pytest.mark.parametrize("scene", CNN3D_MACS)
def test_cnn3d_has_the_published_macs_in_every_layer(scene: tuple[int, int]) -> None:
    network = cnn3d(*scene)
    assert tuple(layer.macs for layer in network.layers) == CNN3D_MACS[scene]
    assert network.macs == CNN3D_TOTALS[scene]


@pytest.mark.parametrize("scene", CNN32H_MACS)
def test_cnn32h_has_the_published_macs_in_every_layer(scene: tuple[int, int]) -> None:
    network = cnn32h(*scene)
    assert tuple(layer.macs for layer in network.layers) == CNN32H_MACS[scene]
    assert network.macs == CNN32H_TOTALS[scene]


@pytest.mark.parametrize(("pool", "fc1"), [(1, 129_630_208), (2, 30_998_528), (3, 12_845_056), (4, 6_881_280)])
def test_the_pool_of_cnn32h_changes_the_macs_of_the_layer_behind_it_alone(pool: int, fc1: int) -> None:
    # behind conv3 lies a map of 23 × 86: ⌊23/p⌋ · ⌊86/p⌋ · 128 · 512
    network = cnn32h(200, 16, pool=pool)
    assert tuple(layer.macs for layer in network.layers) == (393_660, 1_267_200, 145_833_984, fc1, 8_192)


def test_vgg16_has_the_published_macs() -> None:
    # arXiv 2107.12374 builds on VGG-16 for CIFAR-100: 32 × 32 × 3 images, linear layers of 4096
    network = vgg("vgg16", 100)
    assert network.macs == 338_771_968
    assert network.layers[0].macs == 64 * 3 * 9 * 32 * 32 == 1_769_472
    # 13 convolutions on maps of 32, 16, 8, 4 and 2, then 4096 · (512 · 2²), 4096² and 100 · 4096
    edges = [32] * 2 + [16] * 2 + [8] * 3 + [4] * 3 + [2] * 4 + [1] * 2
    assert [layer.in_shape[2] for layer in network.layers] == edges
    assert [layer.macs for layer in network.layers[13:]] == [8_388_608, 16_777_216, 409_600]


@pytest.mark.parametrize(("name", "convolutions"), [("vgg6", 3), ("vgg9", 7), ("vgg11", 8), ("vgg16", 13)])
@pytest.mark.parametrize("hidden", [1, 512])
def test_the_number_of_a_vgg_network_counts_its_layers(name: str, convolutions: int, hidden: int) -> None:
    network = vgg(name, 10, hidden=hidden)
    assert len(network.layers) == int(name[3:])
    kinds = [layer.kind for layer in network.layers]
    assert kinds == [CONV2D] * convolutions + [LINEAR] * (len(kinds) - convolutions)
    assert {layer.out_channels for layer in network.layers[convolutions:-1]} == {hidden}
    assert network.layers[-1].out_shape == (10, 1, 1, 1)
    for layer in network.layers[:convolutions]:
        assert (layer.kernel, layer.padding, layer.out_size[1:]) == ((1, 3, 3), (0, 1, 1), layer.in_shape[2:])
    pools = sum(layer.pool == (1, 2, 2) for layer in network.layers)
    assert pools == VGG_CHANNELS[name].count(0)
    assert {layer.pool for layer in network.layers} == {(1, 1, 1), (1, 2, 2)}


def test_vgg6_has_the_macs_of_its_layers() -> None:
    # 64·27·32², 128·576·16² and 128·1152·16², then 512·(128·8²), 512² and 10·512
    macs = [1_769_472, 18_874_368, 37_748_736, 4_194_304, 262_144, 5_120]
    assert [layer.macs for layer in vgg("vgg6", 10, hidden=512).layers] == macs


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        # from the fourth convolution on: 256·2304·8², 512·2304·8², 512·4608·4², 512·4608·2², then 10·(512·2²), 10·10
        ("vgg9", [37_748_736, 75_497_472, 37_748_736, 9_437_184, 20_480, 100]),
        # 512·2304·8², 512·4608·8², 512·4608·4², 512·4608·2² twice, then 10·(512·2²), 10·10 twice
        ("vgg11", [75_497_472, 150_994_944, 37_748_736, 9_437_184, 9_437_184, 20_480, 100, 100]),
    ],
)
def test_vgg9_and_vgg11_have_the_macs_of_their_layers(name: str, macs: list[int]) -> None:
    # 64·27·32², 128·576·16² and 256·1152·16² come first in both
    assert [layer.macs for layer in vgg(name, 10, hidden=10).layers] == [1_769_472, 18_874_368, 75_497_472, *macs]


def test_images_too_small_for_the_pools_are_refused() -> None:
    assert vgg("vgg6", 10, height=4, width=4).layers[3].in_shape == (128, 1, 1, 1)
    with pytest.raises(ModelError, match=r'layer "fc1": pool=\(1, 2, 2\) is larger'):
        vgg("vgg6", 10, height=2, width=4)


@given(
    build=st.sampled_from([cnn3d, cnn32h]),
    bands=st.integers(67, 230),  # from here on CNN-32H leaves 4 rows for its pool
    classes=st.integers(2, 20),
    patch=st.integers(5, 7),
    pool=st.integers(1, 4),
)
def test_macs_are_the_placements_of_every_kernel_counted_one_by_one(
    build: Callable[..., Architecture], bands: int, classes: int, patch: int, pool: int
) -> None:
    # CNN-32H's reshape takes a map without height and width: its patch is the kernel
    network = cnn3d(bands, classes, patch) if build is cnn3d else cnn32h(bands, classes, 3, pool, 11)
    for layer in network.layers:
        placements, taps = 1, 1
        for size, kernel, stride, padding in zip(
            layer.in_shape[1:], layer.kernel, layer.stride, layer.padding, strict=True
        ):
            placements *= sum(start + kernel <= size + 2 * padding for start in range(0, size + 2 * padding, stride))
            taps *= kernel
        assert layer.macs == placements * taps * layer.in_shape[0] * layer.out_channels
        assert layer.neurons == placements * layer.out_channels
    assert network.macs == sum(layer.macs for layer in network.layers)
    assert network.layers[-1].out_shape == (classes, 1, 1, 1)


def test_cnn3d_on_200_bands_has_the_measured_number_of_neurons() -> None:
    # 198·9·20 + 99·9·40 + 99·84 + 50·84 + 50·84 + 26·84 spiking neurons, and 16 classes
    assert cnn3d(200, 16).neurons == 90_180 + 16


def test_cnn32h_reshapes_spectral_vectors_into_one_map() -> None:
    first, second, third, fc, classifier = cnn32h(200, 16).layers
    assert first.out_shape == (90, 27, 1, 1)
    assert second.in_shape == (1, 1, 27, 90)
    assert third.out_shape == (128, 1, 23, 86)
    assert fc.in_shape == (128, 1, 11, 43)  # 2×2 pools drop the odd row
    assert fc.weights == 30_998_528
    assert classifier.fan_in == 512


@pytest.mark.parametrize("bands", range(20, 40))
@pytest.mark.parametrize("build", [cnn3d, cnn32h])
def test_networks_are_built_for_every_number_of_bands(build: object, bands: int) -> None:
    # CNN-32H leaves 2 rows for its pool from 53 bands on
    network = cnn3d(bands, 5) if build is cnn3d else cnn32h(bands + 33, 5)
    for before, after in zip(network.layers, network.layers[1:], strict=False):
        assert after.source_shape == before.out_shape
    assert network.layers[-1].neurons == 5


def test_too_few_bands_are_an_error_of_the_layer_that_they_do_not_reach() -> None:
    with pytest.raises(ModelError, match=r'layer "conv1": kernel=\(18, 3, 3\) exceeds'):
        cnn32h(17, 5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "conv1d"}, "kind='conv1d' is not one of conv3d, conv2d, linear"),
        ({"out_channels": 0}, "out_channels=0 must be at least 1"),
        ({"pool": (1, 1, 4)}, r"pool=\(1, 1, 4\) is larger than its map \(6, 3, 3\)"),
        ({"padding": (1, 1, 2)}, r"padding=\(1, 1, 2\) must be from 0 to below the kernel \(2, 2, 2\)"),
        ({"kernel": (7, 2, 2)}, r"kernel=\(7, 2, 2\) exceeds the padded map"),
        ({"kind": LINEAR}, "a linear kernel covers its map"),
        ({"kind": CONV2D}, "conv2d needs depth 1"),
        ({"spectral_map": True}, r"spectral_map needs a \(C, D, 1, 1\) map"),
        ({"out_channels": 2**25}, "weights, at most"),
        ({"name": "a/b"}, "letters, digits"),
        ({"name": ""}, "letters, digits"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    values: dict[str, object] = {"name": "l", "kind": CONV3D, "source_shape": (2, 6, 3, 3), "out_channels": 4}
    values |= {"kernel": (2, 2, 2)} | changes
    with pytest.raises(ModelError, match=words):
        LayerShape(**values)  # type: ignore[arg-type]


def test_a_linear_layer_takes_no_stride() -> None:
    with pytest.raises(ModelError, match="a linear layer takes neither"):
        LayerShape("fc", LINEAR, (1, 2, 2, 2), 3, (2, 2, 2), (2, 1, 1))


def test_layers_that_do_not_fit_onto_each_other_are_refused() -> None:
    layer = LayerShape("a", CONV3D, (1, 4, 1, 1), 3, (2, 1, 1))
    with pytest.raises(ModelError, match="expects a map"):
        Architecture("x", (1, 4, 1, 1), (layer, LayerShape("b", CONV3D, (3, 4, 1, 1), 3, (2, 1, 1))))
    with pytest.raises(ModelError, match='"a" is given twice'):
        Architecture("x", (1, 4, 1, 1), (layer, LayerShape("a", CONV3D, (3, 3, 1, 1), 3, (2, 1, 1))))
    with pytest.raises(ModelError, match="has no layer"):
        Architecture("x", (1, 4, 1, 1), ())

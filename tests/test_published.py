"""The paper's figures as pimsim holds them."""

from __future__ import annotations

import pytest

from pimsim.report.accuracy_table import ANN, CONVERTED, FLOAT_BITS, QSTDB, SNN
from pimsim.report.published import BITS, NETWORKS, SCENES, TABLE_II, TABLE_II_LINES, Printed, printed, scene_title


def test_table_ii_has_every_stage_of_both_networks_on_three_scenes() -> None:
    assert len(TABLE_II) == len(NETWORKS) * len(SCENES) * len(TABLE_II_LINES) == 36


@pytest.mark.parametrize(
    ("network", "scene", "row", "bits", "expected"),
    [
        ("cnn3d", "indian_pines", ANN, FLOAT_BITS, Printed(98.86, 98.42, 98.55)),
        ("cnn3d", "Indian Pines", QSTDB, 4, Printed(97.08, 95.64, 95.56)),
        ("cnn3d", "PaviaU", SNN, FLOAT_BITS, Printed(99.47, 99.06, 99.30)),
        ("cnn3d", "Salinas_corrected.mat", QSTDB, 5, Printed(97.25, 95.03, 95.58)),
        ("cnn32h", "indian_pines", QSTDB, 6, Printed(97.45, 96.73, 96.89)),
        ("cnn32h", "paviau", CONVERTED, FLOAT_BITS, Printed(94.96, 90.12, 93.82)),
        ("cnn32h", "Salinas", QSTDB, 6, Printed(97.99, 97.26, 97.38)),
    ],
)
def test_a_figure_is_the_printed_one_by_any_name_of_the_scene(
    network: str, scene: str, row: str, bits: int, expected: Printed
) -> None:
    assert printed(network, scene, row, bits) == expected


@pytest.mark.parametrize(
    ("network", "scene", "row", "bits"),
    [("cnn3d", "SalinasA", ANN, 32), ("cnn3d", "indian_pines", QSTDB, 8), ("vgg16", "indian_pines", ANN, 32)],
)
def test_what_the_paper_does_not_have_is_not_made_up(network: str, scene: str, row: str, bits: int) -> None:
    assert printed(network, scene, row, bits) is None


def test_accuracy_falls_from_6_to_4_bits_in_every_network_and_scene_as_the_paper_prints_it() -> None:
    for network in NETWORKS:
        for scene in SCENES:
            falling = [TABLE_II[network, scene, QSTDB, bits].overall for bits in BITS]
            assert falling == sorted(falling)


def test_the_abstracts_figures_are_those_of_the_table() -> None:
    """98.68, 98.34 and 98.20 % with 6-bit weights on Indian Pines."""
    assert printed("cnn3d", "indian_pines", QSTDB, 6) == Printed(98.68, 98.34, 98.20)


def test_a_scene_that_is_not_public_keeps_its_name() -> None:
    assert scene_title("my_field") == "my_field"

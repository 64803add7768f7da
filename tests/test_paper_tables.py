"""Tables beside the paper's: which rows stand in them and what they say where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from made_results import BASE

from pimsim.report.accuracy_table import AccuracyRow, summarise
from pimsim.report.paper_tables import (
    NONE,
    TextTable,
    chosen,
    export_table,
    figure_4a,
    figure_4b,
    line_cell,
    series_table,
    table_ii,
    table_iii,
)
from pimsim.report.published import TABLE_II_LINES

SIX = TABLE_II_LINES[-1]


def made_table_ii(rows: Sequence[AccuracyRow], network: str = "cnn3d", scene: str = "indian_pines") -> TextTable:
    return table_ii(summarise(rows), network, scene)


def six_bits(table: TextTable) -> tuple[str, ...]:
    return next(row for row in table.rows if row[0] == "SNN, 6 bits")


def test_mean_and_deviation_stand_beside_the_papers_figures() -> None:
    """98.0, 98.2, 98.4: mean 98.2, σ with n − 1 = 0.2; average and kappa without spread."""
    rows = [replace(BASE, seed=seed, oa_percent=98.0 + 0.2 * seed) for seed in range(3)]
    ours = "98.20 ± 0.20 / 97.00 ± 0.00 / 96.00 ± 0.00"
    assert six_bits(made_table_ii(rows)) == (
        *("SNN, 6 bits", "98.68 / 98.34 / 98.20", "100+100"),
        *(ours, "−0.48", "3", "60+60"),
        *("not run", NONE, NONE),
    )


def test_one_seed_has_no_deviation() -> None:
    assert six_bits(made_table_ii([BASE]))[3:7] == ("98.00 / 97.00 / 96.00", "−0.68", "1", "60+60")


def test_what_is_above_the_papers_has_a_plus_and_what_the_paper_lacks_no_difference() -> None:
    assert six_bits(made_table_ii([replace(BASE, oa_percent=98.93)]))[4] == "+0.25"
    assert six_bits(made_table_ii([replace(BASE, scene="SalinasA")], scene="SalinasA"))[4] == NONE


def test_blocks_stand_in_their_own_columns_whatever_their_size() -> None:
    rows = [BASE, replace(BASE, split="blocks 16 guard 4", oa_percent=80.0)]
    assert six_bits(made_table_ii(rows))[3:] == (
        *("98.00 / 97.00 / 96.00", "−0.68", "1", "60+60"),
        *("80.00 / 97.00 / 96.00", "1", "60+60"),
    )


def test_a_published_split_adds_columns_only_where_it_was_run() -> None:
    file = replace(BASE, split="file 1a2b", oa_percent=70.0)
    assert len(made_table_ii([BASE]).columns) == 10
    assert len(made_table_ii([BASE, file]).columns) == 13
    assert six_bits(made_table_ii([BASE, file]))[10:] == ("70.00 / 97.00 / 96.00", "1", "60+60")
    assert len(made_table_ii([BASE, file], scene="SalinasA").columns) == 10


def test_the_row_with_more_seeds_stands_in_the_table_and_never_the_best_one() -> None:
    many = [replace(BASE, seed=seed, oa_percent=90.0, epochs="10+10") for seed in range(2)]
    best = replace(BASE, seed=7, oa_percent=99.9, epochs="200+200")
    found = chosen(summarise([best, *many]), line_cell("cnn3d", "indian_pines", "random", SIX))
    assert found is not None
    assert found.overall.mean == 90.0


def test_of_as_many_seeds_the_row_with_more_epochs_stands_in_the_table() -> None:
    rows = [replace(BASE, epochs=epochs, oa_percent=oa) for epochs, oa in (("60+60", 99.0), ("100+100", 98.5))]
    found = chosen(summarise(rows), line_cell("cnn3d", "indian_pines", "random", SIX))
    assert found is not None
    assert found.example.epochs == "100+100"


@pytest.mark.parametrize(
    "other",
    [
        {"network": "cnn32h"},
        {"scene": "SalinasA"},
        {"split": "blocks 16"},
        {"row": "ptq"},
        {"weight_bits": 5},
        {"inference": "float"},
        {"scheme": "scale"},
        {"time_steps": 6},
    ],
)
def test_a_row_that_measures_something_else_does_not_count(other: dict[str, object]) -> None:
    rows = [replace(BASE, **other)]  # type: ignore[arg-type] # columns by name
    assert chosen(summarise(rows), line_cell("cnn3d", "indian_pines", "random", SIX)) is None


def test_names_of_one_scene_are_one_scene() -> None:
    rows = [replace(BASE, scene="SalinasA")]
    assert six_bits(made_table_ii(rows, scene="salinas_a"))[3] == "98.00 / 97.00 / 96.00"


def test_a_scene_that_is_not_at_hand_says_which_file_it_needs_and_carries_no_figure() -> None:
    for row in made_table_ii([BASE], scene="Pavia University").rows:
        assert row[3:] == ("needs PaviaU.mat", NONE, NONE, NONE, "needs PaviaU.mat", NONE, NONE)
    for row in made_table_ii([], scene="indian_pines").rows:
        assert "needs Indian_pines_corrected.mat" not in row  # it comes with a package


def test_salinas_a_has_no_figures_of_the_paper() -> None:
    assert {row[1:3] for row in made_table_ii([], scene="Salinas-A").rows} == {(NONE, NONE)}


def test_table_iii_has_every_network_and_scene_with_three_splits() -> None:
    rows = [BASE, replace(BASE, split="blocks 16", oa_percent=80.0), replace(BASE, split="file ab", oa_percent=70.0)]
    table = table_iii(summarise(rows), ["cnn3d", "cnn32h"], ["Indian Pines", "Salinas-A"])
    assert [row[0] for row in table.rows] == [
        *("CNN-3D, Indian Pines", "CNN-3D, Salinas-A"),
        *("CNN-32H, Indian Pines", "CNN-32H, Salinas-A"),
    ]
    assert [table.rows[0][at].split(" / ")[0] for at in (1, 2, 4, 6)] == ["98.68", "98.00", "80.00", "70.00"]
    assert table.rows[3][6] == NONE  # no disjoint split of Salinas-A is published


def test_export_table_has_every_form_of_inference_of_one_network() -> None:
    forms = {"float": 99.0, "integer": 98.0, "integer_scale_weights": 97.0, "integer_membrane_6": 96.0}
    rows = [replace(BASE, inference=form, oa_percent=oa) for form, oa in forms.items()]
    (line,) = export_table(summarise(rows), "cnn3d", "indian_pines").rows
    assert line == ("SNN, 6 bits, random split", "99.00", "98.00", "97.00", "96.00", "1")


def test_export_table_does_not_mix_networks() -> None:
    """Of the run with more seeds only one form was measured; the other run's forms are not its."""
    many = [replace(BASE, seed=seed, oa_percent=90.0) for seed in range(2)]
    other = [replace(BASE, start="snn", inference=form, oa_percent=80.0) for form in ("integer", "float")]
    (line,) = export_table(summarise([*other, *many]), "cnn3d", "indian_pines").rows
    assert line == ("SNN, 6 bits, random split", NONE, "90.00 ± 0.00", NONE, NONE, "2")


def test_a_form_of_fewer_seeds_says_how_many() -> None:
    rows = [replace(BASE, seed=seed) for seed in range(3)]
    membrane = replace(BASE, inference="integer_membrane_6", seed=1, oa_percent=97.5)
    (line,) = export_table(summarise([*rows, membrane]), "cnn3d", "indian_pines").rows
    assert line[-2:] == ("97.50 (1)", "3")


def test_networks_rounded_afterwards_or_trained_with_scale_have_lines_of_their_own() -> None:
    rows = [replace(BASE, row="ptq"), replace(BASE, scheme="scale"), replace(BASE, row="qat", time_steps=1), BASE]
    table = export_table(summarise(rows), "cnn3d", "indian_pines")
    assert [line[0].removesuffix(", 6 bits, random split") for line in table.rows] == [
        *("SNN", "SNN trained with scale", "SNN rounded after training", "CNN")
    ]


def test_export_table_of_nothing_has_no_line() -> None:
    assert export_table((), "cnn3d", "indian_pines").rows == ()


def test_figure_4a_tells_training_from_inference() -> None:
    rows = [
        *(replace(BASE, weight_bits=4, inference=f, oa_percent=oa) for f, oa in (("integer", 95.0),)),
        replace(BASE, weight_bits=4, inference="integer_scale_weights", oa_percent=90.0),
        replace(BASE, weight_bits=4, scheme="scale", oa_percent=93.0),
    ]
    table = series_table("4a", figure_4a(summarise(rows), "cnn3d", "indian_pines"))
    assert [row[1:] for row in table.rows] == [
        ("95.00 (1)", NONE, NONE),
        ("90.00 (1)", NONE, NONE),
        ("93.00 (1)", NONE, NONE),
    ]


def test_figure_4b_sets_rounding_afterwards_beside_training_and_the_32_bit_network() -> None:
    rows = [
        *(replace(BASE, weight_bits=bits, oa_percent=90.0 + bits) for bits in (4, 5, 6)),
        *(replace(BASE, row="ptq", start="snn", weight_bits=bits, oa_percent=10.0 * bits) for bits in (4, 6)),
        replace(BASE, row="snn", start="", weight_bits=32, scheme="", inference="float", oa_percent=99.0),
    ]
    table = series_table("4b", figure_4b(summarise(rows), "cnn3d", "indian_pines"))
    assert [row[1:] for row in table.rows] == [
        ("40.00 (1)", NONE, "60.00 (1)"),
        ("94.00 (1)", "95.00 (1)", "96.00 (1)"),
        ("99.00 (1)", "99.00 (1)", "99.00 (1)"),
    ]

"""A table of accuracies reads back what was appended, keeps one row per measurement, and refuses other files."""

import threading
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import BASE

from pimsim.errors import OutputError, ResultsError
from pimsim.report import accuracy_table
from pimsim.report.accuracy_table import COLUMNS, IDENTITY, ROWS, AccuracyRow, append, read, summarise, text_of

ROW = replace(BASE, oa_percent=98.93, aa_percent=98.09, kappa_percent=98.78, name="", command="")
printable = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
percents = st.floats(0, 100)
rows = st.builds(
    AccuracyRow,
    network=st.sampled_from(["cnn3d", "cnn32h"]),
    scene=st.sampled_from(["indian_pines", "SalinasA", 'a "scene", quoted']),
    split=st.sampled_from(["random", "blocks 8x8"]),
    seed=st.integers(0, 3),
    row=st.sampled_from(ROWS),
    start=st.sampled_from(["", "snn"]),
    weight_bits=st.sampled_from([4, 32]),
    input_bits=st.just(6),
    scheme=st.sampled_from(["", "affine"]),
    inference=st.sampled_from(["float", "integer", "integer_scale_weights", "integer_membrane_6"]),
    time_steps=st.just(5),
    epochs=st.sampled_from(["", "1", "60+60"]),
    oa_percent=percents,
    aa_percent=percents,
    kappa_percent=st.floats(-100, 100),
    test_samples=st.integers(1, 10**6),
    train_samples=st.none() | st.integers(1, 10**6),
    wall_s=st.none() | st.floats(0, 1e9),
    threads=st.none() | st.integers(1, 64),
    name=printable,
    command=printable,
)


@settings(max_examples=20)
@given(st.lists(rows, max_size=5, unique_by=lambda row: row.identity))
def test_what_is_appended_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[AccuracyRow]
) -> None:
    path = tmp_path_factory.mktemp("table") / "made" / "results.csv"
    for row in given_rows:
        append(path, [row])
    assert read(path) == tuple(given_rows)


@settings(max_examples=30)
@given(st.lists(rows, max_size=5))
def test_one_row_per_identity_and_the_last_one_counts(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[AccuracyRow]
) -> None:
    path = tmp_path_factory.mktemp("table") / "results.csv"
    naive: list[AccuracyRow] = []
    for row in given_rows:
        twins = [place for place, other in enumerate(naive) if other.identity == row.identity]
        if twins:
            naive[twins[0]] = row
        else:
            naive.append(row)
        assert row in append(path, [row])
    assert list(read(path)) == naive


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in IDENTITY])
def test_a_repeated_measurement_replaces_the_old_one(tmp_path: Path, column: str) -> None:
    path = tmp_path / "results.csv"
    value = "other" if column in ("name", "command", "tool") else 7
    again = replace(ROW, **{column: value})
    assert append(path, [ROW, replace(ROW, seed=1), again]) == (again, replace(ROW, seed=1))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("network", "cnn32h"),
        ("scene", "SalinasA"),
        ("split", "blocks"),
        ("seed", 1),
        ("row", "ptq"),
        ("start", "snn"),
        ("weight_bits", 5),
        ("input_bits", 8),
        ("scheme", "scale"),
        ("inference", "integer_membrane_6"),
        ("time_steps", 4),
        ("epochs", "60+20"),
    ],
)
def test_another_measurement_is_another_row(tmp_path: Path, column: str, value: object) -> None:
    assert column in IDENTITY
    assert len(append(tmp_path / "results.csv", [ROW, replace(ROW, **{column: value})])) == 2


def test_a_file_is_readable_csv_with_the_documented_columns(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    append(path, [ROW])
    assert path.read_text().splitlines() == [
        "network,scene,split,seed,row,start,weight_bits,input_bits,scheme,inference,time_steps,epochs,oa_percent,"
        "aa_percent,kappa_percent,test_samples,train_samples,wall_s,threads,name,command,tool",
        "cnn3d,indian_pines,random,0,qstdb,conversion,6,6,affine,integer,5,60+60,98.93,98.09,98.78,6151,,,,,,",
    ]


def test_a_missing_file_holds_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path / "none.csv") == ()


def test_appends_at_the_same_time_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    workers = [
        threading.Thread(target=lambda seed=seed: append(path, [replace(ROW, seed=seed)]))  # type: ignore[misc]
        for seed in range(16)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(row.seed for row in read(path)) == list(range(16))
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "without network"),
        ("network,accuracy\ncnn3d,1\n", "with accuracy"),
        (",".join((*COLUMNS, "lucky")) + "\n", "with lucky"),
        (",".join(reversed(COLUMNS)) + "\n", "in another order"),
        (text_of([ROW]) + "cnn3d,short\n", "line 3: 2 cells, expected 22"),
        (text_of([ROW]).replace("98.93", "high"), 'line 2: oa_percent="high" is not a number'),
        (text_of([ROW]).replace(",6151,", ",6151.5,"), 'test_samples="6151.5" is not a whole number'),
        (text_of([ROW]).replace(",6151,", f",{'9' * 400},"), "9 is outside 1 … 1.09951162778e+12"),
        (text_of([ROW]).replace("98.93", "nan"), "oa_percent=nan is outside 0 … 100"),
        (text_of([ROW]).replace("98.93", "101"), "oa_percent=101.0 is outside 0 … 100"),
        (text_of([ROW]).replace(",qstdb,", ",luck,"), 'row="luck": must be one of ann'),
        (text_of([ROW]).replace(",integer,", ",guess,"), 'inference="guess" is not of the form'),
        (text_of([ROW]).replace("60+60", "60+"), 'epochs="60+" is not of the form 60+60'),
        (text_of([ROW]).replace("cnn3d,", " ,"), 'network=" " is empty'),
        (text_of([ROW]) + '"cnn3d\n', "is not CSV"),
    ],
)
def test_another_file_is_refused_and_left_as_it_was(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(content)
    for call in (lambda: read(path), lambda: append(path, [ROW])):
        with pytest.raises(ResultsError) as caught:
            call()
        assert told in str(caught.value)
        assert "results.csv" in str(caught.value)
    assert path.read_text() == content


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "binary.csv", tmp_path):
        with pytest.raises(ResultsError, match="cannot be read as a table of results"):
            read(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"results\.csv.*cannot be written"):
        append(tmp_path / "file" / "results.csv", [ROW])


def test_what_does_not_print_is_written_escaped_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    append(path, [replace(ROW, command="pimsim \udcff\r\n\0")])
    assert read(path)[0].command == "pimsim \\udcff\\r\\n\\x00"


def test_summary_of_three_seeds_by_hand() -> None:
    # 98, 99, 97: mean 98, deviations 0, 1, −1, variance (0 + 1 + 1) / 2 = 1
    of_seeds = [replace(ROW, seed=seed, oa_percent=value) for seed, value in ((5, 98.0), (0, 99.0), (1, 97.0))]
    (summary,) = summarise(of_seeds)
    assert (summary.overall.mean, summary.overall.deviation) == (98.0, 1.0)
    assert summary.average.deviation == 0.0
    assert summary.seeds == (0, 1, 5)
    assert summary.example.seed == 0


def test_one_seed_has_no_deviation() -> None:
    assert summarise([ROW])[0].overall == accuracy_table.Statistic(98.93, None)


@given(st.lists(rows))
def test_summaries_partition_the_rows(given_rows: list[AccuracyRow]) -> None:
    """Every identity counts once, in one summary, and no summary mixes measurements."""
    last = {row.identity: row for row in given_rows}
    summaries = summarise(given_rows)
    assert sum(len(summary.seeds) for summary in summaries) == len(last)
    for summary in summaries:
        values = [last[replace(summary.example, seed=seed).identity].oa_percent for seed in summary.seeds]
        assert summary.overall.mean == pytest.approx(mean(values))

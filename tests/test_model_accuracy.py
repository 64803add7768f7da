"""Overall accuracy, average accuracy and kappa: by hand, against exact fractions, and what must hold of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.model.accuracy import Accuracy, accuracy, confusion_matrix

CLASSES = 5
PAIRS = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=60)


def of(pairs: list[tuple[int, int]], classes: int = CLASSES) -> Accuracy:
    labels, predictions = np.array(pairs).T
    return accuracy(labels, predictions, classes)


def exact(pairs: list[tuple[int, int]]) -> tuple[Fraction, Fraction, Fraction]:
    """Counted pair by pair: the share that is right, its mean over the labels' classes, and Cohen's
    (p_o − p_e) / (1 − p_e), p_e the chance that a label and a prediction drawn apart agree."""
    total = len(pairs)
    overall = Fraction(sum(label == found for label, found in pairs), total)
    present = sorted({label for label, _ in pairs})
    shares = [[found == c for label, found in pairs if label == c] for c in present]
    average = sum((Fraction(sum(share), len(share)) for share in shares), Fraction(0)) / len(present)
    agreeing = sum(label == found for label, _ in pairs for _, found in pairs)
    chance = Fraction(agreeing, total**2)
    return overall, average, Fraction(1) if chance == 1 else (overall - chance) / (1 - chance)


def test_three_classes_by_hand() -> None:
    # rows are labels:   4 1 0   of 5: 0.8
    #                    0 2 0   of 2: 1
    #                    1 0 2   of 3: 2/3        OA = 8/10, AA = (0.8 + 1 + 2/3) / 3 = 37/45
    # rows 5, 2, 3, columns 5, 3, 2: chance (25 + 6 + 6) / 100 = 0.37, kappa = (0.8 − 0.37) / 0.63 = 43/63
    pairs = [(0, 0)] * 4 + [(0, 1)] + [(1, 1)] * 2 + [(2, 0)] + [(2, 2)] * 2
    labels, predictions = np.array(pairs).T
    assert confusion_matrix(labels, predictions, 3).tolist() == [[4, 1, 0], [0, 2, 0], [1, 0, 2]]
    found = of(pairs, 3)
    assert (found.overall, found.average, found.kappa) == pytest.approx((0.8, 37 / 45, 43 / 63), abs=1e-15)
    assert found.percent() == {"overall_percent": 80.0, "average_percent": 82.22, "kappa_percent": 68.25}


def test_a_rare_class_weighs_as_much_as_a_frequent_one_in_the_average() -> None:
    # 98 of 98 and 0 of 2: OA 98 %, AA 50 %, and no better than guessing the frequent one: kappa 0
    found = of([(0, 0)] * 98 + [(1, 0)] * 2)
    assert (found.overall, found.average, found.kappa) == (0.98, 0.5, 0.0)


def test_worse_than_chance_is_a_negative_kappa() -> None:
    # every label of two taken for the other: chance 1/2, kappa (0 − 1/2) / (1/2)
    found = of([(0, 1), (1, 0)])
    assert (found.overall, found.average, found.kappa) == (0.0, 0.0, -1.0)


def test_one_class_alone_and_right_is_full_agreement() -> None:
    assert of([(2, 2)] * 3) == Accuracy(1.0, 1.0, 1.0)


def test_a_class_without_labels_counts_in_the_chance_but_not_in_the_average() -> None:
    # labels 0 0 1, predictions 0 3 1: AA = (1/2 + 1) / 2; chance (2·1 + 1·1) / 9 = 1/3, kappa = (2/3 − 1/3) / (2/3)
    found = of([(0, 0), (0, 3), (1, 1)])
    assert (found.overall, found.average, found.kappa) == pytest.approx((2 / 3, 0.75, 0.5))


@given(PAIRS)
def test_accuracies_are_those_of_exact_counting(pairs: list[tuple[int, int]]) -> None:
    found = of(pairs)
    assert (found.overall, found.average, found.kappa) == pytest.approx([float(x) for x in exact(pairs)], abs=1e-12)


@given(PAIRS, st.randoms(use_true_random=False), st.permutations(range(CLASSES)))
def test_neither_the_order_of_samples_nor_the_numbering_of_classes_matters(
    pairs: list[tuple[int, int]], random: object, numbering: list[int]
) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    renamed = of([(numbering[label], numbering[found]) for label, found in shuffled])
    before = of(pairs)
    assert (renamed.overall, renamed.average, renamed.kappa) == pytest.approx(
        (before.overall, before.average, before.kappa), abs=1e-12
    )


@given(PAIRS)
def test_kappa_is_symmetric_and_never_above_the_overall_accuracy(pairs: list[tuple[int, int]]) -> None:
    found = of(pairs)
    assert of([(b, a) for a, b in pairs]).kappa == pytest.approx(found.kappa, abs=1e-12)
    assert -1 - 1e-12 <= found.kappa <= found.overall + 1e-12
    assert (found.overall == 1.0) == (found.kappa == 1.0)


@given(st.lists(st.integers(0, CLASSES - 1), min_size=2, max_size=30), st.integers(0, CLASSES - 1))
def test_a_constant_prediction_agrees_no_more_than_by_chance(labels: list[int], guess: int) -> None:
    found = of([(label, guess) for label in labels])
    assert found.kappa == (1.0 if set(labels) == {guess} else pytest.approx(0.0, abs=1e-12))
    if guess in labels:
        assert found.average == pytest.approx(1 / len(set(labels)))


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64])
def test_every_integer_type_counts_alike(kind: type) -> None:
    # 200 labels of class 15 of 16: 15 · 16 and the products of counts pass 8 bits
    labels, predictions = np.full(200, 15, kind), np.full(200, 14, kind)
    labels[:50] = predictions[:50] = 3
    matrix = confusion_matrix(labels, predictions, 16)
    assert (matrix[15, 14], matrix[3, 3], matrix.sum()) == (150, 50, 200)
    assert accuracy(labels, predictions, 16) == accuracy(labels.astype(int), predictions.astype(int), 16)


@pytest.mark.parametrize(
    ("labels", "predictions", "words"),
    [
        ([0, 5], [0, 0], r"a label lies outside 0 … 4: 0 … 5"),
        ([0, 1], [0, -1], r"a prediction lies outside 0 … 4: -1 … 0"),
        ([0, 1], [0], r"must be equal non-empty vectors"),
        ([], [], r"must be equal non-empty vectors"),
        ([[0]], [[0]], r"must be equal non-empty vectors"),
    ],
)
def test_what_cannot_be_counted_is_an_error(labels: list[int], predictions: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        accuracy(np.array(labels, int), np.array(predictions, int), CLASSES)

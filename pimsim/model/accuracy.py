"""Classification accuracy with the definitions of the remote-sensing field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Accuracy:
    """Overall accuracy, average (per-class mean) accuracy and Cohen's kappa, as fractions."""

    overall: float
    average: float
    kappa: float

    def percent(self) -> dict[str, float]:
        """OA, AA and kappa in percent, to two decimals."""
        return {
            "overall_percent": round(100 * self.overall, 2),
            "average_percent": round(100 * self.average, 2),
            "kappa_percent": round(100 * self.kappa, 2),
        }


def confusion_matrix(
    labels: npt.NDArray[np.integer], predictions: npt.NDArray[np.integer], classes: int
) -> npt.NDArray[np.int64]:
    """(classes, classes) counts, row = label, column = prediction.

    Raises ValueError when the arrays differ in length, are empty, or hold a class outside 0 … classes − 1.
    """
    if labels.shape != predictions.shape or labels.ndim != 1 or not labels.size:
        raise ValueError(f"labels {labels.shape} and predictions {predictions.shape} must be equal non-empty vectors")
    for name, values in (("label", labels), ("prediction", predictions)):
        if int(values.min()) < 0 or int(values.max()) >= classes:
            raise ValueError(f"a {name} lies outside 0 … {classes - 1}: {int(values.min())} … {int(values.max())}")
    pairs = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    flat = np.bincount(pairs, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def accuracy(labels: npt.NDArray[np.integer], predictions: npt.NDArray[np.integer], classes: int) -> Accuracy:
    """Accuracy of predictions; the average runs over the classes that occur among the labels.

    >>> accuracy(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]), 2)
    Accuracy(overall=0.75, average=0.75, kappa=0.5)
    """
    return accuracy_of_counts(confusion_matrix(labels, predictions, classes))


def accuracy_of_counts(matrix: npt.NDArray[np.int64]) -> Accuracy:
    """Accuracy of a `confusion_matrix` that counts at least one sample."""
    total = int(matrix.sum())
    hits, rows, columns = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    overall = int(hits.sum()) / total
    average = float(np.mean(hits[rows > 0] / rows[rows > 0]))
    chance = int(rows @ columns) / total**2
    kappa = 1.0 if chance == 1.0 else (overall - chance) / (1.0 - chance)
    return Accuracy(overall, average, kappa)

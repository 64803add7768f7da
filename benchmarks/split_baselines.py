"""What classifiers without a neighbourhood reach on the splits of Indian Pines, to read networks' accuracies against.

    python benchmarks/split_baselines.py

Linear discriminant analysis and the nearest training pixel, on the spectrum of the patch's centre alone, as the
network's input quantizes it.  Needs the extra ``train``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.training.data import Dataset, prepare
from pimsim.training.recipe import load_recipe

Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]
#: added to the diagonal of the covariance, in squares of an input code: neighbouring bands are nearly dependent
RIDGE = 0.1


def discriminant(spectra: Floats, labels: Classes, test: Floats) -> Classes:
    """Class of the nearest mean by the Mahalanobis distance of the covariance within classes."""
    means = np.stack([spectra[labels == value].mean(0) for value in range(labels.max() + 1)])
    within = np.cov((spectra - means[labels]).T) + RIDGE * np.eye(spectra.shape[1])
    weights = np.linalg.solve(within, means.T)
    scores: Floats = test @ weights - (means.T * weights).sum(0) / 2
    classes: Classes = scores.argmax(1)
    return classes


def nearest(spectra: Floats, labels: Classes, test: Floats) -> Classes:
    """Class of the training spectrum at the least distance."""
    distances: Floats = (spectra**2).sum(1) - 2 * test @ spectra.T
    classes: Classes = labels[distances.argmin(1)]
    return classes


def accuracies(data: Dataset) -> dict[str, float]:
    """Overall accuracy in % of each classifier on the test pixels."""
    centre = data.codes.shape[3] // 2
    spectra = data.codes[:, 0, :, centre, centre].double().numpy()
    labels, train, test = data.labels.numpy(), data.train.numpy(), data.test.numpy()
    found = {
        "linear discriminant": discriminant(spectra[train], labels[train], spectra[test]),
        "nearest neighbour": nearest(spectra[train], labels[train], spectra[test]),
    }
    return {name: 100 * float(np.mean(classes == labels[test])) for name, classes in found.items()}


if __name__ == "__main__":
    for split in ("random", "blocks"):
        for name, percent in accuracies(prepare(load_recipe("cnn3d_6b", {"split": split}))).items():
            print(f"{split:8}{name:22}{percent:6.2f} %")

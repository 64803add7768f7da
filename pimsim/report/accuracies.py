"""How right a network is, and where that is known from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pimsim.model.accuracy import Accuracy, accuracy

SIMULATED, FLOAT = "simulated", "float"
"""Of the integer network on the samples of the run; of the float network on all test samples, as its training noted."""
FLOAT_KEY = "float_accuracy"


def accuracy_of(labels: npt.NDArray[np.int64], predictions: npt.NDArray[np.int64], classes: int) -> Accuracy | None:
    """Accuracy over the samples whose label is known (not −1); None where none is."""
    known = labels >= 0
    if not known.any():
        return None
    return accuracy(labels[known], predictions[known], classes)


def float_accuracy(provenance: Mapping[str, object]) -> Accuracy | None:
    """What a model's provenance says of the float network before quantization; None where it says nothing usable."""
    noted = provenance.get(FLOAT_KEY)
    if not isinstance(noted, Mapping):
        return None
    values = [noted.get(key) for key in ("overall_percent", "average_percent", "kappa_percent")]
    shares = [value / 100 for value in values if isinstance(value, int | float) and -100 <= value <= 100]
    return Accuracy(*shares) if len(shares) == len(values) else None

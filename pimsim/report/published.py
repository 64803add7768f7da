"""What HYPER-SNN (arXiv 2107.11979) prints, to set beside pimsim's figures.

Nothing here was computed: every figure is a printed one, and what it shows in a picture alone is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import PurePath
from types import MappingProxyType

from pimsim.report.accuracy_table import ANN, CONVERTED, FLOAT_BITS, QSTDB, SNN
from pimsim.scenes.arrays import SUFFIXES
from pimsim.scenes.catalogue import published as published_scene

CNN_3D, CNN_32H = NETWORKS = ("cnn3d", "cnn32h")
"""By the names that recipes have for them; the paper calls them CNN-3D and CNN-32H."""
INDIAN_PINES, PAVIA_UNIVERSITY, SALINAS = SCENES = ("Indian Pines", "Pavia University", "Salinas")
"""By their titles in `pimsim.scenes.catalogue`; the paper calls them IP, PU and SS."""
TITLES = MappingProxyType({CNN_3D: "CNN-3D", CNN_32H: "CNN-32H"})

BANDS_CLASSES = MappingProxyType({INDIAN_PINES: (200, 16), PAVIA_UNIVERSITY: (103, 9), SALINAS: (204, 16)})
"""Of the corrected cubes, which give the weight counts of Table I."""

TIME_STEPS, CONVERTED_STEPS = 5, 50
"""Of the trained networks, and of the converted one before training; Table II."""
MEMBRANE_BITS = 6
"""Of the quantized networks in Table II."""
EPOCHS = MappingProxyType({ANN: "100", CONVERTED: "100", SNN: "100+100", QSTDB: "100+100"})
"""Of the ReLU network, then of training through time, by row of the table."""


@dataclass(frozen=True)
class Printed:
    """Overall accuracy, average accuracy and kappa, %."""

    overall: float
    average: float
    kappa: float


@dataclass(frozen=True)
class Line:
    """One column of figures of Table II: which stage's network, at how many bits, over how many steps."""

    row: str
    weight_bits: int
    time_steps: int
    title: str


TABLE_II_LINES = (
    Line(ANN, FLOAT_BITS, 1, "ANN"),
    Line(CONVERTED, FLOAT_BITS, CONVERTED_STEPS, f"converted, {CONVERTED_STEPS} steps"),
    Line(SNN, FLOAT_BITS, TIME_STEPS, "SNN, 32 bits"),
    *(Line(QSTDB, bits, TIME_STEPS, f"SNN, {bits} bits") for bits in (4, 5, 6)),
)
BITS = (4, 5, 6)

#: HYPER-SNN, Table II: OA / AA / kappa of `TABLE_II_LINES`, in their order, for every network and scene
_TABLE_II = """
    98.86/98.42/98.55  57.68/50.88/52.88  98.92/98.76/98.80  97.08/95.64/95.56  98.38/97.78/98.03  98.68/98.34/98.20
    99.69/99.42/99.58  91.16/88.84/89.03  99.47/99.06/99.30  98.21/97.54/97.75  99.26/98.48/98.77  99.50/99.18/99.33
    98.89/98.47/98.70  81.44/76.72/80.07  98.49/97.84/98.06  96.47/93.16/94.58  97.25/95.03/95.58  97.95/97.09/97.43
    97.60/97.08/97.44  70.88/66.56/67.89  97.27/96.29/96.35  96.63/95.81/95.89  97.23/96.08/96.56  97.45/96.73/96.89
    99.50/99.09/99.30  94.96/90.12/93.82  99.38/98.83/99.13  99.17/98.41/98.68  99.25/98.84/98.86  99.35/98.88/98.95
    98.88/98.39/98.67  88.16/84.19/85.28  97.92/97.20/97.34  97.34/96.32/96.77  97.65/96.81/96.97  97.99/97.26/97.38
"""


def _parsed() -> Mapping[tuple[str, str, str, int], Printed]:
    texts = iter(_TABLE_II.split())
    keys = product(NETWORKS, SCENES, TABLE_II_LINES)
    table = {
        (network, scene, line.row, line.weight_bits): Printed(*(float(part) for part in next(texts).split("/")))
        for network, scene, line in keys
    }
    return MappingProxyType(table)


TABLE_II = _parsed()
"""Network, scene, row, weight bits → printed accuracy."""


def printed(network: str, scene: str, row: str, weight_bits: int) -> Printed | None:
    """What Table II has for a network on a scene by any of its names; None where it has nothing.

    >>> printed("cnn3d", "indian_pines", "qstdb", 6)
    Printed(overall=98.68, average=98.34, kappa=98.2)
    """
    return TABLE_II.get((network, scene_title(scene), row, weight_bits))


def scene_title(name: str) -> str:
    """Title of a public scene by any of its names; another scene's name as `pimsim.scenes.load_scene` gives it.

    >>> scene_title("PaviaU.mat"), scene_title("fields/my_field.npy")
    ('Pavia University', 'my_field')
    """
    path = PurePath(name)
    known = published_scene(path.name)
    if known is not None:
        return known.title
    return path.stem.removesuffix("_corrected") if path.suffix in SUFFIXES else name


@dataclass(frozen=True)
class Advantage:
    """Times less compute energy than the CNN of the same layers in 32 and in 6 bits."""

    over_32_bit: float
    over_6_bit: float


AVERAGE_ADVANTAGE = Advantage(560.6, 44.8)
"""Of the 6-bit SNNs over both networks and the three scenes; HYPER-SNN, abstract."""
ADVANTAGE = MappingProxyType({(CNN_3D, INDIAN_PINES): Advantage(199.3, 15.9)})
"""Where the text prints one network's; above what Tables I and V allow (`cost.papers.hypersnn.ceiling`)."""

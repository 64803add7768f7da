"""The public scenes of the field: under which names people have them, and what their classes mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: where the scenes are published, for messages
SOURCE = (
    'the page "Hyperspectral Remote Sensing Scenes" of the Computational Intelligence Group (GIC), UPV/EHU '
    "(https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes)"
)


@dataclass(frozen=True)
class Published:
    """A public scene: its file, the file of its labels, class names by id, whom to credit."""

    title: str
    file: str
    label_file: str
    names: Mapping[int, str]
    attribution: str


def _numbered(*names: str) -> dict[int, str]:
    return dict(enumerate(names, start=1))


_INDIAN_PINES_CLASSES = _numbered(
    "Alfalfa",
    "Corn-notill",
    "Corn-mintill",
    "Corn",
    "Grass-pasture",
    "Grass-trees",
    "Grass-pasture-mowed",
    "Hay-windrowed",
    "Oats",
    "Soybean-notill",
    "Soybean-mintill",
    "Soybean-clean",
    "Wheat",
    "Woods",
    "Buildings-Grass-Trees-Drives",
    "Stone-Steel-Towers",
)
_PAVIA_UNIVERSITY_CLASSES = _numbered(
    "Asphalt",
    "Meadows",
    "Gravel",
    "Trees",
    "Painted metal sheets",
    "Bare soil",
    "Bitumen",
    "Self-blocking bricks",
    "Shadows",
)
_SALINAS_CLASSES = _numbered(
    "Broccoli green weeds 1",
    "Broccoli green weeds 2",
    "Fallow",
    "Fallow rough plow",
    "Fallow smooth",
    "Stubble",
    "Celery",
    "Grapes untrained",
    "Soil vineyard develop",
    "Corn senesced green weeds",
    "Lettuce romaine 4 weeks",
    "Lettuce romaine 5 weeks",
    "Lettuce romaine 6 weeks",
    "Lettuce romaine 7 weeks",
    "Vineyard untrained",
    "Vineyard vertical trellis",
)
_SALINAS_CREDIT = "Salinas Valley, AVIRIS (NASA/JPL), as published by GIC, UPV/EHU"

INDIAN_PINES = Published(
    "Indian Pines",
    "Indian_pines_corrected.mat",
    "Indian_pines_gt.mat",
    _INDIAN_PINES_CLASSES,
    "Indian Pines, AVIRIS: Baumgardner, Biehl, Landgrebe 2015, 220 Band AVIRIS Hyperspectral Image Data Set, "
    "doi:10.4231/R7RX991C, CC BY 3.0",
)
PUBLISHED = (
    INDIAN_PINES,
    Published(
        "Pavia University",
        "PaviaU.mat",
        "PaviaU_gt.mat",
        _PAVIA_UNIVERSITY_CLASSES,
        "Pavia University, ROSIS: P. Gamba, University of Pavia, as published by GIC, UPV/EHU",
    ),
    Published("Salinas", "Salinas_corrected.mat", "Salinas_gt.mat", _SALINAS_CLASSES, _SALINAS_CREDIT),
    Published("Salinas-A", "SalinasA_corrected.mat", "SalinasA_gt.mat", _SALINAS_CLASSES, _SALINAS_CREDIT),
)


def published(name: str) -> Published | None:
    """The public scene that a file name means, with or without ``_corrected`` and suffix, in any case."""
    wanted = _plain(name)
    return next((scene for scene in PUBLISHED if _plain(scene.file) == wanted), None)


def _plain(name: str) -> str:
    stem = name.lower().removesuffix(".mat").removesuffix(".npy").removesuffix("_corrected")
    return stem.replace("_", "").replace("-", "")

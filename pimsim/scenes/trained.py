"""What a model was trained on, read back from its provenance: the split, and the form of images."""

from __future__ import annotations

from collections.abc import Mapping

from pimsim.errors import SceneError
from pimsim.scenes.division import Division, divide
from pimsim.scenes.scene import Scene
from pimsim.scenes.split import KINDS, RANDOM, Split
from pimsim.scenes.split_file import SplitFile

#: where provenance carries `Division.describe`
KEY = "split"


def trained_division(provenance: Mapping[str, object], scene: Scene, patch: int) -> Division | None:
    """The division that a model's provenance records, carried out again; None for another scene, or without record.

    Models that carry no ``split`` but ``seed`` and ``train_fraction`` were trained on a random one.
    Raises SceneError where the record is damaged, or where it gives other pixels than the model was trained on
    (other labels under the same name); MissingFileError where the record needs a split file that is not there.
    """
    if provenance.get("scene") != scene.name:
        return None
    recorded = provenance.get(KEY)
    if not isinstance(recorded, Mapping):
        split = _random(provenance)
        return divide(scene, split, patch) if split else None
    if recorded.get("kind") not in KINDS:
        return None
    division = divide(scene, split_from(recorded), patch)
    if recorded.get("pixels_sha256", division.sha256) != division.sha256:
        raise SceneError(
            f'scene "{scene.name}": its split gives other pixels than the model was trained on; labels, patch or files '
            "are not those of the training"
        )
    return division


def trained_form(provenance: Mapping[str, object]) -> str:
    """In which form the images came that a model was trained on, or that a trace holds; empty where there were none."""
    recorded = provenance.get(KEY)
    form = recorded.get("form") if isinstance(recorded, Mapping) else None
    return form if isinstance(form, str) else ""


def split_from(described: Mapping[str, object]) -> Split:
    """The split that `Split.describe` describes; keys that it does not know are left alone.

    Raises SceneError that names a key of the wrong type or value.
    """
    types: dict[str, type] = {"kind": str, "train_fraction": float, "seed": int, "block": int, "guard": int}
    settings = {key: described[key] for key in types if described.get(key) is not None}
    for key, value in settings.items():
        if type(value) is not types[key]:
            raise SceneError(f"split {key}={value!r} is no {types[key].__name__}")
    files = {key: _file(key, described[key]) for key in ("train", "test") if described.get(key) is not None}
    return Split(**settings, **files)  # type: ignore[arg-type]


def _file(key: str, described: object) -> SplitFile:
    if isinstance(described, Mapping):
        name, sha256 = described.get("name"), described.get("sha256", "")
        if isinstance(name, str) and name and isinstance(sha256, str):
            return SplitFile(name, sha256)
    raise SceneError(f"split {key}={described!r} does not name a file")


def _random(provenance: Mapping[str, object]) -> Split | None:
    seed, fraction = provenance.get("seed"), provenance.get("train_fraction")
    if type(seed) is int and seed >= 0 and isinstance(fraction, float) and 0 < fraction < 1:
        return Split(RANDOM, fraction, seed)
    return None

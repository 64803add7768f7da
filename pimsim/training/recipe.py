"""Everything that decides a training run, as one validated value read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from pimsim.errors import MissingFileError, TrainingError
from pimsim.model.architecture import ARCHITECTURES, VGG_CHANNELS, Architecture, Shape4, vgg
from pimsim.model.network import HYBRID, SINGLE_SPIKE, TIMED
from pimsim.scenes import Split
from pimsim.scenes.split import FILE, TRAIN_FRACTION
from pimsim.training.split_settings import SplitSettings
from pimsim.training.stage_settings import (
    Conversion,
    PostTraining,
    QuantizedSpikingStage,
    QuantizedStage,
    SpikingStage,
    Stage,
    Strict,
)

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Percentile = Annotated[float, Field(ge=0.0, le=100.0)]


class NetworkChoice(Strict):
    """A network by name; of CNN-32H the edge of the pooling window and the width of the linear layer behind it, of the
    VGG networks that of their hidden linear layers.
    """

    name: Literal["cnn3d", "cnn32h", "vgg6", "vgg9", "vgg11", "vgg16"]
    pool: Annotated[int, Field(ge=1, le=16)] | None = None
    width: Annotated[int, Field(ge=1, le=65536)] | None = None
    hidden: Annotated[int, Field(ge=1, le=65536)] | None = None

    @model_validator(mode="after")
    def _parameters_fit(self) -> NetworkChoice:
        for key in self.parameters:
            if key not in _defaults(self.name):
                owners = "the VGG networks have" if key == "hidden" else "cnn32h has"
                raise ValueError(f"network.{key}: only {owners} it, this network is {self.name}")
        return self

    @property
    def takes_images(self) -> bool:
        """Whether it is a network for images, and not for patches of a scene."""
        return self.name in VGG_CHANNELS

    @property
    def parameters(self) -> dict[str, int]:
        """Those that the network has, for its architecture."""
        given = {"pool": self.pool, "width": self.width, "hidden": self.hidden}
        return {key: value for key, value in given.items() if value is not None}

    @model_serializer
    def _short(self) -> object:
        return {"name": self.name, **self.parameters} if self.parameters else self.name

    def architecture(self, shape: Shape4, classes: int) -> Architecture:
        """For inputs (C, D, H, W).  Raises ModelError where the network does not fit the sizes."""
        channels, bands, height, width = shape
        if self.takes_images:
            return vgg(self.name, classes, channels=channels, height=height, width=width, **self.parameters)
        return ARCHITECTURES[self.name](bands, classes, height, **self.parameters)


#: what HYPER-SNN's weight counts imply (Table I)
_CNN32H = {"pool": 2, "width": 512}
#: width of the linear layers of the VGG networks in the papers
_VGG = {"hidden": 4096}


def _defaults(network: object) -> dict[str, int]:
    """The parameters that a network has."""
    return _CNN32H if network == "cnn32h" else _VGG if network in VGG_CHANNELS else {}


def _named(value: object) -> object:
    """A bare name as a mapping, with the parameters that it leaves open."""
    choice = {"name": value} if isinstance(value, str) else value
    return {**_defaults(choice.get("name")), **choice} if isinstance(choice, dict) else choice


#: few inputs lie outside, and none of these decides how far the steps reach
_SPIKE_PERCENTILES = [1.0, 99.0]
#: settings that a CNN has no use for, and those that a network of float weights has none for
SPIKING_ONLY = (
    "time_steps",
    "encoding",
    "neuron",
    "readout",
    "spike_percentiles",
    "leak_fraction_bits",
    "conversion",
    "snn",
)
QUANTIZED_ONLY = ("weight_bits", "scheme", "leak_fraction_bits")
#: settings of patches of a scene; images come whole, parted into training and test, and with a known range
PATCHES_ONLY = ("patch", "split", "train_fraction", "input_clip")
#: stages of which a recipe has one at most: each ends it in another network
ENDS = ("qstdb", "ptq", "qat")


class Recipe(Strict):
    """A training run from a scene to its last network; units: epochs, samples, bits, deviations.

    With ``qstdb`` or ``ptq`` it ends in a quantized spiking network, with ``qat`` in a CNN, with ``snn`` alone in a
    spiking network of float weights.  ``spike_percentiles`` of the training codes are the ends of the range over which
    an input's step depends on its code.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]  # of the run's folder too: not ".."
    network: Annotated[NetworkChoice, BeforeValidator(_named)]
    scene: str
    patch: Annotated[int, Field(ge=1, le=63)] = 5
    split: SplitSettings = SplitSettings()
    train_fraction: Fraction = TRAIN_FRACTION
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    weight_bits: Annotated[int, Field(ge=2, le=8)] = 6
    input_bits: Annotated[int, Field(ge=1, le=8)] = 6
    input_clip: Annotated[float, Field(gt=0.0, le=100.0)] = 4.0
    scheme: Literal["affine", "scale"] = "affine"
    time_steps: Annotated[int, Field(ge=1, le=1000)] = 5
    encoding: Literal["direct", "hybrid"] = "direct"
    neuron: Literal["lif", "single_spike"] = "lif"
    readout: Literal["accumulate", "timed"] = "accumulate"
    spike_percentiles: Annotated[list[Percentile], Field(min_length=2, max_length=2)] = _SPIKE_PERCENTILES
    leak_fraction_bits: Annotated[int, Field(ge=1, le=16)] = 8
    ann: Stage
    conversion: Conversion = Conversion()
    snn: SpikingStage | None = None
    qstdb: QuantizedSpikingStage | None = None
    ptq: PostTraining | None = None
    qat: QuantizedStage | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Recipe:
        ends = [key for key in ENDS if getattr(self, key) is not None]
        if len(ends) > 1:
            raise ValueError(f"a recipe ends in one of {', '.join(ENDS)}; this one has {' and '.join(ends)}")
        if not ends and self.snn is None:
            raise ValueError(f"a recipe ends in one of {', '.join(ENDS)} or, for float weights, snn; this one has none")
        start = self.start
        if start == "snn" and self.snn is None:
            raise ValueError(f"{ends[0]}.start=snn: the recipe has no snn")
        if start == "conversion" and self.snn is not None:
            raise ValueError(f"snn: {ends[0]} starts at the conversion; set {ends[0]}.start=snn, or snn=null")
        self._check_encoding()
        self._check_surplus()
        return self

    def _check_surplus(self) -> None:
        if self.split.kind == FILE and "train_fraction" in self.model_fields_set:
            raise ValueError(f"train_fraction={self.train_fraction}: a split of kind file draws nothing")
        kind = "a spiking network has it, this recipe's qat makes a CNN" if self.qat else "quantized weights need it"
        surplus = [key for key in self.unused if key in self.model_fields_set]
        if surplus and surplus[0] in PATCHES_ONLY:
            kind = f"networks for patches of a scene have it, {self.network.name} takes images"
        if surplus:
            raise ValueError(f"{surplus[0]}: only {kind}")

    def _check_encoding(self) -> None:
        low, high = self.spike_percentiles
        if low >= high:
            raise ValueError(f"spike_percentiles=[{low}, {high}]: the first has to be below the second")
        if not self.is_hybrid and "spike_percentiles" in self.model_fields_set:
            raise ValueError("spike_percentiles: only inputs of the encoding hybrid fire, this recipe's is direct")
        if self.is_hybrid and self.time_steps < 2:
            raise ValueError(f"time_steps={self.time_steps}: inputs of the encoding hybrid fire from step 2 on")
        if self.tells_time and "steps" in self.conversion.model_fields_set:
            raise ValueError("conversion.steps: time_steps take its place where the step of a spike counts")

    @property
    def is_hybrid(self) -> bool:
        """Whether inputs are summed up at step 1 and fire once behind it."""
        return self.encoding == HYBRID

    @property
    def tells_time(self) -> bool:
        """Whether the step of a spike counts: of inputs or neurons that fire once, or of an output's first crossing.

        What the network does over T steps is then no part of what it does over more.
        """
        return self.is_hybrid or self.neuron == SINGLE_SPIKE or self.readout == TIMED

    @property
    def conversion_steps(self) -> int:
        """Steps over which the ReLU network is converted."""
        return self.time_steps if self.tells_time else self.conversion.steps

    @property
    def takes_images(self) -> bool:
        """Whether ``scene`` names an image set."""
        return self.network.takes_images

    @property
    def start(self) -> str | None:
        """The stage that the quantized spiking network starts from; None where there is no such network."""
        for end in (self.qstdb, self.ptq):
            if end is not None:
                return end.start
        return None

    @property
    def unused(self) -> tuple[str, ...]:
        """Settings that have no effect on this recipe's result."""
        data = PATCHES_ONLY if self.takes_images else ("train_fraction",) if self.split.kind == FILE else ()
        if self.qat is not None:
            return (*data, *SPIKING_ONLY)
        silent = () if self.is_hybrid else ("spike_percentiles",)
        return (*data, *(QUANTIZED_ONLY if self.start is None else ()), *silent)

    @property
    def parting(self) -> Split:
        """How the scene's labelled pixels are parted into training and test."""
        return self.split.split(self.train_fraction, self.seed)

    @property
    def settings(self) -> dict[str, object]:
        """What the run depends on, as JSON has it."""
        exclude: dict[str, bool | set[str]] = {"conversion": {"steps"}} if self.tells_time else {}
        return self.model_dump(exclude_none=True, exclude=exclude | dict.fromkeys(self.unused, True))


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with pimsim."""
    folder = resources.files("pimsim.training") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(name: str, overrides: Mapping[str, object] | None = None) -> Recipe:
    """A shipped recipe by name, or a YAML file by path; ``overrides`` maps dotted keys to values.

    A recipe with ``base`` (a name or a path, from the recipe's folder) changes that one: sections are merged, null
    takes a key away, in the overrides as well.  Raises MissingFileError, or TrainingError naming file, key, value and
    limit.
    """
    content = _content(name, ())
    for path, value in (overrides or {}).items():
        _override(content, path, value)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise TrainingError(f"{name}: {_first(error)}") from error


def _content(name: str, above: tuple[str, ...]) -> dict[str, object]:
    """A recipe's settings, on top of those of its bases; ``above``: the recipes that led here."""
    if name in above:
        raise TrainingError(f"{name}: is its own base, by way of {' → '.join((*above, name))}")
    text = _read(name)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TrainingError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{name}: a recipe is a mapping of settings, this is {type(content).__name__}")
    base = content.pop("base", None)
    if base is None:
        return _merged(name, {}, content)
    if not isinstance(base, str):
        raise TrainingError(f"{name}: base={base!r}: expected the name or the path of a recipe")
    return _merged(name, _content(_beside(name, base), (*above, name)), content)


def _beside(name: str, base: str) -> str:
    """A base's path is meant from the folder of the file that names it."""
    path = Path(name).parent / base
    return str(path) if Path(name).is_file() and path.is_file() else base


def _merged(name: str, base: dict[str, object], changes: Mapping[object, object]) -> dict[str, object]:
    result = dict(base)
    for key, value in changes.items():
        if not isinstance(key, str):
            raise TrainingError(f"{name}: {key!r}: a setting's name is a text")
        if value is None and key not in base:
            raise TrainingError(f"{name}: {key}: is empty, and there is nothing that it could take away")
        before = result.pop(key, None)
        if isinstance(value, dict):
            result[key] = _merged(name, before if isinstance(before, dict) else {}, value)
        elif value is not None:
            result[key] = value
    return result


def _read(name: str) -> str:
    path = Path(name)
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{name}: cannot be read as text ({error})") from error
    if name.removesuffix(".yaml") in shipped_recipes():
        return (resources.files("pimsim.training") / "recipes" / f"{name.removesuffix('.yaml')}.yaml").read_text(
            "utf-8"
        )
    raise MissingFileError(f"{name}: no such recipe; shipped: {', '.join(shipped_recipes())}")


def _override(content: dict[str, object], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        inner = content.setdefault(key, {})
        if key == "network" and isinstance(inner, str):  # a bare name is a network without parameters
            inner = content["network"] = {"name": inner}
        if not isinstance(inner, dict):
            raise TrainingError(f"--set {path}: {key} is a value, it has no key below it")
        content = inner
    if value is None:
        if last not in content:
            raise TrainingError(f"--set {path}=null: the recipe has no {path}, there is nothing to take away")
        del content[last]
    else:
        content[last] = value


def _first(error: ValidationError) -> str:
    # an unknown key explains a missing one, so it is told first
    problem = min(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    if problem["type"] == "missing":
        return f"{where}: required but missing"
    if problem["type"] == "value_error":
        said = str(problem["msg"]).removeprefix("Value error, ")
        return said if said.startswith(where) else f"{where}: {said}"
    return f"{where}={problem['input']!r}: {problem['msg']}"

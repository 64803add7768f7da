"""A cost table as its YAML states it: keys, types and limits.  docs/costs.md explains the forms."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, model_validator

from pimsim.cost.ranges import ONE, ZERO, Range

FORMAT = 1
Kind = Literal["measured", "model", "paper", "assumed"]
Text = Annotated[str, StringConstraints(min_length=8, max_length=600, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.]+$")]
Node = Annotated[int, Field(ge=3, le=250)]
Width = Annotated[int, Field(ge=1, le=2**20)]


def _range(value: object) -> Range:
    """[low, nominal, high], or one number where sources give no spread."""
    numbers = [value, value, value] if isinstance(value, int | float) else value
    if not isinstance(numbers, list) or len(numbers) != 3:
        raise ValueError("must be one number or [low, nominal, high]")
    if any(isinstance(n, bool) or not isinstance(n, int | float) or not isfinite(n) for n in numbers):
        raise ValueError("must hold finite numbers")
    low, nominal, high = (float(n) for n in numbers)
    if not 0 <= low <= nominal <= high:
        raise ValueError(f"must be ordered 0 <= low <= nominal <= high, got [{low:g}, {nominal:g}, {high:g}]")
    return Range(low, nominal, high)


Triple = Annotated[Range, PlainValidator(_range)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Sourced(_Section):
    """What every number of a table carries beside its value.

    ``follows_node`` false: what belongs to a chip of another node, or to none, is inherited as it is.
    """

    node_nm: Node
    kind: Kind
    source: Text
    follows_node: bool = True

    @model_validator(mode="after")
    def _reason_given(self) -> Sourced:
        if self.kind == "assumed" and not self.source.startswith("assumed: "):
            raise ValueError('kind="assumed" needs a source that starts with "assumed: " and says why')
        return self


class Constant(Sourced):
    form: Literal["constant"]
    unit: str
    value: Triple


class PerBit(Sourced):
    """value × width."""

    form: Literal["per_bit"]
    unit: str
    value: Triple


class Multiplier(Sourced):
    """square × bits × second_bits + linear × (bits + second_bits) / 2."""

    form: Literal["multiplier"]
    unit: str
    square: Triple
    linear: Triple


class Polynomial(Sourced):
    """constant + linear × bits + square × bits² + power_of_four × 4^bits + product × bits × second_bits."""

    form: Literal["polynomial"]
    unit: str
    constant: Triple = ZERO
    linear: Triple = ZERO
    square: Triple = ZERO
    power_of_four: Triple = ZERO
    product: Triple = ZERO


class Power(Sourced):
    """value × (Q / at_bits)^exponent, Q the geometric mean of both operands' widths, or the only one's."""

    form: Literal["power"]
    unit: str
    value: Triple
    at_bits: Width
    exponent: Annotated[float, Field(gt=0, le=4)]


class Points(Sourced):
    """Interpolated over a width, or a memory's KiB: straight lines, or power laws (straight on logarithmic axes)."""

    form: Literal["points"]
    unit: str
    by: Literal["bits", "second_bits", "kib"]
    between: Literal["linear", "power"]
    at: Annotated[dict[str, Triple], Field(min_length=1)]

    @property
    def sorted_points(self) -> tuple[tuple[int, Range], ...]:
        return tuple(sorted((int(width), value) for width, value in self.at.items()))

    @model_validator(mode="after")
    def _widths_are_numbers(self) -> Points:
        for width in self.at:
            if not (width.isdecimal() and int(width) > 0):
                raise ValueError(f'at: "{width}" is not a width in bits or a capacity in KiB (quote it: "6")')
        if self.between == "power" and (len(self.at) < 2 or any(value.low <= 0 for value in self.at.values())):
            raise ValueError('between="power" needs at least two points above 0')
        return self


class SramPoint(_Section):
    kib: Annotated[float, Field(gt=0)]
    bits: Width
    value: Triple

    @model_validator(mode="after")
    def _positive(self) -> SramPoint:
        if self.value.low <= 0:
            raise ValueError("an access costs more than 0")
        return self


class Sram(Sourced):
    """Access energy by capacity (power law between points) and width of the word (docs/costs.md)."""

    form: Literal["sram"]
    unit: str
    smallest_kib: Annotated[float, Field(gt=0)]
    points: Annotated[list[SramPoint], Field(min_length=2)]


class Term(_Section):
    """Another entry of the table, at given widths or at those of the action."""

    entry: Name
    bits: Width | None = None
    second_bits: Width | None = None


class Shape(_Section):
    """How a scaled value changes with the width: as ``entry`` does, relative to its value at ``bits``."""

    entry: Name
    bits: Width


class Scaled(Sourced):
    """ratio × Σ of, optionally with the width dependence of another entry."""

    form: Literal["scaled"]
    unit: str
    ratio: Triple
    of: Annotated[list[Term], Field(min_length=1)]
    shape: Shape | None = None


class Included(Sourced):
    """0, because another action's entry contains it: the only way to state a price of nothing."""

    form: Literal["included"]
    unit: str
    within: Name


Entry = Annotated[
    Constant | PerBit | Multiplier | Polynomial | Power | Points | Sram | Scaled | Included,
    Field(discriminator="form"),
]


class Flavour(Sourced):
    """Leakage of one device flavour at 300 K: SRAM macros by KiB in uW, one 6T cell in pW."""

    unit: Literal["uW"]
    sram_uw: Annotated[dict[str, Triple], Field(min_length=2)]
    cell_pw: Triple
    factor_at_360_k: Annotated[Range, PlainValidator(_range)]

    @model_validator(mode="after")
    def _numbers(self) -> Flavour:
        for kib, value in self.sram_uw.items():
            if not (kib.isdecimal() and int(kib) > 0 and value.low > 0):
                raise ValueError(f'sram_uw: "{kib}" needs a capacity in KiB and a power above 0')
        if min(self.factor_at_360_k.low, self.cell_pw.low) <= 0:
            raise ValueError("factor_at_360_k and cell_pw must be above 0")
        return self


class Leakage(_Section):
    flavours: Annotated[dict[Literal["lstp", "lop", "hp"], Flavour], Field(min_length=1)]


class Factor(Sourced):
    """What an inherited number is multiplied by on the way from one node to another."""

    value: Triple = ONE


class Factors(_Section):
    """One way from the parent's node to this one; a quantity without a factor stays as it is."""

    energy: Factor | None = None
    leakage: Factor | None = None
    area: Factor | None = None
    delay: Factor | None = None


class Inherit(_Section):
    """Everything that this table does not state itself comes from ``table``, scaled by one of ``rules``.

    A hardware file chooses by ``cost.node_scaling``; ``own`` is what holds where it does not.
    """

    table: Name
    own: Name | None = None
    rules: dict[Name, Factors] = {}

    @model_validator(mode="after")
    def _own_is_one(self) -> Inherit:
        if (self.own is not None or self.rules) and self.own not in self.rules:
            raise ValueError(f"own={self.own!r} must be one of the rules: {', '.join(self.rules)}")
        return self


class Adc(_Section):
    """Converter models by the name a hardware file chooses; ``spread`` span the reported range.

    ``times`` names the entry of a model's conversion time, for models that state one.
    """

    models: Annotated[dict[Name, Name], Field(min_length=1)]
    times: dict[Name, Name] = {}
    spread: list[Name]


class Rule(_Section):
    """A named way to price: entries that stand for others, and the entries of actions."""

    entries: dict[Name, Name] = {}
    actions: dict[Name, list[Name]] = {}


class Rules(_Section):
    """Rules that a hardware file chooses from; all of one kind decide on the same entries and actions."""

    own: Name | None = None
    named: dict[Name, Rule] = {}


RuleKind = Literal["mac_scaling", "ac_scaling", "dac_model", "input_source", "interconnect"]
"""What rules decide; each is a key of the hardware file's section ``cost``."""


class Table(_Section):
    """A whole file.  Sections that an inheriting table leaves out are those of its parent."""

    format: Literal[1]
    name: Name
    title: Text
    node_nm: Node
    inherit: Inherit | None = None
    entries: dict[Name, Entry] = {}
    actions: dict[Name, list[Name]] = {}
    rules: dict[RuleKind, Rules] = {}
    times: dict[Name, Name] = {}
    adc: Adc | None = None
    leakage: Leakage | None = None
    storage: dict[Name, Name] = {}

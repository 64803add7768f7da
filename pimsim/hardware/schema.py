"""The hardware file as pydantic sees it: keys, types and limits.  Used at the file's edge only.

Field names and order are those of the dataclasses in `pimsim.hardware.hardware`.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pimsim.hardware.hardware import (
    ANALOG,
    AUTO,
    CIRCUIT,
    EVENT,
    FULL_SCALES,
    GATHER,
    IMAC_ACCURACY,
    ISO_CNN,
    LINEAR,
    MAC,
    OWN_RULE,
    SCATTER,
)

MAX_KIB = 2**20


def _capacity(value: object) -> float | None:
    if value == "auto":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and 0 < value <= MAX_KIB:
        return float(value)
    raise ValueError(f'must be "auto" or a number of KiB above 0 and at most {MAX_KIB}')


def _full_scale(value: object) -> str | float:
    if isinstance(value, str) and value in FULL_SCALES:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and 0 < value <= 2**40:
        return float(value)
    raise ValueError(f"must be one of {', '.join(FULL_SCALES)}, or a number of product LSB above 0 and at most 2^40")


# Limits are generous: beyond them a file is mistaken, not ambitious.
Size = Annotated[int, Field(ge=1, le=65536)]
Lanes = Annotated[int, Field(ge=1, le=4096)]
Cycles = Annotated[int, Field(ge=1, le=1024)]
Depth = Annotated[int, Field(ge=1, le=32)]
ConverterBits = Annotated[int, Field(ge=1, le=16)]
WordBits = Annotated[int, Field(ge=4, le=32)]  # the compiled kernels hold a word in 32 bits
PortCodes = Annotated[int, Field(ge=1, le=65536)]
Kib = Annotated[float, Field(gt=0, le=MAX_KIB, allow_inf_nan=False)]
Capacity = Annotated[object, AfterValidator(_capacity)]  # a number of KiB, or None for "auto"
FullScale = Annotated[object, AfterValidator(_full_scale)]
Clock = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Engine = Literal["pim", "mac", "event"]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_SWITCHED = (
    ("membrane_range", "membrane_step", "auto"),
    ("membrane_rounding", "membrane_step", "auto"),
    ("leak_terms", "leak", "shifts"),
)
"""Keys that say nothing unless another one has a certain value."""


class _NeuronWords(_Section):
    accumulator_bits: WordBits
    membrane_bits: WordBits
    membrane_step: Literal["exact", "auto"] = "exact"
    membrane_range: Annotated[float, Field(gt=0, le=1024, allow_inf_nan=False)] = 1.0
    membrane_rounding: Literal["floor", "half_up"] = "half_up"
    leak: Literal["multiplier", "shifts"] = "multiplier"
    leak_terms: Annotated[int, Field(ge=1, le=8)] = 2
    skip_fired: bool = False

    @model_validator(mode="after")
    def _membrane_fits(self) -> _NeuronWords:
        if self.membrane_bits > self.accumulator_bits:
            raise ValueError(
                f"membrane_bits={self.membrane_bits} exceeds accumulator_bits={self.accumulator_bits}, "
                "in which membranes are added to"
            )
        return self

    @model_validator(mode="after")
    def _has_effect(self) -> _NeuronWords:
        """A key that another one leaves without effect would be a wish that is silently not met."""
        for key, switch, on in _SWITCHED:
            if getattr(self, key) != type(self).model_fields[key].default and getattr(self, switch) != on:
                raise ValueError(f"{key}={getattr(self, key)} changes nothing without {switch}={on}")
        return self


class Numerics(_Section):
    model: Literal["circuit", "imac_accuracy"] = "circuit"
    adc_full_scale_lsb: FullScale = AUTO
    adc_gain_error_ratio: Annotated[float, Field(ge=-0.9, le=9, allow_inf_nan=False)] = 0.0
    adc_gain_sigma_ratio: Share = 0.0
    adc_offset_steps: Annotated[float, Field(ge=-65536, le=65536, allow_inf_nan=False)] = 0.0
    adc_offset_sigma_steps: Annotated[float, Field(ge=0, le=65536, allow_inf_nan=False)] = 0.0
    thermal_sigma_lsb: Annotated[float, Field(ge=0, le=2**32, allow_inf_nan=False)] = 0.0
    product_transfer: Literal["linear", "imac_nominal", "imac_mean"] = "linear"
    cell_mismatch_sigma_ratio: Share = 0.0
    stuck_at_0_ratio: Share = 0.0
    stuck_at_1_ratio: Share = 0.0
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Numerics:
        if self.stuck_at_0_ratio + self.stuck_at_1_ratio > 1:
            raise ValueError(
                f"stuck_at_0_ratio={self.stuck_at_0_ratio:g} and stuck_at_1_ratio={self.stuck_at_1_ratio:g} "
                "are shares of the same cells and add up to above 1"
            )
        if self.model == IMAC_ACCURACY and self.model_copy(update={"model": CIRCUIT, "seed": 0}) != Numerics():
            raise ValueError(f'model="{IMAC_ACCURACY}" is the error of a whole output; other errors are part of it')
        return self

    @property
    def converter_errors(self) -> bool:
        """Whether there are errors in steps of a converter."""
        return any(
            (self.adc_gain_error_ratio, self.adc_gain_sigma_ratio, self.adc_offset_steps, self.adc_offset_sigma_steps)
        )


class _Crossbar(_NeuronWords):
    rows: Size
    columns: Size
    arrays: Size
    pulse_cycles: Cycles
    adc_bits: ConverterBits
    adc_cycles: Cycles
    sample_and_hold: bool
    input_port_codes: PortCodes
    correction_depth: Depth
    copies_in_array: Literal["none", "diagonal", "shifted"] = "none"
    neuron_lanes: Lanes
    sweep_depth: Depth
    numerics: Numerics = Numerics()

    def _check_converter(self, exact: tuple[str, ...]) -> None:
        if self.numerics.adc_full_scale_lsb in exact and self.numerics.converter_errors:
            raise ValueError(
                f"numerics.adc_full_scale_lsb={self.numerics.adc_full_scale_lsb} is a converter without steps, "
                "so it has no gain and no offset to be wrong"
            )


class BitSerialPim(_Crossbar):
    style: Literal["bit_serial"]
    weight_encoding: Literal["offset", "differential", "twos_complement"] = "offset"
    cell_bits: Annotated[int, Field(ge=1, le=4)] = 1
    dac_bits: Annotated[int, Field(ge=1, le=8)] = 1
    rows_active: Size
    columns_per_adc: Size

    @model_validator(mode="after")
    def _fits_array(self) -> BitSerialPim:
        if self.rows_active > self.rows:
            raise ValueError(f"rows_active={self.rows_active} exceeds rows={self.rows}")
        if self.columns_per_adc > self.columns:
            raise ValueError(f"columns_per_adc={self.columns_per_adc} exceeds columns={self.columns}")
        for key, plain in (("model", CIRCUIT), ("product_transfer", LINEAR)):
            if getattr(self.numerics, key) != plain:
                raise ValueError(
                    f'numerics.{key}="{getattr(self.numerics, key)}" is IMAC\'s, which is style "{ANALOG}"'
                )
        self._check_converter(("exact",))
        return self


class AnalogPim(_Crossbar):
    style: Literal["analog"]
    dac_bits: ConverterBits
    products_per_conversion: Size
    outputs_per_adc: Size

    @model_validator(mode="after")
    def _fits_array(self) -> AnalogPim:
        if self.products_per_conversion > self.rows:
            raise ValueError(f"products_per_conversion={self.products_per_conversion} exceeds rows={self.rows}")
        if self.outputs_per_adc > self.columns:
            raise ValueError(f"outputs_per_adc={self.outputs_per_adc} exceeds columns={self.columns}")
        if self.numerics.model == IMAC_ACCURACY and (self.adc_bits, self.products_per_conversion) != (4, 10):
            raise ValueError(
                f'numerics.model="{IMAC_ACCURACY}" was published for adc_bits=4 and products_per_conversion=10, '
                f"not {self.adc_bits} and {self.products_per_conversion}"
            )
        self._check_converter((AUTO, "exact"))
        return self


class Mac(_NeuronWords):
    multipliers: Size
    multiply_cycles: Cycles
    weight_banks: Size
    weight_port_bits: Annotated[int, Field(ge=1, le=4096)]
    weight_read_cycles: Cycles
    overlap_fetch: bool
    input_port_codes: PortCodes
    pipeline_depth: Depth
    activation_bits: ConverterBits
    neuron_lanes: Lanes
    sweep_depth: Depth


class Event(_NeuronWords):
    dataflow: Literal["scatter", "gather"] = "scatter"
    lanes: Lanes
    scan_width: Literal[8, 16, 32, 64, 128, 256, 512]
    fifo_depth: Size
    pipeline_depth: Depth
    forwarding: bool = True
    sweep_depth: Depth
    membrane_ports: Literal[1, 2] = 2
    membrane_banks: Annotated[int, Field(ge=1, le=1024)] = 1

    @model_validator(mode="after")
    def _makes_sense(self) -> Event:
        if self.dataflow == SCATTER and self.membrane_ports == 1 and self.pipeline_depth == 1:
            raise ValueError(
                "membrane_ports=1 with pipeline_depth=1: a beat would read and write its word in one cycle; "
                "2 ports or 2 stages at least"
            )
        if self.dataflow == GATHER and not self.forwarding:
            raise ValueError(
                f'forwarding=false with dataflow="{GATHER}": sums are added in registers within one stage, '
                "so there is nothing to wait for"
            )
        return self


class Engines(_Section):
    pim: Annotated[BitSerialPim | AnalogPim, Field(discriminator="style")] | None = None
    mac: Mac | None = None
    event: Event | None = None


class Placement(_Section):
    first: Engine
    others: Engine
    input_spikes: Literal["auto", "pim", "mac", "event"] = "auto"
    by_name: dict[str, Engine] = {}


class Memories(_Section):
    macro_width_bits: Annotated[int, Field(ge=8, le=1024)] = 64
    macro_kib: Kib = 8.0
    input_kib: Capacity = None
    weight_kib: Capacity = None
    membrane_kib: Capacity = None
    current_kib: Capacity = None
    count_kib: Capacity = None
    spike_kib: Capacity = None
    activation_kib: Capacity = None


class Cost(_Section):
    table: Name
    adc_model: Name
    device: Literal["lstp", "lop", "hp"]
    temperature_k: Annotated[float, Field(ge=233, le=423, allow_inf_nan=False)]
    mac_scaling: Name = OWN_RULE
    ac_scaling: Name = OWN_RULE
    dac_model: Name = OWN_RULE
    node_scaling: Name = OWN_RULE
    input_source: Name = OWN_RULE
    interconnect: Name = OWN_RULE


class Prices(_Section):
    """What decides on prices and on nothing else; no other key depends on it."""

    clock_mhz: Clock
    cost: Cost


class File(_Section):
    format: Literal[1]
    name: Name
    description: Annotated[str, Field(max_length=2000)] = ""
    clock_mhz: Clock
    network: Literal["as_is", "iso_cnn"] = "as_is"
    schedule: Literal["shared", "pipelined"]
    order: Literal["step_major", "layer_major"] = "step_major"
    clock_gating: Literal["none", "units"] = "none"
    engines: Engines
    layers: Placement
    memories: Memories = Memories()
    cost: Cost

    @model_validator(mode="after")
    def _engines_exist(self) -> File:
        used: dict[str, Engine] = {"layers.first": self.layers.first, "layers.others": self.layers.others}
        if self.layers.input_spikes != "auto":
            used["layers.input_spikes"] = self.layers.input_spikes
        used |= {f"layers.by_name.{layer}": engine for layer, engine in self.layers.by_name.items()}
        for path, engine in used.items():
            if getattr(self.engines, engine) is None:
                raise ValueError(f'{path}="{engine}" but the file has no section engines.{engine}')
            if self.network == ISO_CNN and engine != MAC:
                raise ValueError(f'{path}="{engine}": with network="{ISO_CNN}" every layer runs on "{MAC}"')
        if self.layers.first == EVENT:
            raise ValueError(f'layers.first="{EVENT}": the first layer has multi-bit inputs and needs "pim" or "mac"')
        return self

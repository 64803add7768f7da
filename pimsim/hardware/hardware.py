"""The frozen description of an accelerator; docs/hardware-format.md explains every parameter.

Nothing here is computed and nothing is optional: `load_hardware` has filled in defaults and checked every
value before one of these is built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any

PIM, MAC, EVENT = "pim", "mac", "event"
ENGINES = (PIM, MAC, EVENT)
BIT_SERIAL, ANALOG = "bit_serial", "analog"
DIAGONAL, SHIFTED = "diagonal", "shifted"
OFFSET, DIFFERENTIAL, TWOS_COMPLEMENT = "offset", "differential", "twos_complement"
CIRCUIT, IMAC_ACCURACY = "circuit", "imac_accuracy"
LINEAR, IMAC_NOMINAL, IMAC_MEAN = "linear", "imac_nominal", "imac_mean"
EXACT, AUTO = "exact", "auto"
FULL_SCALES = (AUTO, EXACT, "lsb", "codes", "weights")
AS_IS, ISO_CNN = "as_is", "iso_cnn"
SHARED, PIPELINED = "shared", "pipelined"
STEP_MAJOR, LAYER_MAJOR = "step_major", "layer_major"
NONE, UNITS = "none", "units"
SCATTER, GATHER = "scatter", "gather"
MULTIPLIER, SHIFTS = "multiplier", "shifts"
OWN_RULE = "table"
RULES = ("mac_scaling", "ac_scaling", "dac_model", "node_scaling", "input_source", "interconnect")
"""Choices of `CostSettings` between rules rather than numbers."""
_RULES = attrgetter(*RULES)


@dataclass(frozen=True)
class Numerics:
    """What a crossbar's circuits make of its sums; docs/crossbar-numerics.md.  The default changes nothing.

    ``adc_full_scale_lsb`` is a number of product LSB or one of `FULL_SCALES`.
    """

    model: str = CIRCUIT
    adc_full_scale_lsb: str | float = AUTO
    adc_gain_error_ratio: float = 0.0
    adc_gain_sigma_ratio: float = 0.0
    adc_offset_steps: float = 0.0
    adc_offset_sigma_steps: float = 0.0
    thermal_sigma_lsb: float = 0.0
    product_transfer: str = LINEAR
    cell_mismatch_sigma_ratio: float = 0.0
    stuck_at_0_ratio: float = 0.0
    stuck_at_1_ratio: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class BitSerialPim:
    """Crossbar with ``cell_bits`` weight bits per cell and ``dac_bits`` input bits per pulse.

    ``rows_active`` word lines are driven at once; each of the used columns is then converted by the ADC
    it shares with ``columns_per_adc − 1`` others.  ``weight_encoding`` says how signed weights are stored.
    """

    style: str
    rows: int
    columns: int
    arrays: int
    weight_encoding: str
    cell_bits: int
    dac_bits: int
    rows_active: int
    pulse_cycles: int
    columns_per_adc: int
    adc_bits: int
    adc_cycles: int
    sample_and_hold: bool
    input_port_codes: int
    correction_depth: int
    copies_in_array: str
    accumulator_bits: int
    membrane_bits: int
    membrane_step: str
    membrane_range: float
    membrane_rounding: str
    leak: str
    leak_terms: int
    skip_fired: bool
    neuron_lanes: int
    sweep_depth: int
    numerics: Numerics


@dataclass(frozen=True)
class AnalogPim:
    """Crossbar in the manner of IMAC: one row at a time, multi-bit inputs, sign and magnitude weights.

    The products of ``products_per_conversion`` rows gather on a capacitor before the positive and the
    negative sum are converted, one after the other.
    """

    style: str
    rows: int
    columns: int
    arrays: int
    dac_bits: int
    pulse_cycles: int
    products_per_conversion: int
    outputs_per_adc: int
    adc_bits: int
    adc_cycles: int
    sample_and_hold: bool
    input_port_codes: int
    correction_depth: int
    copies_in_array: str
    accumulator_bits: int
    membrane_bits: int
    membrane_step: str
    membrane_range: float
    membrane_rounding: str
    leak: str
    leak_terms: int
    skip_fired: bool
    neuron_lanes: int
    sweep_depth: int
    numerics: Numerics


Pim = BitSerialPim | AnalogPim


@dataclass(frozen=True)
class Mac:
    """Multipliers that hold a tile of weights while all output positions pass."""

    multipliers: int
    multiply_cycles: int
    weight_banks: int
    weight_port_bits: int
    weight_read_cycles: int
    overlap_fetch: bool
    input_port_codes: int
    pipeline_depth: int
    activation_bits: int
    accumulator_bits: int
    membrane_bits: int
    membrane_step: str
    membrane_range: float
    membrane_rounding: str
    leak: str
    leak_terms: int
    skip_fired: bool
    neuron_lanes: int
    sweep_depth: int


@dataclass(frozen=True)
class Event:
    """Event-driven accumulate core.

    ``dataflow`` scatter adds each event to the membranes that it reaches, gather collects the events of one
    output position in registers before its membranes are touched.  ``membrane_ports`` 2 are a read and a write
    port on each of ``membrane_banks``, 1 is a single access per bank and cycle.
    """

    dataflow: str
    lanes: int
    scan_width: int
    fifo_depth: int
    pipeline_depth: int
    forwarding: bool
    sweep_depth: int
    membrane_ports: int
    membrane_banks: int
    accumulator_bits: int
    membrane_bits: int
    membrane_step: str
    membrane_range: float
    membrane_rounding: str
    leak: str
    leak_terms: int
    skip_fired: bool


@dataclass(frozen=True)
class Engines:
    """The engines that the file describes; None where it has no such section."""

    pim: Pim | None
    mac: Mac | None
    event: Event | None

    def named(self, name: str) -> Pim | Mac | Event | None:
        """The engine called ``name``, one of `ENGINES`."""
        found: Pim | Mac | Event | None = getattr(self, name)
        return found


@dataclass(frozen=True)
class Placement:
    """Engine of the first layer, of all others, and of single layers by name.

    ``input_spikes`` is the engine of a first layer whose inputs fire, or `AUTO`: that of all others.
    """

    first: str
    others: str
    input_spikes: str
    by_name: Mapping[str, str]


@dataclass(frozen=True)
class Memories:
    """SRAM macros and capacities in KiB; None means sized from the model."""

    macro_width_bits: int
    macro_kib: float
    input_kib: float | None
    weight_kib: float | None
    membrane_kib: float | None
    current_kib: float | None
    count_kib: float | None
    spike_kib: float | None
    activation_kib: float | None


@dataclass(frozen=True)
class CostSettings:
    """Names of the choices that pricing makes; the cost tables define what each name means.

    `OWN_RULE` stands for the table's own; what has a default here has it in the file too.
    """

    table: str
    adc_model: str
    device: str
    temperature_k: float
    mac_scaling: str = OWN_RULE
    ac_scaling: str = OWN_RULE
    dac_model: str = OWN_RULE
    node_scaling: str = OWN_RULE
    input_source: str = OWN_RULE
    interconnect: str = OWN_RULE

    def prices_as(self, other: CostSettings) -> bool:
        """Whether both price the same action alike: converters, devices and temperatures are the machine's own."""
        return (self.table, self.rules) == (other.table, other.rules)

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules in force, in the order of `RULES`."""
        found: tuple[str, ...] = _RULES(self)
        return found


@dataclass(frozen=True)
class Hardware:
    """One accelerator; ``name`` and ``description`` are free text."""

    name: str
    description: str
    clock_mhz: float
    network: str
    schedule: str
    order: str
    clock_gating: str
    engines: Engines
    layers: Placement
    memories: Memories
    cost: CostSettings

    @property
    def cycle_ns(self) -> float:
        return 1000.0 / self.clock_mhz

    def to_dict(self) -> dict[str, object]:
        """The resolved configuration in plain types, as a hardware file would state it."""
        content = asdict(self)
        content["engines"] = {name: engine for name, engine in content["engines"].items() if engine is not None}
        content["layers"]["by_name"] = dict(self.layers.by_name)
        for key, value in content["memories"].items():
            content["memories"][key] = "auto" if value is None else value
        return {"format": FORMAT, **content}

    @property
    def content_hash(self) -> str:
        """SHA-256 of the resolved configuration; the order of keys and comments does not matter.

        Keys of `_LEFT_OUT` are hashed only where they are not at their defaults, so that older files keep their hash.
        """
        content: dict[str, Any] = self.to_dict()
        for section in (content["layers"], *content["engines"].values()):
            for key, default in _LEFT_OUT.items():
                if section.get(key) == default:
                    del section[key]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


FORMAT = 1
"""Version of the hardware format that this pimsim reads."""
_LEFT_OUT = {"input_spikes": AUTO, "skip_fired": False}
"""Keys with the defaults at which the format had no such key."""

"""The iso-architecture CNN, 6 and 32 bits wide, on the organisation of ``ann45nm``."""

from __future__ import annotations

from pimsim.activity.activity import Activity
from pimsim.cost import CostTable, evaluate
from pimsim.errors import MappingError
from pimsim.hardware import CostSettings, Hardware, load_hardware
from pimsim.mapping import map_model
from pimsim.model.network import IntegerNetwork
from pimsim.report.result import Baseline
from pimsim.report.widen import widen
from pimsim.simulation import schedule
from pimsim.traces import Trace, select

HARDWARE = "ann45nm"
WIDTHS = (6, 32)
WIDEST_ACCUMULATOR = 32


def baselines(
    network: IntegerNetwork, trace: Trace, like: Hardware, table: CostTable, *, threads: int
) -> tuple[Baseline, ...]:
    """The CNN at 6 and at 32 bits, with the clock and the cost choices of the run it stands beside.

    A CNN costs the same for every input, so one sample of the trace is enough.
    Raises MappingError where a layer's sums are too wide even for 32 bits.
    """
    machine, narrow = _scheduled(network, trace, like, threads)
    return tuple(_baseline(bits, machine, narrow, like.cost, table) for bits in WIDTHS)


def cnn(
    network: IntegerNetwork, trace: Trace, machine: Hardware, table: CostTable, *, threads: int
) -> tuple[Baseline, ...]:
    """The CNN on a machine that is given as one (``network: iso_cnn``): as narrow as the file says, and at 32 bits."""
    mac = machine.engines.mac
    assert mac is not None  # the hardware file was checked for it
    narrow = schedule(select(trace, 1), network, map_model(network.architecture, machine), machine, threads=threads)
    widths = dict.fromkeys((mac.activation_bits, WIDTHS[-1]))
    return tuple(
        _baseline(bits, machine, narrow, machine.cost, table, from_bits=mac.activation_bits) for bits in widths
    )


def _baseline(
    bits: int,
    machine: Hardware,
    narrow: Activity,
    choices: CostSettings,
    table: CostTable,
    *,
    from_bits: int = WIDTHS[0],
) -> Baseline:
    activity = narrow if bits == from_bits else widen(narrow, from_bits=from_bits, to_bits=bits)
    cost = evaluate(activity, choices, table, clock_mhz=machine.clock_mhz)
    return Baseline(f"cnn_{bits}b", f"{bits}-bit CNN", bits, machine.name, activity, cost)


def _scheduled(network: IntegerNetwork, trace: Trace, like: Hardware, threads: int) -> tuple[Hardware, Activity]:
    """The narrow CNN; sums that the file's accumulator cannot hold get the widest one."""
    changes: dict[str, object] = {
        "clock_mhz": like.clock_mhz,
        "clock_gating": like.clock_gating,
        "memories.macro_kib": like.memories.macro_kib,
        "memories.macro_width_bits": like.memories.macro_width_bits,
        "engines.mac.activation_bits": WIDTHS[0],
    }
    one = select(trace, 1)
    try:
        machine = load_hardware(HARDWARE, changes)
        mapping = map_model(network.architecture, machine)
    except MappingError:
        machine = load_hardware(HARDWARE, changes | {"engines.mac.accumulator_bits": WIDEST_ACCUMULATOR})
        try:
            mapping = map_model(network.architecture, machine)
        except MappingError as error:
            raise MappingError(f"CNN baseline on {HARDWARE}: {error}") from None
    return machine, schedule(one, network, mapping, machine, threads=threads)

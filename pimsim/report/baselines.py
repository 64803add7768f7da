"""The iso-architecture CNN, 6 and 32 bits wide, on the organisation of ``ann45nm``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pimsim.activity.activity import Activity, Deadline
from pimsim.cost import CostTable, PriceBook, evaluate, timings
from pimsim.cost.timing import fastest_mhz
from pimsim.errors import CostError, MappingError
from pimsim.hardware import CostSettings, Hardware
from pimsim.mapping import Mapping, map_model
from pimsim.model.architecture import Architecture
from pimsim.model.network import IntegerNetwork
from pimsim.report.accuracies import FLOAT, SIMULATED, float_accuracy
from pimsim.report.cnn_model import CnnModel
from pimsim.report.fitting import fitting
from pimsim.report.result import Baseline
from pimsim.report.widen import widen
from pimsim.simulation import schedule
from pimsim.traces import Trace, select

HARDWARE = "ann45nm"
WIDTHS = (6, 32)


def baselines(
    network: IntegerNetwork,
    trace: Trace,
    like: Hardware,
    table: CostTable,
    *,
    model: CnnModel | None = None,
    threads: int,
) -> tuple[Baseline, ...]:
    """The CNN at 6 and at 32 bits, with the clock and the cost choices of the run it stands beside.

    With a ``model`` the 6-bit one is that network, executed; without, the layers' shapes are costed.  The CNN at
    32 bits is always costed.  Every input costs the same, so one sample of the trace is enough.
    Raises MappingError where a layer's sums are too wide even for 32 bits.
    """
    machine, shapes = _scheduled(network, network.architecture, trace, like, threads)
    own = machine, shapes
    if model is not None:
        own = _scheduled(model.network, model.network, model.trace, like, threads)
    narrow, wide = WIDTHS
    return (
        _marked(_baseline(narrow, *own, like.cost, table), network, model),
        _marked(_baseline(wide, machine, shapes, like.cost, table), network, model),
    )


def cnn(
    network: IntegerNetwork,
    trace: Trace,
    machine: Hardware,
    table: CostTable,
    *,
    model: CnnModel | None = None,
    threads: int,
) -> tuple[Baseline, ...]:
    """The CNN on a machine that is given as one (``network: iso_cnn``): as narrow as the file says, and at 32 bits."""
    mac = machine.engines.mac
    assert mac is not None  # the hardware file was checked for it
    narrow = schedule(select(trace, 1), network, map_model(network.architecture, machine), machine, threads=threads)
    costed = {
        bits: _baseline(bits, machine, narrow, machine.cost, table, from_bits=mac.activation_bits)
        for bits in (mac.activation_bits, WIDTHS[-1])
    }
    if model is not None and mac.activation_bits == WIDTHS[0]:
        placed = map_model(model.network, machine)
        activity = schedule(model.trace, model.network, placed, machine, threads=threads)
        costed[WIDTHS[0]] = _baseline(WIDTHS[0], machine, activity, machine.cost, table)
    return tuple(_marked(item, network, model) for item in costed.values())


def _marked(item: Baseline, network: IntegerNetwork, model: CnnModel | None) -> Baseline:
    """With the accuracy that is known of it: a simulated one at 6 bits, the float network's at 32."""
    if item.bits == WIDTHS[0] and model is not None:
        source = SIMULATED if model.accuracy else ""
        return replace(
            item,
            accuracy=model.accuracy,
            accuracy_source=source,
            executed=model.executed,
            execution=model.execution,
        )
    noted = [float_accuracy(one.provenance) for one in (network, *([model.network] if model else []))]
    known = next((one for one in noted if one), None)
    if item.bits != WIDTHS[-1] or known is None:
        return item
    return replace(item, accuracy=known, accuracy_source=FLOAT)


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
    try:
        cost = evaluate(activity, choices, table, clock_mhz=machine.clock_mhz)
    except CostError as error:
        raise _too_slow(bits, machine.name, error) from None
    return Baseline(f"cnn_{bits}b", f"{bits}-bit CNN", bits, machine.name, activity, cost)


def _scheduled(
    network: IntegerNetwork, source: IntegerNetwork | Architecture, trace: Trace, like: Hardware, threads: int
) -> tuple[Hardware, Activity]:
    """The narrow CNN."""
    machine, mapping = _placed(source, like)
    return machine, schedule(select(trace, 1), network, mapping, machine, threads=threads)


def _placed(source: IntegerNetwork | Architecture, like: Hardware) -> tuple[Hardware, Mapping]:
    """The narrow CNN's organisation; sums that the file's accumulator cannot hold get one that does."""
    changes: dict[str, object] = {
        "clock_mhz": like.clock_mhz,
        "clock_gating": like.clock_gating,
        "memories.macro_kib": like.memories.macro_kib,
        "memories.macro_width_bits": like.memories.macro_width_bits,
        "engines.mac.activation_bits": WIDTHS[0],
    }
    try:
        machine, mapping, _ = fitting(source, HARDWARE, changes)
    except MappingError as error:
        raise MappingError(f"CNN baseline on {HARDWARE}: {error}") from None
    return machine, mapping


@dataclass(frozen=True)
class Beside:
    """How fast `baselines` can be: per width in bits, the operations that have to be over in their cycles."""

    machine: str
    deadlines: tuple[tuple[int, tuple[Deadline, ...]], ...]

    def fastest_mhz(self, book: PriceBook) -> float:
        """Highest clock at which `check` raises nothing."""
        return min(fastest_mhz(deadlines, book) for _, deadlines in self.deadlines)

    def check(self, book: PriceBook, clock_mhz: float) -> None:
        """Raises CostError as `baselines` does for a clock that they cannot follow."""
        for bits, deadlines in self.deadlines:
            try:
                timings(deadlines, book, clock_mhz=clock_mhz)
            except CostError as error:
                raise _too_slow(bits, self.machine, error) from None


def beside(network: IntegerNetwork, like: Hardware, cnn: IntegerNetwork | None) -> Beside:
    """`baselines` placed and no more: what they share with no other machine is not needed to know if they can be.

    Depends on no more of ``like`` than its macros.  Raises MappingError as `baselines` does.
    """
    machine, shapes = _placed(network.architecture, like)
    own = shapes if cnn is None else _placed(cnn, like)[1]
    return Beside(machine.name, tuple(zip(WIDTHS, (own.deadlines, shapes.deadlines), strict=True)))


def _too_slow(bits: int, machine: str, error: CostError) -> CostError:
    return CostError(f"{bits}-bit CNN on {machine}: {error}")

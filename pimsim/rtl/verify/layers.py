"""Chosen layers of a model on real spikes, through the described hardware clock by clock and through the simulator."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from pimsim.activity.activity import SPIKES_SUFFIX
from pimsim.errors import HardwareError, MappingError
from pimsim.hardware import Hardware, load_hardware
from pimsim.mapping import map_model
from pimsim.model import load_network, network_hash
from pimsim.model.network import IntegerNetwork
from pimsim.report.inputs import resolve
from pimsim.report.pipeline import trace_for
from pimsim.resources import MODEL, find
from pimsim.rtl.bench.step_bench import MOST_LANES
from pimsim.rtl.parts.observe import Observed
from pimsim.rtl.verify.case import LayerCase, fitting_crop, layer_case, layer_index
from pimsim.rtl.verify.compare import LayerVerdict, compare
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verify.machine import compare_machine
from pimsim.rtl.verify.processes import in_processes
from pimsim.rtl.verify.run_case import run_case
from pimsim.rtl.verify.run_pipeline import pipeline_design
from pimsim.simulation import Progress
from pimsim.traces import Trace

Path_ = str | os.PathLike[str]

Run = Callable[[LayerCase], Observed]

MOST_CYCLES = 3000
"""Of a layer's run where nothing else is asked for: with 42 lanes some seconds of simulation."""
STEPS = 2
"""The fewest in which a membrane is carried from one step to the next, and cleared by the last one."""


@dataclass(frozen=True)
class Verification:
    """Verdicts over layers of a model; ``selection`` says which samples they saw."""

    model: str
    hardware: str
    source: str
    selection: str
    layers: tuple[LayerVerdict, ...]

    @property
    def equal(self) -> bool:
        return all(layer.equal for layer in self.layers)


def verify(
    model: Path_,
    hardware: Path_,
    input: Path_ | None = None,  # noqa: A002 - the name that the command line has for it
    *,
    layers: Sequence[str] = (),
    crop: Crop | None = None,
    full: bool = False,
    machine: bool = False,
    overrides: Mapping[str, object] | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    run: Run = run_case,
) -> Verification:
    """Hold layers of ``model`` on ``hardware`` against their description, on spikes of ``input``.

    model, hardware, input, overrides   as `pimsim.report.run` takes them
    layers    names; none: all of them
    crop      what is left of the run and of each layer; of the samples the first one unless it says more
    machine   all layers of a pipeline together besides, of which samples and steps are cut
    full      cut nothing else; without it a layer is cut further until its run takes `MOST_CYCLES` or fewer
    threads   processes that simulate layers side by side; a script that wants several has to guard its own start by
              ``if __name__ == "__main__"``, since they import it.  Results do not depend on their number
    progress  called with (layers done, layers in all)
    run       what simulates a case; in other processes, so it has to be a function of a module

    Raises a `PimsimError` that names what is wrong with what was given.
    """
    accelerator, path = load_hardware(hardware, overrides), find(MODEL, model)
    network = load_network(path)
    wanted = crop or Crop()
    samples = wanted.samples or 1
    source = resolve(network, network_hash(network), input, samples)
    trace = trace_for(network, accelerator, source, threads, None).trace
    cut = replace(wanted, samples=samples)
    if machine:
        pipeline_design(network, map_model(network, accelerator), accelerator)  # refused before anything is simulated
    chosen = _chosen(network, layers)
    described = list(cases(network, accelerator, trace, chosen, cut, full=full, pass_over=not layers))
    verdicts = []
    with closing(_observed(described, run, threads)) as every:
        for case, observed in zip(described, every, strict=True):
            verdicts.append(compare(case, observed))
            if progress is not None:
                progress(len(verdicts), len(described) + machine)
    if machine:
        verdicts.append(compare_machine(network, accelerator, trace, cut if full else _few_steps(network, cut)))
        if progress is not None:
            progress(len(verdicts), len(verdicts))
    return Verification(path.stem, accelerator.name, source.name, source.selection, tuple(verdicts))


def _observed(described: Sequence[LayerCase], run: Run, workers: int) -> Generator[Observed, None, None]:
    """In the order of the layers; a process each where there are several, for a simulation keeps one core busy."""
    if min(workers, len(described)) == 1:
        yield from map(run, described)
        return
    yield from in_processes(run, described, min(workers, len(described)))


def cases(
    network: IntegerNetwork,
    hardware: Hardware,
    trace: Trace,
    layers: Sequence[str],
    crop: Crop,
    *,
    full: bool,
    pass_over: bool = True,
) -> Iterator[LayerCase]:
    """The layers cut as `verify` cuts them.

    Of sums of codes that have no neurons nothing may be described: they are passed over, or refused.
    """
    for name in layers:
        try:
            own = crop if full else _default_crop(network, hardware, trace, name, crop)
            case = layer_case(network, hardware, trace, name, own)
        except MappingError as error:
            raise type(error)(f'hardware "{hardware.name}": {error}') from None
        if case.of_codes and not case.sums_described:
            if pass_over:
                continue
            raise MappingError(
                f'hardware "{hardware.name}": layer "{name}": its sums of codes, on engine {case.layer.engine}, are '
                f'not described; what sweeps them is called "{name}{SPIKES_SUFFIX}"'
            )
        _check_simulated(case)
        yield case


def _check_simulated(case: LayerCase) -> None:
    """Raise HardwareError for words that are too wide to simulate, before any layer is simulated."""
    lanes, engine = case.layer.sweep.lanes, case.layer.engine
    if lanes > MOST_LANES:
        key = "lanes" if case.on_event_core else "neuron_lanes"
        limit = f"at most {MOST_LANES} can be simulated register by register"
        raise HardwareError(f'hardware "{case.hardware.name}": engines.{engine}.{key}={lanes}: {limit}')


def _default_crop(network: IntegerNetwork, hardware: Hardware, trace: Trace, layer: str, crop: Crop) -> Crop:
    few = _few_steps(network, crop)
    return fitting_crop(network, hardware, trace, layer, few, most_cycles=MOST_CYCLES)


def _few_steps(network: IntegerNetwork, crop: Crop) -> Crop:
    few = STEPS + network.is_hybrid  # of two steps the first sums codes, and all inputs would fire at the other
    return replace(crop, steps=crop.steps or min(few, network.time_steps))


def _chosen(network: IntegerNetwork, layers: Sequence[str]) -> list[str]:
    """Names of the layers to look at, in the order of the network; raises MappingError for one that it lacks."""
    for name in layers:
        layer_index(network, name)
    names = [layer.name for layer in network.layers]
    if network.is_hybrid:
        names.insert(1, names[0] + SPIKES_SUFFIX)
    return [name for name in names if not layers or name in layers]

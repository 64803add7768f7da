"""A broken rule of the simulator is found by the comparison with the described hardware.

The hardware is simulated once, on a fixed and diverse set of layers.  Then one rule after the other is broken in the
simulator's source, and on some layer the comparison has to find a difference; unbroken, it finds none on any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from mutants import Mutation, in_place, mutated_source, neurons_by, plain_module
from rtl_cases import made_crossbar_case, made_event_case, made_pipeline
from rtl_hybrid_cases import made_hybrid_case

from pimsim.hardware import Hardware
from pimsim.mapping import Mapping, map_model
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.parts.observe import Observed
from pimsim.rtl.verify.case import LayerCase
from pimsim.rtl.verify.compare import compare
from pimsim.rtl.verify.run_case import run_case
from pimsim.rtl.verify.run_pipeline import run_pipeline
from pimsim.simulation import execute, schedule
from pimsim.traces import Trace

MOST_CYCLES = 700
"""Of a crossbar's run."""

Traced = tuple[Trace, IntegerNetwork, Mapping, Hardware]
Seen = list[tuple[LayerCase, Observed]]

NEURONS = "simulation.kernels_execute"
"""Of this module only the neurons run as plain Python: its sums need the compiler's vectors."""

CLOSED, BEATS, READS = (f"simulation.kernels_schedule_{name}" for name in ("event", "beats", "gather"))
CROSSBAR, ROUNDS = "simulation.schedule_crossbar", "simulation.kernels_schedule_dense"
FLOWS = "simulation.schedule_dataflow"
CONVERTERS = "simulation.kernels_crossbar"
LAYER, EVENT, PLANES = (f"simulation.{name}" for name in ("schedule_layer", "schedule_event", "spike_planes"))

EVENT_MUTATIONS = (
    # Scatter in closed form.
    Mutation("the FIFO is never full", CLOSED, "max(pushed, release + 1 - late)", "pushed"),
    Mutation(
        "a full FIFO takes a push in the cycle of the pop",
        CLOSED,
        "pushed = max(pushed, release + 1 - late)",
        "pushed = max(pushed, release - late)",
    ),
    Mutation(
        "an event is popped in the cycle of its push", CLOSED, "max(earliest + 1, release)", "max(earliest, release)"
    ),
    Mutation("silent words behind the last event take no time", CLOSED, "= pushed + behind\n", "= pushed\n"),
    Mutation("a lane stage less", FLOWS, "issued + event.pipeline_depth)", "issued + event.pipeline_depth - 1)"),
    Mutation(
        "the sweep starts when the lanes are seen empty",
        FLOWS,
        "event.pipeline_depth) + 2 + sweep_cycles(layer)",
        "event.pipeline_depth) + 1 + sweep_cycles(layer)",
    ),
    Mutation("the first word is examined a cycle earlier", CLOSED, "SCAN_FILL = 2\n", "SCAN_FILL = 1\n"),
    Mutation(
        "the last event of a FIFO of one entry takes two cycles",
        CLOSED,
        "return 1 if bits & plane[piece] != 0 else 0",
        "return 0",
    ),
    Mutation("a slot without a beat takes no cycle", PLANES, "[*cycles, 1], [*voids, 1]", "[*cycles, 0], [*voids, 1]"),
    # Scatter beat by beat.
    Mutation("a conflict of banks is missed", BEATS, "core[4] == 1, core[1] - 1", "core[4] == 9, core[1] - 1"),
    Mutation("conflicts of banks a cycle late", BEATS, "core[4] == 1, core[1] - 1", "core[4] == 1, core[1]"),
    Mutation("a word that is written is read a cycle early", BEATS, "= cycle + depth\n", "= cycle + depth - 1\n"),
    Mutation("without forwarding nothing waits", BEATS, "core[3] == 0,", "core[3] == 9,"),
    Mutation("a void slot is issued with the next one", BEATS, "issued = cycle + (found == 0)", "issued = cycle"),
    Mutation(
        "a pop frees its entry a cycle early",
        BEATS,
        "popped[slot], behind = cycle, 0\n            events",
        "popped[slot], behind = cycle - 1, 0\n            events",
    ),
    Mutation(
        "outputs come again later than they do", "mapping.reach", "(behind + ahead).min()", "(behind + ahead).min() + 7"
    ),
    # Gather entry by entry, where the FIFO has one.
    Mutation("an entry does not wait for its set of sums", BEATS, "max(cycle + 1, free)", "cycle + 1"),
    Mutation("a set is full a cycle early", BEATS, "issued + depth + 1) if", "issued + depth) if"),
    # Gather read by read.
    Mutation(
        "a set is free a cycle early",
        READS,
        "free, other_free = other_free, swept + 1\n    out[PUSHES]",
        "free, other_free = other_free, swept\n    out[PUSHES]",
    ),
    Mutation("a mark alone takes as long as an event", READS, "many = service = 1", "many, service = 1, beats"),
    Mutation("a gather's FIFO takes a push early", READS, "issued - kept + 2, entries", "issued - kept + 1, entries"),
    Mutation(
        "the sweep of a gather misses its port",
        READS,
        "(swept - sweep) * BANKS + index % banks:",
        "(swept - sweep) * BANKS + index % banks + 1:",
    ),
    Mutation("one lane pipeline stage less before a set is full", READS, "issued + core[1] + 1)", "issued + core[1])"),
    Mutation(
        "side by side, a set is free a cycle early",
        READS,
        "free, other_free = other_free, add(swept, one)",
        "free, other_free = other_free, swept",
    ),
    Mutation(
        "a word is read once more at its end",
        "mapping.fields",
        "(stop - 1) // scan_width - first",
        "stop // scan_width - first",
    ),
    Mutation("stretches are not joined", "mapping.fields", " | (start[1:] != stop[:-1])", " | True"),
    # Which outputs an event reaches.
    Mutation("an output too few at the far end", "mapping.reach", "// stride, outputs - 1)", "// stride, outputs - 2)"),
    Mutation("padding is forgotten at the near end", "mapping.reach", "- 1 - index - padding)", "- 1 - index)"),
    # Sweep and hand-over.
    Mutation("the port holds a sweep once more", "mapping.plan", "(words - 1) // depth", "words // depth"),
    Mutation("one bank costs a sweep as little as several", "mapping.plan", "(depth if banks == 1 else 1)", "1"),
    Mutation("no cycle for the hand-over", LAYER, "layer.sweep.depth + 1 + HAND_OVER", "layer.sweep.depth + 1"),
    Mutation("a reset per neuron", LAYER, "NEURON_RESET.count(spikes,", "NEURON_RESET.count(neurons,"),
    Mutation("counts are not cleared", EVENT, "kept = targets + positions", "kept = targets"),
    Mutation(
        "the classifier compares in every step",
        LAYER,
        "largest = actions.NEURON_COMPARE.count(classes,",
        "largest = actions.NEURON_COMPARE.count(neurons,",
    ),
    # Neurons.
    Mutation(
        "a comparator that is not strict",
        NEURONS,
        "o = above(v, bar)",
        "o = above(add(v, spread(1, state, vectors)), bar)",
    ),
    Mutation(
        "a leak without rounding",
        NEURONS,
        "half_bit(v, leak, fraction), half_up)",
        "half_bit(v, leak, fraction), zero)",
    ),
    Mutation(
        "a reset that leaks",
        NEURONS,
        "subtract(leaked(v, leak, fraction), choose(o, reset, zero))",
        "leaked(subtract(v, choose(o, reset, zero)), leak, fraction)",
    ),
    Mutation("no saturation upwards", NEURONS, "m = smaller(larger(u, floor), ceiling)", "m = larger(u, floor)"),
    Mutation("no saturation downwards", NEURONS, "m = smaller(larger(u, floor), ceiling)", "m = smaller(u, ceiling)"),
    Mutation("a membrane's step without rounding", NEURONS, "both(add(u, step_half), kept)", "both(u, kept)"),
    Mutation("a neuron that fires again", NEURONS, "choose(o, after, bar)", "bar"),
)


CROSSBAR_MUTATIONS = (
    Mutation("rows are full a cycle earlier", ROUNDS, "swap = load + reads + 1", "swap = load + reads"),
    Mutation("rows swap behind the last pulse", ROUNDS, "max(swap, pulse_end - 1)", "max(swap, pulse_end)"),
    Mutation("rows are loaded over those that wait", ROUNDS, "load = max(loaded, swap)", "load = loaded"),
    Mutation("a pulse starts with the swap", ROUNDS, "max(columns_free, swap + 1)", "max(columns_free, swap)"),
    Mutation("a sample is held without a circuit", ROUNDS, "sample if hold else converter_free", "sample"),
    Mutation("sums of two groups meet", ROUNDS, "max(sample, moved - 1)", "sample"),
    Mutation(
        "sums move as they are formed", ROUNDS, "max(converter_free + 1, written)", "max(converter_free, written)"
    ),
    Mutation("sums move while others are written", ROUNDS, "groups[g - 1, 1] if g > 0 else 0", "0 if g > 0 else 0"),
    Mutation("a correction stage less", ROUNDS, " + correction + 1\n", " + correction\n"),
    Mutation("a row is written as it is read", CROSSBAR, "RELOAD_FILL = 1\n", "RELOAD_FILL = 0\n"),
    Mutation("blocks do not share converters", CROSSBAR, "blocks * stage.converted)", "stage.converted)"),
    Mutation("a pool is loaded at once", CROSSBAR, "one.loaded_rows * prod(layer.shape.pool), ", "one.loaded_rows, "),
    Mutation("one column tile's lines are driven", CROSSBAR, " * len({tile.output for tile in layout.tiles})", ""),
    Mutation("no cycle for the hand-over of sums", CROSSBAR, "time[kernels.END] + HAND_OVER", "time[kernels.END]"),
    Mutation("a bit line per cell", CROSSBAR, "sampled * pim.cell_bits", "sampled"),
    Mutation("one correction for all rounds", CROSSBAR, "sum(one.input_sums for one in rounds)", "1"),
    Mutation("no lines in the padding", "simulation.schedule_source", " + padded * int(codes.shape[0])", ""),
    Mutation("a converter that never clips", CONVERTERS, "crossbar.shift, low), high)", "crossbar.shift, low), 2**40)"),
    Mutation("slices of one bit", CONVERTERS, "place * u64(crossbar.dac_bits)", "place"),
    Mutation("no reference column", CONVERTERS, "result[output] -= taken", "result[output] -= 0"),
)

ENCODER, FIRED = "simulation.schedule_encoder", "simulation.schedule_fired"
HYBRID_MUTATIONS = (
    Mutation("codes are compared as they are addressed", ENCODER, "DEPTH = 1\n", "DEPTH = 0\n"),
    Mutation("a code is compared once", ENCODER, "BOUNDS = 2\n", "BOUNDS = 1\n"),
    Mutation("step 2 is encoded beforehand", ENCODER, "cycles[:, 1:] += enc", "cycles[:, 2:] += enc"),
    Mutation("a map is one word", ENCODER, "source.write(map_words(spikes) * maps)", "source.write(maps)"),
    Mutation("the sums of step 1 are not read", LAYER, "        steps -= 1\n", "        counted.clear()\n"),
    Mutation("the sums of step 1 are there", LAYER, "elif first is not None:", "elif first is None:"),
    Mutation(
        "skipped neurons are swept", LAYER, "layer.shape.neurons * sweeps - gated", "layer.shape.neurons * sweeps"
    ),
    Mutation(
        "no comparison for the time",
        LAYER,
        "return [actions.NEURON_COMPARE.count(neurons, bits=bits), late,",
        "return [late,",
    ),
    Mutation("no time is taken off", LAYER, "bits=bits), late, largest]", "bits=bits), largest]"),
    Mutation("a neuron is skipped as it fires", FIRED, "fired.cumsum(axis=0) - fired", "fired.cumsum(axis=0)"),
    Mutation(
        "a sweep skips the neuron that it lets fire",
        FIRED,
        "total += count_spikes(known)\n        known |= spikes[:, step]",
        "known |= spikes[:, step]\n        total += count_spikes(known)",
    ),
)

PIPELINE = "simulation.kernels_schedule_pipeline"
PIPELINE_MUTATIONS = (
    Mutation("maps have one half", PIPELINE, "end[layer + 1, g - 2])", "end[layer + 1, g - 1])"),
    Mutation("maps have as many halves as are wanted", PIPELINE, "if g - 2 >= oldest and", "if g < oldest and"),
    Mutation("a layer begins before it has ended", PIPELINE, "max(start, end[layer, g - 1])", "start"),
    Mutation("sums of two samples at once", PIPELINE, "max(ready, begin) + front", "begin + front"),
)


@pytest.fixture(scope="session")
def event_layers() -> Seen:
    return [(case, run_case(case)) for case in map(made_event_case, range(64))]


@pytest.fixture(scope="session")
def crossbar_layers() -> Seen:
    """Without those that take long, which have as many groups and rounds more."""
    every = map(made_crossbar_case, range(80))
    return [(case, run_case(case)) for case in every if case.timing().cycles <= MOST_CYCLES]


@pytest.fixture(scope="session")
def hybrid_layers() -> Seen:
    every = map(made_hybrid_case, range(20))
    return [(case, run_case(case)) for case in every if case.timing().cycles <= 3 * MOST_CYCLES]


@pytest.fixture(scope="session")
def pipelines() -> list[tuple[Traced, int]]:
    """Machines, and the cycle in which the last of their samples is seen to end."""
    found = []
    for number in range(8):
        network, mapping, hardware, codes = made_pipeline(number)
        trace = execute(network, codes, numerics=mapping.numerics)
        finished = run_pipeline(network, mapping, hardware, codes).finished
        found.append(((trace, network, mapping, hardware), int(finished[-1])))
    return found


@contextmanager
def broken(mutation: Mutation, source: str) -> Iterator[None]:
    """The simulator with ``source`` in place of the mutation's module."""
    made = plain_module(mutation.real, source)
    with neurons_by(made) if mutation.module == NEURONS else in_place(mutation.real, made):
        yield


def differs(case: LayerCase, observed: Observed) -> bool:
    """Whether the comparison finds anything, with a layer placed anew by the broken simulator."""
    placed = replace(case, mapping=map_model(case.network, case.hardware))
    return not compare(placed, observed).equal


@pytest.mark.parametrize("mutation", EVENT_MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_broken_rule_of_event_cores_is_found(mutation: Mutation, event_layers: Seen) -> None:
    with broken(mutation, mutated_source(mutation)):
        assert any(differs(*seen) for seen in event_layers)


@pytest.mark.parametrize("mutation", CROSSBAR_MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_broken_rule_of_crossbars_is_found(mutation: Mutation, crossbar_layers: Seen) -> None:
    with broken(mutation, mutated_source(mutation)):
        assert any(differs(*seen) for seen in crossbar_layers)


@pytest.mark.parametrize("mutation", HYBRID_MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_broken_rule_of_input_spikes_and_of_neurons_that_fire_once_is_found(
    mutation: Mutation, hybrid_layers: Seen
) -> None:
    with broken(mutation, mutated_source(mutation)):
        assert any(differs(*seen) for seen in hybrid_layers)


@pytest.mark.parametrize("mutation", PIPELINE_MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_broken_rule_of_pipelines_is_found(mutation: Mutation, pipelines: list[tuple[Traced, int]]) -> None:
    assert all(schedule(*traced).total_cycles == seen for traced, seen in pipelines)
    with broken(mutation, mutated_source(mutation)):
        assert any(schedule(*traced).total_cycles != seen for traced, seen in pipelines)


def test_the_simulator_as_it_is_agrees(event_layers: Seen, crossbar_layers: Seen, hybrid_layers: Seen) -> None:
    for case, observed in event_layers + crossbar_layers + hybrid_layers:
        assert compare(case, observed).differences == ()


@pytest.mark.parametrize("name", sorted({mutation.module for mutation in EVENT_MUTATIONS + CROSSBAR_MUTATIONS}))
def test_unbroken_rules_agree_on_the_same_way(name: str, event_layers: Seen, crossbar_layers: Seen) -> None:
    whole = Mutation("none", name, "", "")
    with open(str(whole.real.__file__), encoding="utf-8") as file:
        source = file.read()
    with broken(whole, source):
        assert not any(differs(*seen) for seen in event_layers + crossbar_layers)

"""What fires: counted from the maps, told in reports, and fed to the papers' formulas."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import hand_made_run
import made_hybrid
import numpy as np
import pytest
from made_trace import trace_of, unpacked

from pimsim.cost.papers import hypersnn
from pimsim.model.architecture import vgg
from pimsim.model.encoding import codes_by_step, described
from pimsim.model.network import LIF, SINGLE_SPIKE, IntegerNetwork
from pimsim.report import analysis, firing, render
from pimsim.report.files import write
from pimsim.traces import Trace, single

SHAPES = [layer.shape for layer in made_hybrid.network().layers]
MACS = [shape.macs for shape in SHAPES]


def traced(network: IntegerNetwork, rate: float = 0.3) -> Trace:
    return trace_of(network, np.random.default_rng(5), 6, rate)


def test_inputs_fire_once_each_and_hidden_layers_follow() -> None:
    network = made_hybrid.network()
    trace = traced(network)
    lines = firing.firing(network, trace)
    assert [line.layer for line in lines] == ["(input)", "conv1", "conv2"]
    assert (lines[0].spikes_per_neuron, lines[0].fired_share, lines[0].twice) == (1.0, 1.0, 0)
    assert lines[0].neurons == 8 * 3 * 3


def test_figures_are_those_of_the_plain_maps() -> None:
    """Neuron by neuron: mean step = Σ t over all spikes / their number."""
    network = made_hybrid.network(kind=LIF)
    trace = traced(network)
    for index, line in enumerate(firing.firing(network, trace)[1:]):
        spikes = unpacked(trace, network, index)
        times = [t + 1 for sample in spikes for t, step in enumerate(sample) for on in step if on]
        assert line.spikes_per_neuron == len(times) / (6 * line.neurons)
        assert line.mean_step == sum(times) / len(times)
        assert line.fired_share == spikes.any(axis=1).sum() / (6 * line.neurons)
        assert line.twice is None


def test_a_layer_without_a_spike_has_no_mean_step() -> None:
    network = made_hybrid.network()
    assert [line.mean_step for line in firing.firing(network, traced(network, 0.0))[1:]] == [None, None]


@pytest.mark.parametrize("kind", [LIF, SINGLE_SPIKE])
@pytest.mark.parametrize("hybrid", [True, False])
def test_nothing_is_told_of_direct_encoding_and_neurons_that_fire_freely(hybrid: bool, kind: str) -> None:
    network = made_hybrid.network(hybrid=hybrid, kind=kind, timed=False)
    told = hybrid or kind == SINGLE_SPIKE
    assert bool(firing.firing(network, traced(network))) == told
    assert bool(described(network)) == told
    assert ("one spike per input" in described(network)) == hybrid


def test_a_timed_classifier_is_told_of_behind_any_neurons() -> None:
    assert described(made_hybrid.network(hybrid=False, kind=LIF)) == ("direct encoding, lif neurons, timed classifier")


def test_neurons_that_fired_twice_are_counted() -> None:
    """Neuron 3 of conv1 in every step of samples 1 and 4: of two occasions."""
    network = made_hybrid.network()
    trace = traced(network, 0.0)
    maps = trace.spikes[0].copy()
    maps[[1, 4], :, 0] |= 1 << 3
    lines = firing.firing(network, replace(trace, spikes=(maps, trace.spikes[1])))
    assert [line.twice for line in lines] == [0, 2, 0]
    told = sum(layer.shape.neurons for layer in network.layers[:-1]) * 6
    assert firing.firing_title(lines) == f"What fires, over all steps; neurons that fired twice: 2 of {told:,}"


@pytest.mark.parametrize(
    ("hybrid", "kind", "paper", "in_memory"),
    [
        (False, LIF, "HYPER-SNN", "ACE-SNN / IMAC"),
        (False, SINGLE_SPIKE, "single-spike HYPER-SNN (ours)", "single-spike ACE-SNN / IMAC (ours)"),
        (True, SINGLE_SPIKE, "single-spike hybrid", "hybrid ACE-SNN / IMAC (ours)"),
        (True, LIF, "hybrid encoding (ours)", "hybrid ACE-SNN / IMAC (ours)"),
    ],
)
def test_each_formula_names_its_paper_or_itself_as_ours(hybrid: bool, kind: str, paper: str, in_memory: str) -> None:
    """E = F_1 · 0.26 (+ F_1 · 0.02 where every input fires once) + Σ F_l ζ_(l−1) · 0.02 pJ."""
    network = made_hybrid.network(hybrid=hybrid, kind=kind)
    rates = firing.spike_rates(network, traced(network))
    found = analysis.analyse(SHAPES, rates)
    assert {figure.paper for figure in found.figures} == {paper, in_memory}
    first = MACS[0] * (0.28 if hybrid else 0.26)
    energy = first + sum(macs * zeta * 0.02 for macs, zeta in zip(MACS[1:], rates.neurons, strict=True))
    assert found.value("snn6_energy_previous_pj") == pytest.approx(energy)
    assert found.value("over_ann6_previous") == pytest.approx(sum(MACS) * 0.26 / energy)
    assert found.value("ceiling_ann32") == pytest.approx(sum(MACS) * 3.2 / first)
    digital = analysis.digital_snn_energy(SHAPES, rates)
    assert (digital.paper, digital.incoming_pj) == (paper, pytest.approx(energy))
    assert analysis.pim_snn_energy(SHAPES, rates).paper == in_memory


def test_a_layer_of_neurons_that_fire_freely_makes_the_formula_ours() -> None:
    rates = analysis.SpikeRates((0.5, 1.5), inputs=1.0, once=(True, False))
    assert rates.paper == "hybrid encoding (ours)"
    direct = replace(rates, inputs=0.0)
    assert (direct.paper, direct.pim_paper) == ("single-spike HYPER-SNN (ours)", "single-spike ACE-SNN / IMAC (ours)")


def test_hybrid_networks_are_compared_at_one_width_as_their_paper_does() -> None:
    """32 bit: 3.2 and 0.1 pJ.  With no hidden spike ΣF · 3.2 / (F_1 · 3.3)."""
    found = analysis.analyse(SHAPES, analysis.SpikeRates((0.25, 0.5), inputs=1.0, once=(True, True)))
    energy = MACS[0] * 3.3 + (MACS[1] * 0.25 + MACS[2] * 0.5) * 0.1
    assert found.value("same_width_previous") == pytest.approx(sum(MACS) * 3.2 / energy)
    assert found.value("ceiling_same_width") == pytest.approx(sum(MACS) * 3.2 / (MACS[0] * 3.3))
    with pytest.raises(KeyError):
        found.value("rate_for_125")  # its first layer alone has too large a share
    direct = analysis.analyse(SHAPES, analysis.SpikeRates((0.25, 0.5)))
    with pytest.raises(KeyError):
        direct.value("same_width_previous")


def test_the_rate_for_the_papers_ratio_is_that_of_vgg16() -> None:
    """125 × on VGG-16 and 100 classes: the formula takes 0.084 spikes per hidden neuron where every pixel fires."""
    shapes = vgg("vgg16", 100).layers
    rates = analysis.SpikeRates((0.084,) * 15, inputs=1.0, once=(True,) * 15)
    found = analysis.analyse(shapes, rates)
    assert found.value("rate_for_125") == pytest.approx(0.084, abs=5e-4)
    assert found.value("same_width_own") == pytest.approx(125, rel=5e-3)
    energies = hypersnn.TABLE_V[32]
    needed = analysis.SpikeRates((found.value("rate_for_125"),) * 15, inputs=1.0, once=(True,) * 15)
    macs = [shape.macs for shape in shapes]
    assert hypersnn.ann_energy_pj(macs, energies) / needed.energy_pj(macs, energies, "own") == pytest.approx(125)


def test_a_run_that_tells_what_fires_writes_it_and_takes_it_away_again(tmp_path: Path) -> None:
    network = made_hybrid.network()
    lines = firing.firing(network, traced(network))
    plain = hand_made_run.result()
    write(replace(plain, firing=lines, encoding=described(network)), tmp_path)
    rows = list(csv.DictReader((tmp_path / "firing.csv").read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == [*firing.COLUMNS, *(f"spikes_per_neuron_step_{step}" for step in (1, 2, 3, 4))]
    assert [row["fired_twice"] for row in rows] == ["0", "0", "0"]
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8")) == plain.document
    write(plain, tmp_path)
    assert not (tmp_path / "firing.csv").exists()


def test_the_report_says_how_a_network_is_encoded_and_that_none_fired_twice() -> None:
    network = made_hybrid.network()
    lines = firing.firing(network, traced(network))
    told = render.text(replace(hand_made_run.result(), firing=lines, encoding=described(network)), 100)
    assert "hybrid encoding (codes at step 1, one spike per input at steps 2 … 4), single_spike neurons, timed" in told
    occasions = 6 * sum(layer.shape.neurons for layer in network.layers[:-1])
    assert f"neurons that fired twice: 0 of {occasions:,}" in told
    assert max(map(len, told.splitlines())) <= 100


def test_samples_in_parts_add_up_to_all_of_them() -> None:
    network = made_hybrid.network()
    trace = traced(network)
    parts = [firing.firing(network, single(trace, sample)) for sample in range(trace.samples)]
    assert tuple(reduce(add, lines) for lines in zip(*parts, strict=True)) == firing.firing(network, trace)


def test_every_code_fires_at_one_step_brighter_ones_earlier() -> None:
    """T = 4, low 8, high 56: T_i = round(4 − 2 (q − 8) / 48): 2 from q = 45, 3 from 21 on; halves (20, 44) round up."""
    assert codes_by_step(made_hybrid.network()) == {2: "45-63", 3: "21-44", 4: "0-20"}
    assert codes_by_step(made_hybrid.network(hybrid=False)) == {}

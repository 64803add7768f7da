"""What a run is given: a recording that its network cannot have made is refused by the name of its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import made_hybrid
import numpy as np
import pytest
from made_trace import trace_of

from pimsim.errors import TraceError
from pimsim.model import network_hash
from pimsim.report.inputs import resolve
from pimsim.traces import Trace, save_trace

HYBRID = made_hybrid.changed(made_hybrid.images())


@pytest.fixture(scope="module")
def recorded() -> Trace:
    return replace(trace_of(HYBRID, np.random.default_rng(2), 3, 0.3), model_hash=network_hash(HYBRID))


def refused(trace: Trace, folder: Path) -> str:
    save_trace(trace, folder / "made.npz")
    with pytest.raises(TraceError) as caught:
        resolve(HYBRID, network_hash(HYBRID), folder / "made.npz", None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_recording_of_the_network_is_taken(recorded: Trace, tmp_path: Path) -> None:
    save_trace(recorded, tmp_path / "made.npz")
    assert resolve(HYBRID, network_hash(HYBRID), tmp_path / "made.npz", 2).samples == 2


def test_a_recording_in_which_a_neuron_fires_twice_is_refused(recorded: Trace, tmp_path: Path) -> None:
    maps = recorded.spikes[0].copy()
    maps[1, 0, 0] |= 1
    maps[1, 3, 0] |= 1  # neuron 0 of sample 1 in steps 1 and 4
    message = refused(replace(recorded, spikes=(maps, *recorded.spikes[1:])), tmp_path)
    assert message.startswith("made.npz: ")
    assert 'layer "conv1"' in message


def test_a_recording_of_other_input_spikes_is_refused(recorded: Trace, tmp_path: Path) -> None:
    assert recorded.input_spikes is not None
    spikes = recorded.input_spikes.copy()
    spikes[2, 1, 0] ^= 1
    assert refused(replace(recorded, input_spikes=spikes), tmp_path).startswith("made.npz: ")

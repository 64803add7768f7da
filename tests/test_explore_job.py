"""What an exploration needs, loaded before anything runs, and what is said of what cannot be used."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import made_inputs
import made_space
import numpy as np
import pytest

from pimsim.errors import ExplorationError, MissingFileError
from pimsim.explore.effects import VALUES, effect_of
from pimsim.explore.job import Job, prepare
from pimsim.explore.space_load import space_from_dict
from pimsim.hardware import load_hardware
from pimsim.mapping import layer_numerics
from pimsim.report.inputs import Samples
from pimsim.resources import COST_TABLE, HARDWARE, find
from pimsim.traces import Trace

Prepared = Callable[..., Job]
RAW: dict[str, object] = {"format": 1, "name": "small", "hardware": "pim45nm", "models": "made.npz"}


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    made_space.write_files(tmp_path)
    return lambda **changes: prepare(space_from_dict({**RAW, "inputs": "trace.npz", **changes}, folder=tmp_path))


def test_all_that_points_may_name_is_loaded(prepared: Prepared) -> None:
    job = prepared(
        hardware=["pim45nm", "pim65nm"],
        models=["made.npz", "cnn3d_6b"],
        inputs={"made.npz": "field.npy"},
        samples=4,
        axes={
            "cost.table": {"values": ["28nm", "45nm"], "when": {"hardware": "pim45nm"}},
            "node": {"choices": {"other": {"cost.table": "45nm_hypersnn"}}, "when": {"hardware": "pim65nm"}},
        },
    )
    assert set(job.tables) == {"45nm", "65nm_imac", "28nm", "45nm_hypersnn"}
    assert {name: table.name for name, table in job.tables.items()} == {name: name for name in job.tables}
    assert isinstance(job.source("made.npz", "field.npy").content, Samples)
    assert isinstance(job.source("cnn3d_6b", None).content, Trace)
    assert {job.source(name, given).samples for name in job.models for given in job.models[name].sources} == {4}
    assert job.input_name("cnn3d_6b", None) == "cnn3d_indian_pines"
    assert job.input_name("made.npz", "field.npy") == "field.npy"
    assert (job.models["made.npz"].cnn is None, job.models["cnn3d_6b"].cnn is None) == (True, False)
    assert job.origins == {"pim45nm": "pim45nm.yaml", "pim65nm": "pim65nm.yaml"}


def test_a_table_that_every_point_replaces_is_not_needed(prepared: Prepared, tmp_path: Path) -> None:
    own = find(HARDWARE, "pim45nm").read_text().replace("table: 45nm", "table: nowhere")
    (tmp_path / "own.yaml").write_text(own)
    assert list(prepared(hardware="own.yaml", set={"cost.table": "28nm"}).tables) == ["28nm"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"inputs": "nowhere.npz"}, MissingFileError, 'space "small": inputs: "nowhere.npz": trace "nowhere.npz" does'),
        ({"inputs": None}, MissingFileError, 'space "small": inputs: no trace of this model'),
        ({"inputs": "cnn3d_indian_pines"}, ExplorationError, r'inputs: "cnn3d_indian_pines": .*from model'),
        ({"models": "broken.npz"}, ExplorationError, 'space "small": models: "broken.npz": '),
        ({"samples": 13}, ExplorationError, r'inputs: "trace.npz": trace.npz: samples=13 is outside 1 … 12'),
        ({"set": {"cost.table": "46nm"}}, MissingFileError, r'set.cost.table: cost table "46nm.* did you mean "45nm'),
        ({"axes": {"cost.table": ["45nm", "x"]}}, MissingFileError, r'axes.cost.table=x: .*cost table "x'),
        ({"axes": {"t": {"choices": {"a": {"cost.table": "y"}}}}}, MissingFileError, r'axes.t=a: .*cost table "y'),
        ({"hardware": "own.yaml"}, MissingFileError, r'hardware "own.yaml": cost: cost table "nowhere'),
        ({"hardware": "bad.yaml"}, ExplorationError, r'hardware "bad.yaml": cost: bad_table: .*entrees'),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_runs(
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    machine = find(HARDWARE, "pim45nm").read_text()
    (tmp_path / "own.yaml").write_text(machine.replace("table: 45nm", "table: nowhere"))
    (tmp_path / "bad.yaml").write_text(machine.replace("table: 45nm", "table: bad_table"))
    (tmp_path / "bad_table").write_text(find(COST_TABLE, "45nm").read_text().replace("entries:", "entrees:"))
    (tmp_path / "broken.npz").write_bytes(b"no model")
    with pytest.raises(error, match=message) as raised:
        prepared(**changes)
    assert "\n" not in str(raised.value)


def test_identity_follows_contents(prepared: Prepared, tmp_path: Path) -> None:
    """Another weight, pixel, price or key is another job; a pickle of one is the same."""
    (tmp_path / "own.yaml").write_text(find(HARDWARE, "pim45nm").read_text())
    given: dict[str, object] = {"hardware": "own.yaml", "inputs": "field.npy"}
    before = prepared(**given)
    assert set(before.hashes) == {"models", "inputs", "hardware", "tables"}
    assert prepared(**given).id == before.id == pickle.loads(pickle.dumps(before)).id
    assert prepared(**given, samples=3).id != before.id
    (tmp_path / "own.yaml").write_text(find(HARDWARE, "pim45nm").read_text() + "\n# another comment\n")
    assert prepared(**given).hashes == before.hashes
    changed = {}
    (tmp_path / "own.yaml").write_text(find(HARDWARE, "pim45nm").read_text().replace("lanes: 42", "lanes: 43"))
    changed["hardware"] = prepared(**given).hashes
    (tmp_path / "own.yaml").write_text(find(HARDWARE, "pim45nm").read_text())
    pixels = np.load(tmp_path / "field.npy")
    pixels[0, 1, 2] += 500
    np.save(tmp_path / "field.npy", pixels)
    changed["inputs"] = prepared(**given).hashes
    for kind, hashes in changed.items():
        assert {name for name in hashes if hashes[name] != before.hashes[name]} == {kind}
    assert prepared(**given).id != before.id
    (tmp_path / "other.npz").rename(tmp_path / "made.npz")
    assert prepared(**given).hashes["models"] != before.hashes["models"]


def test_identity_follows_every_node_scaling_of_a_table(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point may choose one with ``cost.node_scaling`` that is not the table's own."""
    monkeypatch.chdir(tmp_path)
    own = find(COST_TABLE, "28nm").read_text()
    assert "own: stillmaker_baas" in own
    before, _, cacti = own.partition("    cacti:")
    hashes = []
    for text in (own, f"{before}    cacti:{cacti.replace('value: [', 'value: [0.9, 0.9, 0.9] #', 1)}"):
        Path("own.yaml").write_text(text)
        hashes.append(prepared(set={"cost.table": "own.yaml"}).hashes)
    assert {kind for kind in hashes[0] if hashes[0][kind] != hashes[1][kind]} == {"tables"}


KEYS = {
    "pim45nm": {
        "rows": 512, "columns": 128, "arrays": 7, "pulse_cycles": 3, "adc_cycles": 9, "sample_and_hold": True,
        "input_port_codes": 5, "correction_depth": 5, "copies_in_array": "shifted", "neuron_lanes": 3, "sweep_depth": 9,
        "outputs_per_adc": 2, "dac_bits": 3, "adc_bits": 7, "products_per_conversion": 6,
    },
    "pim45nm_bitserial": {
        "rows": 512, "columns": 128, "arrays": 7, "columns_per_adc": 4, "rows_active": 20, "adc_bits": 6,
        "weight_encoding": "differential", "cell_bits": 2, "dac_bits": 2,
    },
}  # fmt: skip
"""Other values of keys of a crossbar."""
EVENT_KEYS = {
    "dataflow": "gather", "lanes": 7, "scan_width": 32, "fifo_depth": 3, "pipeline_depth": 5, "sweep_depth": 7,
    "membrane_ports": 1, "membrane_banks": 3, "forwarding": False,
}  # fmt: skip
NOISE = {"engines.pim.numerics.adc_gain_sigma_ratio": 0.01, "engines.pim.numerics.adc_full_scale_lsb": 100}


@pytest.mark.parametrize("hardware", sorted(KEYS))
@pytest.mark.parametrize("noisy", [False, True])
def test_keys_that_are_said_to_leave_values_alone_do(hardware: str, noisy: bool) -> None:
    """A plan counts executions by the others, and a grid walks them slowest."""
    network = made_inputs.network()
    base = NOISE if noisy else {}
    before = layer_numerics(network, load_hardware(hardware, base))
    others = {f"engines.pim.{key}": value for key, value in KEYS[hardware].items()}
    others |= {f"engines.event.{key}": value for key, value in EVENT_KEYS.items()}
    others |= {"schedule": "pipelined", "order": "layer_major", "clock_gating": "none", "memories.macro_kib": 3}
    others |= {"clock_mhz": 5, "cost.device": "hp", "cost.table": "28nm"}
    changing = set()
    for path, value in others.items():
        if layer_numerics(network, load_hardware(hardware, {**base, path: value})) != before:
            changing.add(path)
    assert changing <= {path for path in others if effect_of(path) == VALUES}
    assert changing if noisy else True

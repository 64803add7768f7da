"""Trace files: what was saved comes back, belongs to one model, and everything else is one clear line."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Case, cases, numerics

from pimsim.errors import MissingFileError, OutputError, TraceError
from pimsim.model import network_hash
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.model.reference import run
from pimsim.traces import (
    Trace,
    check_belongs,
    holds_for,
    load_trace,
    pack_spikes,
    save_trace,
    select,
    trace_hash,
    unpack_spikes,
)


def record(case: Case, widths: tuple[LayerNumerics, ...] | None = None) -> Trace:
    """The trace of a case, from the dense reference."""
    widths = widths or (LayerNumerics(42, 42),) * len(case.network.layers)
    result = run(case.network, case.inputs, widths)
    return Trace(
        model_hash=network_hash(case.network),
        inputs=case.inputs,
        spikes=tuple(pack_spikes(spikes) for spikes in result.spikes),
        outputs=result.outputs,
        labels=case.labels,
        membrane_low=result.membrane_low,
        membrane_high=result.membrane_high,
        saturations=result.saturations,
        numerics=tuple(width.as_mapping() for width in widths),
        provenance={"scene": "made up", "attribution": "© nobody"},
    )


def belongs(trace: Trace, network: IntegerNetwork, **changes: Any) -> None:
    shapes = network.architecture.layers
    values: dict[str, Any] = {
        "model_hash": network_hash(network),
        "input_shape": network.architecture.input_shape,
        "input_bits": network.input.bits,
        "steps": network.time_steps,
        "neurons": [shape.neurons for shape in shapes[:-1]],
        "classes": network.classes,
    }
    check_belongs(trace, **(values | changes))


def equal(a: Trace, b: Trace) -> bool:
    arrays = ("inputs", "outputs", "labels", "membrane_low", "membrane_high", "saturations")
    return (
        all(np.array_equal(getattr(a, key), getattr(b, key)) for key in arrays)
        and all(np.array_equal(x, y) for x, y in zip(a.spikes, b.spikes, strict=True))
        and (a.model_hash, a.numerics, a.provenance, a.recorded_samples)
        == (b.model_hash, b.numerics, b.provenance, b.recorded_samples)
        and a.inputs.dtype == b.inputs.dtype
    )


@settings(max_examples=40, deadline=None)
@given(cases(), st.data())
def test_a_saved_trace_comes_back_equal_and_its_file_is_the_same_every_time(
    tmp_path_factory: pytest.TempPathFactory, case: Case, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("traces")
    trace = record(case, data.draw(numerics(case.network)))
    save_trace(trace, folder / "a.npz")
    loaded = load_trace(folder / "a.npz")
    assert equal(trace, loaded)
    assert trace_hash(trace) == trace_hash(loaded)
    belongs(loaded, case.network)
    save_trace(loaded, folder / "b.npz")
    assert (folder / "a.npz").read_bytes() == (folder / "b.npz").read_bytes()


@settings(max_examples=40, deadline=None)
@given(cases())
def test_packed_spikes_are_one_bit_per_neuron_in_scan_order(case: Case) -> None:
    for spikes in run(case.network, case.inputs).spikes:
        packed, neurons = pack_spikes(spikes), spikes[0, 0].size
        assert packed.shape == (*spikes.shape[:2], -(-neurons // 8))
        flat = spikes[0, 0].ravel()  # depth, height, width, channel
        assert [int(packed[0, 0, i // 8]) >> (i % 8) & 1 for i in range(neurons)] == flat.tolist()
        assert (unpack_spikes(packed, spikes.shape[2:]) == spikes).all()


@settings(max_examples=30, deadline=None)
@given(cases(max_samples=4), st.data())
def test_a_part_is_the_first_samples_and_keeps_the_recordings_statistics(case: Case, data: st.DataObject) -> None:
    trace = record(case)
    count = data.draw(st.integers(1, trace.samples))
    part = select(trace, count)
    assert part.samples == count
    assert part.recorded_samples == trace.samples
    assert (part.inputs == trace.inputs[:count]).all()
    assert (part.predictions == run(case.network, case.inputs[:count]).predictions).all()
    assert (part.membrane_low == trace.membrane_low).all()
    belongs(part, case.network)


@settings(max_examples=60, deadline=None)
@given(cases(max_samples=2), st.data())
def test_a_trace_that_holds_for_other_widths_is_what_they_would_have_computed(case: Case, data: st.DataObject) -> None:
    first, second = data.draw(numerics(case.network)), data.draw(numerics(case.network))
    trace, other = record(case, first), record(case, second)
    if holds_for(trace, other.numerics):
        assert all(np.array_equal(a, b) for a, b in zip(trace.spikes, other.spikes, strict=True))
        assert (trace.outputs == other.outputs).all()
    assert holds_for(trace, trace.numerics)


def small(**changes: Any) -> Trace:
    """2 samples, 3 steps, layers of 9 and 4 neurons, 3 classes."""
    width = {"accumulator_bits": 20, "membrane_bits": 8, "crossbar": ""}
    rng = np.random.default_rng(3)
    values: dict[str, Any] = {
        "model_hash": "ab" * 32,
        "inputs": rng.integers(0, 16, (2, 1, 4, 2, 2)).astype(np.uint8),
        "spikes": (rng.integers(0, 2, (2, 3, 2)).astype(np.uint8), rng.integers(0, 16, (2, 3, 1)).astype(np.uint8)),
        "outputs": rng.integers(-9, 9, (2, 3)),
        "labels": np.array([2, -1]),
        "membrane_low": np.array([-100, -128, -9]),
        "membrane_high": np.array([50, 127, 900]),
        "saturations": np.zeros(3, np.int64),
        "numerics": (width, width, width),
    }
    return Trace(**(values | changes))


def widths(**changes: int | str) -> tuple[dict[str, int | str], ...]:
    return tuple({**width, **changes} for width in small().numerics)


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        (widths(), True),
        (widths(membrane_bits=16), True),
        (widths(membrane_bits=7), False),  # −128 does not fit
        (widths(accumulator_bits=11), True),  # the classifier's 900 fits in 11 bits
        (widths(accumulator_bits=10), False),
        (widths(crossbar="bit_serial:64:6"), False),
        (widths()[:2], False),
        (widths(membrane_shift=0, membrane_half_up=0, leak_terms=0), True),  # what a missing key stands for
        (widths(membrane_shift=1), False),  # other values, though they would fit
        (widths(leak_terms=2), False),
    ],
)
def test_a_trace_holds_for_words_that_its_extremes_fit(given: tuple[dict[str, int | str], ...], holds: bool) -> None:
    assert holds_for(small(), given) is holds


def test_a_recording_in_steps_holds_for_other_words_of_the_same_step() -> None:
    """Steps of 4, half up: −128 … 900 are (−128 + 2) >> 2 = −32 … (900 + 2) >> 2 = 225, which takes 9 bits."""
    steps = {"membrane_shift": 2, "membrane_half_up": 1}
    trace = small(
        numerics=widths(**steps, membrane_bits=16), membrane_low=np.full(3, -128), membrane_high=np.array([900, 0, 0])
    )
    assert holds_for(trace, widths(**steps, membrane_bits=9))
    assert not holds_for(trace, widths(**steps, membrane_bits=8))
    assert not holds_for(trace, widths(membrane_shift=2, membrane_bits=9))


@pytest.mark.parametrize(
    ("rows", "bits", "name"), [(0, 0, ""), (64, 5, "bit_serial:64:5"), (64, 0, None), (-1, -1, None)]
)
def test_files_from_before_crossbars_had_names_are_read(tmp_path: Path, rows: int, bits: int, name: str | None) -> None:
    """They state rows and bits of a clipping converter, both 0 for exact sums."""
    save_trace(small(), tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as archive:
        parts = dict(archive)
    head = json.loads(bytes(parts.pop("header")))
    for layer in head["layers"]:
        del layer["crossbar"]
        layer |= {"adc_rows": rows, "adc_bits": bits}
    np.savez(tmp_path / "old.npz", header=np.array(json.dumps(head)), **parts)
    if name is None:
        with pytest.raises(TraceError, match="must both be 0 or both be above 0"):
            load_trace(tmp_path / "old.npz")
    else:
        assert load_trace(tmp_path / "old.npz").numerics == widths(crossbar=name)


@pytest.mark.parametrize("name", ["bit_serial:64", "ab", "ab" * 32, "ab" * 32 + ":1:-1"])
def test_a_crossbar_without_a_proper_name_is_refused(name: str) -> None:
    with pytest.raises(TraceError, match="is not the name of a crossbar's values"):
        small(numerics=widths(crossbar=name))


def test_a_recording_that_saturated_holds_for_its_own_widths_only() -> None:
    trace = small(saturations=np.array([0, 4, 0]))
    assert holds_for(trace, widths())
    assert not holds_for(trace, widths(membrane_bits=16))


def test_the_hash_is_of_everything_but_the_provenance() -> None:
    base = small()
    flipped = base.inputs.copy()
    flipped.flat[0] ^= 1
    others = [
        small(inputs=flipped),
        small(labels=np.array([2, 1])),
        small(outputs=base.outputs + 1),
        small(spikes=(base.spikes[0] ^ 1, base.spikes[1])),
        small(membrane_low=base.membrane_low - 1),
        small(numerics=widths(membrane_bits=9)),
        small(model_hash="cd" * 32),
    ]
    assert len({trace_hash(trace) for trace in [base, *others]}) == len(others) + 1
    assert trace_hash(small(provenance={"a": 1})) == trace_hash(base)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_hash": "0" * 64}, "was recorded from model abababababab…, this is model 000000000000…"),
        ({"input_shape": (1, 5, 2, 2)}, "inputs: 1×4×2×2, the model has 1×5×2×2"),
        ({"steps": 4}, "spikes.0: 3×2, the model has 4×2"),
        ({"neurons": [9, 4, 4]}, "hidden layers: 2, the model has 3"),
        ({"neurons": [17, 4]}, "spikes.0: 3×2, the model has 3×3"),
        ({"neurons": [9, 3]}, "spikes.1: bits beyond the last of 3 neurons are set"),
        ({"classes": 2}, "outputs: 3, the model has 2"),
        ({"input_bits": 1}, "exceeds 1, the largest of the model's 1 bits"),
    ],
)
def test_a_trace_of_another_model_is_refused(changes: dict[str, Any], words: str) -> None:
    values: dict[str, Any] = {"model_hash": "ab" * 32, "input_shape": (1, 4, 2, 2), "steps": 3, "neurons": [9, 4]}
    values |= {"classes": 3, "input_bits": 8}
    spikes = (np.ones((2, 3, 2), np.uint8), np.full((2, 3, 1), 15, np.uint8))
    check_belongs(small(spikes=spikes), **values)
    with pytest.raises(TraceError, match=words):
        check_belongs(small(spikes=spikes), **(values | changes))


@pytest.mark.parametrize("count", [0, -1, 3])
def test_a_part_of_no_or_too_many_samples_is_refused(count: int) -> None:
    with pytest.raises(TraceError, match=rf"samples={count} is outside 1 … 2"):
        select(small(), count)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": np.zeros((0, 1, 4, 2, 2), np.uint8)}, "empty: it holds 0 samples"),
        ({"inputs": np.zeros((2, 4, 2, 2), np.uint8)}, "inputs: expected shape"),
        ({"inputs": np.zeros((2, 1, 0, 2, 2), np.uint8)}, "empty axis"),
        ({"inputs": np.zeros((2, 1, 4, 2, 2))}, "inputs: expected unsigned integers, got float64"),
        ({"spikes": ()}, "no hidden layer"),
        ({"spikes": (np.zeros((2, 3), np.uint8),) * 2}, "spikes.0: expected shape"),
        ({"spikes": (np.zeros((3, 3, 2), np.uint8),) * 2}, "spikes.0: expected shape"),
        ({"spikes": (np.zeros((2, 3, 2), np.uint8), np.zeros((2, 4, 2), np.uint8))}, "spikes.1: expected shape"),
        ({"spikes": (np.zeros((2, 3, 2), np.uint16),) * 2}, "spikes.0: expected uint8, got uint16"),
        ({"outputs": np.zeros((3, 3), np.int64)}, "outputs: expected shape"),
        ({"labels": np.array([1])}, "labels: expected shape"),
        ({"labels": np.array([3, 0])}, "labels: 3 is outside −1 … 2"),
        ({"labels": np.array([0, -2])}, "labels: -2 is outside"),
        ({"membrane_low": np.array([-1, -1])}, "membrane_low: expected shape"),
        ({"membrane_low": np.array([51, 0, 0])}, r"membrane_low\[0\]=51 is above membrane_high\[0\]=50"),
        ({"saturations": np.array([0, 0, -1])}, r"saturations\[2\]=-1"),
        ({"numerics": widths()[:2]}, "numerics: 2 entries for 3 layers"),
        ({"numerics": ({"membrane_bits": 6},) * 3}, r"layers\[0\]: keys membrane_bits, expected"),
        ({"numerics": widths(spike_crossbar="bit_serial:9:2")}, r"layers\[0\].spike_crossbar: a first layer has it"),
        ({"numerics": widths(membrane_bits=0)}, r"layers\[0\].membrane_bits=0"),
        ({"model_hash": "xyz"}, "model_hash='xyz'"),
        ({"recorded": 1}, "recorded=1 is less than the 2 samples"),
    ],
)
def test_a_trace_that_contradicts_itself_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TraceError, match=words):
        small(**changes)


# Damaged and foreign files

Damage = Callable[[dict[str, Any], dict[str, Any]], object]


def put(*keys: Any) -> Damage:
    def damage(head: dict[str, Any], _: dict[str, Any]) -> None:
        target: Any = head
        for key in keys[:-2]:
            target = target[key]
        target[keys[-2]] = keys[-1]

    return damage


def array(name: str, change: Callable[[Any], Any]) -> Damage:
    def damage(_: dict[str, Any], parts: dict[str, Any]) -> None:
        parts[name] = change(parts[name])

    return damage


HOSTILE: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "a model": (put("format", "pimsim-model"), ("header.format", "pimsim-trace", "pimsim-model")),
    "other version": (put("version", 9), ("header.version", "9")),
    "unknown key": (put("sample", 1), ("header.sample", "unknown key")),
    "unknown layer key": (put("layers", 0, "bits", 1), ("header.layers[0].bits", "unknown key")),
    "no hash": (lambda head, _: head.pop("model_hash"), ("header.model_hash", "missing")),
    "no width": (lambda head, _: head["layers"][1].pop("membrane_bits"), ("header.layers[1].membrane_bits", "missing")),
    "no samples": (put("samples", 0), ("header.samples", "0 is outside 1")),
    "no steps": (put("steps", 0), ("header.steps", "0 is outside 1")),
    "more samples": (put("samples", 3), ('"inputs"', "(3, 1, 4, 2, 2)", "(2, 1, 4, 2, 2)")),
    "samples as text": (put("samples", "2"), ("header.samples", "integer")),
    "absurd samples": (put("samples", 2**30), ('"inputs"', "elements")),
    "fewer recorded than samples": (put("recorded_samples", 1), ("recorded=1", "2 samples")),
    "negative shape": (put("input_shape", [1, -4, 2, 2]), ("header.input_shape", "-4")),
    "a layer too few": (lambda head, _: head["layers"].pop(), ("membrane_low", "(3)")),
    "a layer's bytes missing": (put("spike_bytes", [2]), ("spikes.1", "no such array")),
    "bytes as text": (put("spike_bytes", ["2", 1]), ("header.spike_bytes",)),
    "huge extreme": (put("layers", 0, "membrane_high", 2**63), ("layers[0].membrane_high", "64-bit")),
    "spikes missing": (lambda _, parts: parts.pop("spikes.1"), ('"spikes.1"', "missing")),
    "array surplus": (lambda _, parts: parts.update(rates=np.zeros(2)), ("rates", "no such array")),
    "float spikes": (array("spikes.0", lambda a: a.astype(float)), ('"spikes.0"', "unsigned", "float64")),
    "wide inputs": (array("inputs", lambda a: a.astype(np.uint32)), ('"inputs"', "uint16", "uint32")),
    "float outputs": (array("outputs", lambda a: a + 0.5), ('"outputs"', "signed", "float64")),
    "labels as text": (array("labels", lambda a: a.astype(str)), ('"labels"', "signed")),
    "label beyond": (array("labels", lambda a: a + 7), ("labels", "9 is outside")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_wrong_file_gives_one_line_with_file_key_value_and_limit(name: str, tmp_path: Path) -> None:
    damage, words = HOSTILE[name]
    save_trace(small(), tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as archive:
        parts = {key: archive[key] for key in archive}
    head = json.loads(bytes(parts.pop("header")))
    damage(head, parts)
    path = tmp_path / "wrong.npz"
    np.savez(path, header=np.array(json.dumps(head)), **parts)
    with pytest.raises(TraceError) as caught:
        load_trace(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert message.count(str(path)) == 1
    for word in words:
        assert word in message
    assert isinstance(caught.value, ValueError)


def test_what_is_no_archive_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"spikes")
    with pytest.raises(TraceError, match=r"not an \.npz archive"):
        load_trace(tmp_path / "a.npz")
    with pytest.raises(TraceError, match="not a regular file"):
        load_trace(tmp_path)
    with pytest.raises(MissingFileError, match="no such file"):
        load_trace(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", x=np.zeros(3))
    with pytest.raises(TraceError, match='"header": missing'):
        load_trace(tmp_path / "c.npz")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    save_trace(small(), tmp_path / "a.npz")
    data = bytearray((tmp_path / "a.npz").read_bytes())
    central = data.index(b"PK\x01\x02")
    for offset in (6, central + 8):  # general purpose flags: bit 0 is encryption
        flags = struct.unpack_from("<H", data, offset)[0]
        struct.pack_into("<H", data, offset, flags | 1)
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(TraceError, match=r"header.*encrypted"):
        load_trace(tmp_path / "a.npz")


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_or_truncated_file_is_refused_or_reads_as_before(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.npz"
    save_trace(small(), path)
    damaged = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        found = trace_hash(load_trace(path))  # a flipped date or attribute changes nothing that is read
    except TraceError as problem:
        found = str(problem)
    assert found == trace_hash(small()) or found.startswith(str(path))
    assert "\n" not in found


def test_numpy_reads_the_file_without_pickles(tmp_path: Path) -> None:
    save_trace(small(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert list(archive) == ["header", "inputs", "spikes.0", "spikes.1", "outputs", "labels"]
        assert archive["spikes.0"].dtype == np.uint8
    with zipfile.ZipFile(io.BytesIO((tmp_path / "a.npz").read_bytes())) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_an_unwritable_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        save_trace(small(), tmp_path / "file" / "a.npz")
    with pytest.raises(TraceError, match="JSON"):
        save_trace(replace(small(), provenance={"a": float("inf")}), tmp_path / "a.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

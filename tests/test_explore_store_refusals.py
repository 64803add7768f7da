"""Folders that an exploration must not write to or go on in, and disks that do not take it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow")

from made_exploration import COLUMNS, IDENTITY, contents, made_rows, with_axes

from pimsim.archive import writer
from pimsim.errors import ExplorationError, OutputError
from pimsim.explore import folder_lock, identity
from pimsim.explore.identity import Columns, Identity
from pimsim.explore.store import Store

MANY = [float(value) for value in range(100, 140)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An exploration that was left in the middle."""
    made = tmp_path / "run"
    with Store.create(made, IDENTITY, COLUMNS) as running:
        running.add(0, made_rows(0, 5))
    return made


CHANGES: list[tuple[Identity, str]] = [
    (replace(IDENTITY, method="grid"), 'method is "grid", it began with "random"'),
    (replace(IDENTITY, seed=None), "seed is null, it began with 1"),
    (replace(IDENTITY, settings={"generation": 32}), "settings.generation is 32, it began with 16"),
    (with_axes(clock_mhz=[100.0, 101.0]), "space: axes.clock_mhz is [100.0, 101.0], it began with [100.0, 100.5]"),
    (with_axes(lanes=[8]), "space: axes.lanes is new"),
    (with_axes(clock_mhz=None), "space: axes.clock_mhz is missing"),
    (
        replace(IDENTITY, space={**IDENTITY.space, "axes": dict(reversed(IDENTITY.space["axes"].items()))}),
        "space: axes: keys stand in another order",
    ),
    (
        replace(IDENTITY, space={**IDENTITY.space, "constraints": ["area <= 2e6"]}),
        'space: constraints is ["area <= 2e6"], it began with ["area <= 3e6"]',
    ),
    (with_axes(mixed={"values": [1, True]}), 'space: axes.mixed.values is [1, true], it began with [1, "auto"]'),
    (replace(IDENTITY, models={"cnn3d_6b": "x"}), 'model "cnn3d_6b" has changed since it began'),
    (replace(IDENTITY, inputs={"cnn3d_indian_pines": "x"}), 'input "cnn3d_indian_pines" has changed since it began'),
    (replace(IDENTITY, hardware={"pim45nm": "x"}), 'hardware file "pim45nm" has changed since it began'),
    (replace(IDENTITY, tables={"45nm": "x"}), 'cost table "45nm" has changed since it began'),
    (replace(IDENTITY, tables={}), "tables: 45nm is missing"),
]


@pytest.mark.parametrize(("changed", "says"), CHANGES, ids=[says for _, says in CHANGES])
def test_another_exploration_is_not_continued(folder: Path, changed: Identity, says: str) -> None:
    before = contents(folder)
    with pytest.raises(ExplorationError) as refused:
        Store.resume(folder, changed, COLUMNS)
    assert str(refused.value) == f'"{folder}" cannot be continued: {says}'
    assert contents(folder) == before


def test_an_entry_of_a_long_list_is_named(tmp_path: Path) -> None:
    Store.create(tmp_path, with_axes(clock_mhz=MANY), COLUMNS).close()
    for changed, says in (
        ([*MANY[:7], 1.5, *MANY[8:]], "space: axes.clock_mhz[7] is 1.5, it began with 107.0"),
        (MANY[:-1], "space: axes.clock_mhz[39] is null, it began with 139.0"),
    ):
        with pytest.raises(ExplorationError, match=says.replace("[", r"\[")):
            Store.resume(tmp_path, with_axes(clock_mhz=changed), COLUMNS)


def test_other_columns_and_another_pimsim_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others: Columns = (*COLUMNS[:-1], ("executed", int))
    with pytest.raises(ExplorationError, match=r'columns\[\d+\] is \["executed", "int"\], it began with .*"bool"'):
        Store.resume(folder, IDENTITY, others)
    monkeypatch.setattr(identity, "__version__", "9.9")
    with pytest.raises(ExplorationError, match=r'pimsim is "9\.9", it began with "0'):
        Store.resume(folder, IDENTITY, COLUMNS)


def test_descriptions_and_other_versions_may_change(folder: Path) -> None:
    before = contents(folder)
    same = replace(IDENTITY, space={**IDENTITY.space, "description": "new"}, versions={"python": "4"})
    with Store.resume(folder, same, COLUMNS) as running:
        assert len(running.done) == 5
    assert contents(folder) == before


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("a", "b")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abc"), PLAIN), st.dictionaries(st.sampled_from("abc"), PLAIN))
def test_a_difference_is_found_just_where_there_is_one(now: dict[str, Any], then: dict[str, Any]) -> None:
    """Of values and of the order of keys: what the JSON text shows."""
    documents = [replace(IDENTITY, space=space).document(COLUMNS) for space in (now, then)]
    differs = json.dumps(now) != json.dumps(then)
    assert (identity.difference(*documents) is not None) is differs
    assert (documents[0]["digest"] != documents[1]["digest"]) is differs


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read: not JSON"),
        ("[]", "does not describe an exploration"),
        ('{"format": 1}', "does not describe an exploration"),
        ('{"format": 7, "space": {}, "columns": []}', "format 7; this pimsim reads format 1"),
        ('{"format": 1, "space": {}, "columns": []}', "was changed after it was written: its digest is another"),
        ('{"format": 1, "space": NaN, "columns": []}', "was changed after it was written: its digest is another"),
        ('{"format": 1, "space": {"a": NaN}, "columns": []}', "was changed after it was written"),
    ],
)
def test_a_changed_description_is_refused(folder: Path, content: str, says: str) -> None:
    (folder / "exploration.json").write_text(content)
    with pytest.raises(ExplorationError, match=says):
        Store.resume(folder, IDENTITY, COLUMNS)


def test_results_are_not_begun_over(folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(ExplorationError) as refused:
        Store.create(folder, IDENTITY, COLUMNS)
    assert str(refused.value) == (
        f'"{folder}" holds an exploration already: --resume continues it, or give another folder'
    )
    assert contents(folder) == before


@pytest.mark.parametrize("enter", [Store.create, Store.resume])
def test_a_folder_of_other_files_is_left_alone(tmp_path: Path, enter: Callable[..., Store]) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ExplorationError, match=r'holds other files \("thesis\.tex"\); give an empty or a new folder'):
        enter(tmp_path, IDENTITY, COLUMNS)
    assert contents(tmp_path) == {"thesis.tex": b"mine"}


def test_nothing_is_resumed_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(ExplorationError, match=r"nothing to resume, there is no such folder"):
        Store.resume(tmp_path / "none", IDENTITY, COLUMNS)
    assert not (tmp_path / "none").exists()


def test_a_process_killed_before_it_began_is_resumed(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".exploration.json.123.part").write_text('{"form')
    with Store.resume(tmp_path, IDENTITY, COLUMNS) as running:
        assert len(running.done) == 0
    assert sorted(contents(tmp_path)) == [".lock", "exploration.json"]


def test_two_processes_do_not_explore_into_one_folder(folder: Path) -> None:
    says = f'another process explores into "{folder}"; wait for it, or give another folder'
    with Store.resume(folder, IDENTITY, COLUMNS) as running:
        for enter in (Store.create, Store.resume):
            with pytest.raises(ExplorationError, match=says):
                enter(folder, IDENTITY, COLUMNS)
        running.add(5, made_rows(5, 6))
    Store.resume(folder, IDENTITY, COLUMNS).close()


def test_a_dead_process_leaves_no_lock(folder: Path) -> None:
    holds = (
        "import os, sys, time; from pathlib import Path; from pimsim.explore.folder_lock import lock;"
        "held = lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", holds, folder], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ExplorationError, match="another process"):
            Store.resume(folder, IDENTITY, COLUMNS)
        other.kill()
    Store.resume(folder, IDENTITY, COLUMNS).close()


def test_a_file_system_without_locks_is_used_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folder_lock.fcntl, "flock", none)
    Store.resume(folder, IDENTITY, COLUMNS).close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be made: Permission denied"):
        Store.create(tmp_path / "run", IDENTITY, COLUMNS)


def test_a_file_in_the_way_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for where in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OutputError, match="cannot be made: "):
            Store.create(where, IDENTITY, COLUMNS)


class FullDisk:
    """Takes no more than so many bytes, in whatever files."""

    def __init__(self, left: int) -> None:
        self.left = left

    def open(self, path: Path, mode: str) -> Any:
        stream = open(path, mode)  # noqa: SIM115 - handed on
        write = stream.write

        def limited(data: bytes) -> int:
            self.left -= memoryview(data).nbytes
            if self.left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(write(data))

        return _Limited(stream, limited)


class _Limited:
    def __init__(self, stream: Any, write: Callable[[bytes], int]) -> None:
        self._stream, self.write = stream, write

    def __enter__(self) -> _Limited:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@pytest.mark.parametrize("room", [0.0, 0.02, 0.3, 0.6, 0.86, 0.88, 0.9, 0.94, 0.98, 0.999])
def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: float) -> None:
    """Whichever file it meets: with so much of the room that all of them take."""
    enough = FullDisk(10**9)
    with monkeypatch.context() as patched:
        patched.setattr(writer, "open", enough.open, raising=False)
        explore(tmp_path / "straight", 20)
    disk = FullDisk(int(room * (10**9 - enough.left)))
    with monkeypatch.context() as patched:
        patched.setattr(writer, "open", disk.open, raising=False)
        with pytest.raises(OutputError, match=r"No space left on device\)") as refused:
            explore(tmp_path / "run", 20)
    assert not list(tmp_path.rglob("*.part"))
    assert (tmp_path / "run").exists() is (room > 0)
    if room:
        assert str(refused.value).endswith("; what is done is kept: --resume continues it, once files can be written")
        with Store.resume(tmp_path / "run", IDENTITY, COLUMNS) as running:
            assert len(running.done) == 20 if room > 0.85 else len(running.done) < 20
            assert len(running.done) > 0 or room < 0.3
            assert running.dropped == []
    explore(tmp_path / "run", 20)
    assert contents(tmp_path / "run") == contents(tmp_path / "straight")


def explore(folder: Path, stop: int) -> None:
    """What is missing, one point at a time."""
    with (Store.resume if folder.exists() else Store.create)(folder, IDENTITY, COLUMNS) as running:
        for first, last in list(running.done.gaps(0, stop)):
            for point in range(first, last):
                running.add(point, made_rows(point, point + 1))
        running.finish()

"""A whole exploration whose workers are killed in the middle: the same files, byte for byte, as without any."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import made_space
import pytest

from pimsim.errors import ExplorationError
from pimsim.explore import pace
from pimsim.explore.exploration import Exploration
from pimsim.explore.job import prepare
from pimsim.explore.point import FAILED, OK, REFUSED
from pimsim.explore.space_load import space_from_dict
from pimsim.explore.way import Place, Way

POINTS, KILL_AT = 120, 30


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Exploration, dict[str, bytes]]:
    """An exploration, and the files that it leaves where this process evaluates it alone."""
    folder = tmp_path_factory.mktemp("alone")
    made_space.write_files(folder)
    exploration = Exploration(
        prepare(space_from_dict(made_space.MIXED, folder=folder)), Way("random", points=POINTS, seed=4)
    )
    done = exploration.run(folder / "out", place=Place(workers=1))
    assert (done.statuses[FAILED], done.total) == (0, POINTS)
    assert min(done.statuses[OK], done.statuses[REFUSED]) > 0
    return exploration, contents(folder / "out")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith(("results", "explor"))}


def killing(pick: Callable[[], int]) -> tuple[Callable[[int, int], None], list[int]]:
    """A report of progress that kills the process that ``pick`` gives, once, and who it was."""
    killed: list[int] = []

    def tell(stored: int, _total: int) -> None:
        if stored >= KILL_AT and not killed:
            killed.append(pick())
            os.kill(killed[0], signal.SIGKILL)

    return tell, killed


def test_a_killed_process_of_this_machine_changes_no_byte(
    explored: tuple[Exploration, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MOST", 4)
    exploration, alone = explored
    tell, killed = killing(lambda: int(active_children()[0].pid or 0))
    exploration.run(tmp_path / "out", place=Place(workers=2), progress=tell)
    assert killed
    assert contents(tmp_path / "out") == alone
    assert active_children() == []


def test_a_killed_worker_of_a_cluster_changes_no_byte(
    explored: tuple[Exploration, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed: Any = pytest.importorskip("distributed")
    monkeypatch.setattr(pace, "MOST", 4)
    exploration, alone = explored
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:

        def busy() -> int:
            states = cluster.scheduler.workers
            address = max(states, key=lambda address: len(states[address].processing))
            assert states[address].processing
            return next(int(nanny.pid) for nanny in cluster.workers.values() if nanny.worker_address == address)

        tell, killed = killing(busy)
        exploration.run(tmp_path / "out", place=Place(scheduler=cluster.scheduler_address), progress=tell)
    assert killed
    assert contents(tmp_path / "out") == alone


def test_a_scheduler_that_is_not_there_leaves_no_folder(
    explored: tuple[Exploration, dict[str, bytes]], tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ExplorationError, match=r'^scheduler "nowhere": no connection'):
        explored[0].run(tmp_path / "out", place=Place(scheduler="nowhere"))
    assert not (tmp_path / "out").exists()

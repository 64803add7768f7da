"""Workers of a Dask cluster, with real processes: every chunk exactly once, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from made_evaluation import Made, Pulled, chunks, evaluate, evaluations, failed_row, processes, rows_of

from pimsim import __version__
from pimsim.errors import ExplorationError, MappingError, MissingPackageError
from pimsim.explore import dask_link, dask_workers
from pimsim.explore.dask_workers import DaskCluster
from pimsim.explore.point import FAILED, OK
from pimsim.explore.workers import Inline

WORKERS = 3
LONG_S = 120
NAMED = r'^scheduler "tcp://.*": worker tcp://127.0.0.1:\d+ '


@contextmanager
def started_cluster() -> Iterator[Any]:
    """Three processes that are started again when they die; a task is given up when two have died of it, not four.

    Dask ends a local worker that is away for 15 s, which a busy machine may need to start it again.
    """
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    with (
        dask.config.set(
            {"distributed.scheduler.allowed-failures": 1, "distributed.deploy.lost-worker-timeout": "1 hour"}
        ),
        distributed.LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """For tests that leave its workers alone."""
    with started_cluster() as cluster:
        yield cluster


@pytest.fixture
def address(cluster: Any) -> str:
    return str(cluster.scheduler_address)


@pytest.fixture
def own_cluster() -> Iterator[Any]:
    """For tests that kill: Dask does not always start a worker again."""
    with started_cluster() as cluster:
        yield cluster


def joined(address: str, **options: Any) -> DaskCluster:
    return DaskCluster(address, evaluate, failed_row, **options)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    thread = Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def inline_rows(points: int, folder: Path) -> list[Any]:
    folder.mkdir()
    with Inline(evaluate) as workers:
        return list(rows_of(workers.run(Made(folder), chunks(points, 7))))


def test_workers_killed_and_joining_in_the_middle_lose_and_double_nothing(own_cluster: Any, tmp_path: Path) -> None:
    def kill_one_and_add_two() -> None:
        wait_until(lambda: len(processes(tmp_path)) == WORKERS)
        os.kill(min(processes(tmp_path)), signal.SIGKILL)
        own_cluster.scale(WORKERS + 2)
        wait_until(lambda: len(processes(tmp_path)) > WORKERS)
        (tmp_path / "gate").touch()

    with meanwhile(kill_one_and_add_two), joined(own_cluster.scheduler_address) as workers:
        done = list(workers.run(Made(tmp_path, waits_for="gate"), chunks(200, 5)))
    assert sorted(chunk.start for chunk, _ in done) == list(range(0, 200, 5))
    assert list(rows_of(done)) == inline_rows(200, tmp_path / "inline")
    assert max(evaluations(tmp_path).values()) > 1


def test_two_chunks_per_worker_are_pulled_before_their_results(address: str, tmp_path: Path) -> None:
    pulled = Pulled(tmp_path / "gate", dask_workers.IN_FLIGHT * WORKERS)
    pulled.run(joined(address))
    assert (pulled.delivered, max(pulled.ahead)) == (60, dask_workers.IN_FLIGHT * WORKERS)


def test_all_workers_killed_at_once_lose_and_double_nothing(own_cluster: Any, tmp_path: Path) -> None:
    def kill_all() -> None:
        wait_until(lambda: len(processes(tmp_path)) == WORKERS)
        for process in processes(tmp_path):
            os.kill(process, signal.SIGKILL)
        (tmp_path / "gate").touch()

    with meanwhile(kill_all), joined(own_cluster.scheduler_address) as workers:
        done = list(workers.run(Made(tmp_path, waits_for="gate"), chunks(60, 4)))
    assert list(rows_of(done)) == inline_rows(60, tmp_path / "inline")
    assert len(done) == 15


def test_a_point_that_kills_every_worker_fails_alone(own_cluster: Any, tmp_path: Path) -> None:
    with joined(own_cluster.scheduler_address) as workers:
        done = list(workers.run(Made(tmp_path, kills=frozenset({5})), chunks(16, 4)))
    rows = list(rows_of(done))
    assert rows[5] == {"point": 5, "status": FAILED, "reason": "2 workers of the cluster died while they evaluated it"}
    assert [row["point"] for row in rows if row["status"] == OK] == [*range(5), *range(6, 16)]
    assert sorted((chunk.start, len(chunk.points)) for chunk, _ in done) == [(start, 4) for start in (0, 4, 8, 12)]


def test_workers_that_die_of_everything_end_the_run(
    own_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_workers, "MOST_KILLING", 1)
    job = Made(tmp_path, kills=frozenset(range(4)))
    with (
        joined(own_cluster.scheduler_address) as workers,
        pytest.raises(ExplorationError, match=r"1 chunks .* 2 workers each died, the last from point 0 on$"),
    ):
        list(workers.run(job, chunks(4, 4)))


@pytest.mark.parametrize(("name", "raised"), [("refusal", MappingError), ("defect", ZeroDivisionError)])
def test_what_the_evaluation_raises_is_raised_with_its_place(
    name: str, raised: type[Exception], cluster: Any, address: str, tmp_path: Path
) -> None:
    with pytest.raises(raised) as caught, joined(address) as workers:
        list(workers.run(Made(tmp_path, raises=(8, name)), chunks(20, 2)))
    assert "made_evaluation.py" in caught.value.__notes__[0]
    wait_until(lambda: not cluster.scheduler.tasks)


def test_a_run_that_is_left_early_leaves_nothing_to_do(cluster: Any, address: str, tmp_path: Path) -> None:
    job = Made(tmp_path)
    with joined(address) as workers:
        with closing(workers.run(job, chunks(1000, 2))) as run:
            first, _ = next(run)
        assert first.stop <= 2 * dask_workers.IN_FLIGHT * WORKERS
        wait_until(lambda: len(cluster.scheduler.tasks) <= 1)
        again = list(workers.run(job, chunks(12, 3)))
        wait_until(lambda: len(cluster.scheduler.tasks) <= 1)
    assert list(rows_of(again)) == inline_rows(12, tmp_path / "inline")
    assert len(evaluations(tmp_path)) < 30
    wait_until(lambda: not cluster.scheduler.tasks)


@pytest.mark.parametrize(
    ("ours", "says"),
    [
        (("3.1.4", "0.1.0", "0"), r"has Python 3\.\d+\.\S+, here it is 3\.1\.4$"),
        ((sys.version.split()[0], "9.9", "0"), r"has pimsim \S+ \([0-9a-f]{8}\), here it is 9\.9 \(0\)$"),
        ((sys.version.split()[0], __version__, "0"), r"has pimsim \S+ \([0-9a-f]{8}\), here it is \S+ \(0\)$"),
    ],
)
def test_a_worker_with_another_edition_is_named(
    ours: tuple[str, str, str], says: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_link, "edition", lambda: ours)
    with pytest.raises(ExplorationError, match=NAMED + says), joined(address):
        pass


def test_a_worker_without_pimsim_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_link, "EDITION", "__import__('pimsim_of_old')")
    with pytest.raises(ExplorationError, match=NAMED + r"cannot import this pimsim \(No module named"), joined(address):
        pass


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize("form", ["tcp://127.0.0.1:{port}", "no such scheduler", "wrong://127.0.0.1:{port}"])
def test_a_scheduler_that_is_not_there_is_named(form: str) -> None:
    address = form.format(port=closed_port())
    with pytest.raises(ExplorationError) as caught, joined(address, connect_s=0.5):
        pass
    assert str(caught.value).startswith(f'scheduler "{address}": no connection within 0.5 s (')


@contextmanager
def scheduler_alone(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler in a process of its own, without workers."""
    port = closed_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    ) as process:
        try:
            yield process, f"tcp://127.0.0.1:{port}"
        finally:
            process.kill()


def test_a_cluster_without_workers_and_one_that_is_lost_end_the_run(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    job = Made(tmp_path)
    with scheduler_alone(tmp_path) as (process, address), joined(address, connect_s=LONG_S, patience_s=0.1) as workers:
        with pytest.raises(ExplorationError, match=r"no worker for 0\.1 s$"):
            list(workers.run(job, chunks(4, 1)))

        def lost() -> Iterator[Any]:
            yield from chunks(1, 1)
            process.kill()
            yield from chunks(4, 1)[1:]

        with pytest.raises(ExplorationError, match=f'^scheduler "{address}": lost; what is done so far is kept$'):
            list(workers.run(job, lost()))


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_link, "find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'pimsim\[explore\]'"):
        joined("tcp://127.0.0.1:8786")

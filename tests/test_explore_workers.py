"""Workers of one machine: every chunk exactly once, whatever becomes of the processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from made_evaluation import (
    Made,
    Pulled,
    chunks,
    evaluate,
    evaluations,
    failed_row,
    processes,
    rows_of,
)

from pimsim.errors import ExplorationError, MappingError
from pimsim.explore import local_workers
from pimsim.explore.local_workers import DEATHS, IN_FLIGHT, LocalProcesses
from pimsim.explore.point import FAILED, OK, Chunk, Point
from pimsim.explore.work import Evaluated, Work
from pimsim.explore.worker_process import ONE_THREAD
from pimsim.explore.workers import Inline

LONG_S = 300


def local(count: int = 2) -> LocalProcesses:
    return LocalProcesses(count, evaluate, failed_row)


def inline_rows(points: int, folder: Path) -> list[Any]:
    folder.mkdir()
    with Inline(evaluate) as workers:
        return list(rows_of(workers.run(Made(folder), chunks(points, 7))))


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_processes_gives_every_row_of_an_inline_run_once(count: int, tmp_path: Path) -> None:
    with local(count) as workers:
        done = list(workers.run(Made(tmp_path), iter(chunks(100, 7))))
    assert sorted(chunk.start for chunk, _ in done) == list(range(0, 100, 7))
    assert list(rows_of(done)) == inline_rows(100, tmp_path / "inline")
    assert sum((evaluated.work for _, evaluated in done), Work()).pricings == 100
    assert len(processes(tmp_path)) <= count
    assert active_children() == []


def test_two_chunks_per_process_are_pulled_before_their_results(tmp_path: Path) -> None:
    pulled = Pulled(tmp_path / "gate", 2 * IN_FLIGHT)
    pulled.run(local())
    assert (pulled.delivered, max(pulled.ahead)) == (60, 2 * IN_FLIGHT)


def test_inline_one_chunk_is_pulled_when_the_one_before_is_done(tmp_path: Path) -> None:
    pulled = Pulled(tmp_path / "gate", 1)
    pulled.run(Inline(evaluate))
    assert (pulled.delivered, set(pulled.ahead)) == (60, {1})


def test_jobs_chunks_and_rows_that_no_pipe_holds_do_not_block(tmp_path: Path) -> None:
    large = [
        Chunk(start, tuple(Point(number, (("note", "y" * 2000),)) for number in range(start, start + 500)))
        for start in range(0, 4000, 500)
    ]
    with local() as workers:
        done = list(workers.run(Made(tmp_path, ballast=bytes(20_000_000)), large))
    assert len(list(rows_of(done))) == 4000


def test_a_process_that_dies_is_replaced_and_its_chunk_repeated(tmp_path: Path) -> None:
    with local(3) as workers:
        done = list(workers.run(Made(tmp_path, kills_once=frozenset({0, 13, 14, 55, 99})), chunks(100, 5)))
    assert list(rows_of(done)) == inline_rows(100, tmp_path / "inline")
    assert len(done) == 20
    begun = evaluations(tmp_path)
    assert begun.pop("0010-0015") == 3
    assert [name for name, count in sorted(begun.items()) if count > 1] == ["0000-0005", "0055-0060", "0095-0100"]


def test_a_point_that_kills_every_process_fails_alone(tmp_path: Path) -> None:
    with local() as workers:
        done = list(workers.run(Made(tmp_path, kills=frozenset({9, 30})), chunks(31, 6)))
    rows = list(rows_of(done))
    assert [row["point"] for row in rows if row["status"] != OK] == [9, 30]
    reason = f"{DEATHS} worker processes ended while they evaluated it, the last by signal 9"
    assert rows[9] == {"point": 9, "status": FAILED, "reason": reason}
    assert [(chunk.start, chunk.stop) for chunk, _ in sorted(done, key=lambda item: item[0].start)] == [
        (start, min(start + 6, 31)) for start in range(0, 31, 6)
    ]
    begun = evaluations(tmp_path)
    assert (begun["0006-0012"], begun["0009-0010"], begun["0030-0031"]) == (DEATHS,) * 3
    assert begun["0012-0018"] == 1
    assert max(begun[f"{number:04}-{number + 1:04}"] for number in (6, 7, 8, 10, 11)) == 1


@pytest.mark.parametrize(
    ("name", "raised", "text"),
    [
        ("refusal", MappingError, "layer 3 has no room"),
        ("defect", ZeroDivisionError, "of a defect"),
        ("unportable", RuntimeError, "UnportableError: 1 2"),
    ],
)
def test_what_the_evaluation_raises_is_raised_with_its_place_and_ends_the_processes(
    name: str, raised: type[Exception], text: str, tmp_path: Path
) -> None:
    with pytest.raises(raised, match=text) as caught, local() as workers:
        list(workers.run(Made(tmp_path, raises=(8, name)), chunks(20, 2)))
    assert "made_evaluation.py" in caught.value.__notes__[0]
    assert active_children() == []


def test_a_run_that_is_left_early_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    job = Made(tmp_path)
    with local() as workers:
        with closing(workers.run(job, chunks(1000, 2))) as run:
            first, _ = next(run)
        assert first.stop <= 2 * IN_FLIGHT * 2
        again = list(workers.run(job, chunks(12, 3)))
    assert list(rows_of(again)) == inline_rows(12, tmp_path / "inline")


def _unpacked(folder: Path) -> Counted:
    (folder / f"job.{os.getpid()}.{time.monotonic_ns()}").touch()
    return Counted(folder)


@dataclass(frozen=True)
class Counted:
    """A job that leaves a mark wherever it is read."""

    folder: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, (self.folder,)


def square(job: Counted, chunk: Chunk) -> Evaluated:
    return evaluate(Made(job.folder), chunk)


def test_a_job_reaches_every_process_once_over_all_runs(tmp_path: Path) -> None:
    job, other = Counted(tmp_path), Counted(tmp_path)
    with LocalProcesses(2, square, failed_row) as workers:
        for _ in range(3):
            assert len(list(workers.run(job, chunks(8, 1)))) == 8
        before = Counter(path.name.rpartition(".")[0] for path in tmp_path.glob("job.*"))
        assert len(list(workers.run(other, chunks(8, 1)))) == 8
    # a process that starts late may find all chunks of a job done, and never get it
    after = Counter(path.name.rpartition(".")[0] for path in tmp_path.glob("job.*"))
    assert set(before.values()) == {1}
    assert len(after) <= 2
    assert set((after - before).values()) == {1}


def environment(_job: str, _chunk: Chunk) -> Evaluated:
    return Evaluated(({name: os.environ[name] for name in ONE_THREAD},), Work())


def test_processes_compute_in_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with LocalProcesses(1, environment, failed_row) as workers:
        [(_, evaluated)] = workers.run("job", chunks(1, 1))
    assert evaluated.rows == (dict.fromkeys(ONE_THREAD, "1"),)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_processes_that_die_of_everything_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_workers, "MOST_DEATHS", 5)
    with (
        pytest.raises(ExplorationError, match=r"^5 worker processes .* the last by signal 9, over points from 0 on$"),
        local(1) as workers,
    ):
        list(workers.run(Made(tmp_path, kills=frozenset(range(100))), chunks(100, 3)))
    assert active_children() == []


def test_at_least_one_process_is_asked_for() -> None:
    with pytest.raises(ExplorationError, match="workers=0"):
        local(0)


SCRIPT = """
import signal
from pathlib import Path
from made_evaluation import Made, chunks, evaluate, failed_row
from pimsim.explore.local_workers import LocalProcesses

def explore():
    with LocalProcesses(2, evaluate, failed_row) as workers:
        list(workers.run(Made(Path({folder!r}), waits_for="never"), chunks(20, 2)))
"""
MAIN = """
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs start with it ignored
    try:
        explore()
    except KeyboardInterrupt:
        print("interrupted")
"""


def started(script: Path, text: str) -> subprocess.Popen[str]:
    script.write_text(text)
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": paths},
    )


def wait_until(holds: Any) -> None:
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_interrupt_ends_all_processes_without_a_word(tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    folder.mkdir()
    with started(tmp_path / "script.py", SCRIPT.format(folder=str(folder)) + MAIN) as process:
        wait_until(lambda: len(processes(folder)) == 2 or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all of them
        out, _ = process.communicate(timeout=LONG_S)  # comes back when the last that holds the pipe is gone
    assert (process.returncode, out) == (0, "interrupted\n")


def test_processes_end_in_the_middle_of_their_work_where_their_parent_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    folder.mkdir()
    with started(tmp_path / "script.py", SCRIPT.format(folder=str(folder)) + MAIN) as process:
        wait_until(lambda: len(processes(folder)) == 2 or process.poll() is not None)
        process.kill()
        out, _ = process.communicate(timeout=LONG_S)  # comes back when the last that holds the pipe is gone
    assert (process.returncode, out) == (-signal.SIGKILL, "")


def test_a_script_that_explores_when_it_is_imported_is_told_how_not_to(tmp_path: Path) -> None:
    with started(tmp_path / "script.py", SCRIPT.format(folder=str(tmp_path)) + "\nexplore()\n") as process:
        out, _ = process.communicate(timeout=LONG_S)
    assert process.returncode == 1
    last = out.strip().splitlines()[-1]
    assert last.startswith("pimsim.errors.ExplorationError: worker processes end as they start (exit code 1;")
    assert last.endswith('below its line `if __name__ == "__main__":`')

"""Work in processes: results in order, and what ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from multiprocessing import active_children
from pathlib import Path

import pytest

from pimsim.rtl.verify.processes import in_processes

LONG_S = 300


def _square(value: int) -> int:
    if value < 0:
        raise ValueError(f"value={value}")
    return value * value


def _wait(marker: Path) -> None:
    """Says that it has begun, and goes on for longer than any test waits."""
    marker.touch()
    time.sleep(LONG_S)


def test_results_come_in_order_and_processes_end_with_them() -> None:
    assert list(in_processes(_square, range(7), 2)) == [value * value for value in range(7)]
    assert active_children() == []


def test_what_the_work_raises_is_raised_and_ends_the_processes() -> None:
    results = in_processes(_square, [2, -1, 3, 4], 2)
    assert next(results) == 4
    with pytest.raises(ValueError, match="value=-1"):
        next(results)
    assert active_children() == []


def test_processes_end_where_the_rest_is_not_wanted() -> None:
    with closing(in_processes(time.sleep, [0, LONG_S, LONG_S, LONG_S], 2)) as results:
        next(results)
    assert active_children() == []


def test_an_interrupt_ends_every_process_without_a_word(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import signal\n"
        "from pathlib import Path\n"
        "from test_rtl_processes import _wait, in_processes\n"
        'if __name__ == "__main__":\n'
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs start with it ignored
        "    try:\n"
        f"        list(in_processes(_wait, [Path({str(tmp_path)!r}) / name for name in 'abcd'], 2))\n"
        "    except KeyboardInterrupt:\n"
        '        print("interrupted")\n'
    )
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": paths},
    ) as process:
        while not ((tmp_path / "a").exists() and (tmp_path / "b").exists()) and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all of them
        out, _ = process.communicate(timeout=LONG_S / 2)
    assert (process.returncode, out) == (0, b"interrupted\n")
    assert not (tmp_path / "c").exists()

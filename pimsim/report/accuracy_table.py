"""Accuracies of many runs in one CSV file: a row per network, scene, split, precision, form of inference and seed.

``read`` and ``append`` are the file, `AccuracyRow` is a line of it, ``summarise`` makes mean ± σ over seeds of it.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pimsim.archive.writer import write_bytes
from pimsim.errors import OutputError, ResultsError

if sys.platform != "win32":
    import fcntl

ANN, CONVERTED, SNN, QSTDB, PTQ, QAT = ROWS = ("ann", "converted", "snn", "qstdb", "ptq", "qat")
"""Which stage's network a row is of: the ReLU network, the converted one, the float spiking network, the one trained
with b-bit weights, the float spiking network rounded to b bits, the CNN of b bits."""
FLOAT_INFERENCE, INTEGER, SCALE_WEIGHTS = "float", "integer", "integer_scale_weights"
_MEMBRANE = "integer_membrane_"
FLOAT_BITS = 32
"""``weight_bits`` and ``input_bits`` of what is not quantized."""
SCHEMES = ("", "affine", "scale")
_INFERENCE = re.compile(f"{FLOAT_INFERENCE}|{INTEGER}|{SCALE_WEIGHTS}|{_MEMBRANE}[1-9][0-9]?")
_EPOCHS = re.compile(r"([0-9]+(\+[0-9]+)*)?")
#: columns that make two rows the same measurement; all but these may differ when it is repeated
IDENTITY = (
    "network",
    "scene",
    "split",
    "seed",
    "row",
    "start",
    "weight_bits",
    "input_bits",
    "scheme",
    "inference",
    "time_steps",
    "epochs",
)
Identity = tuple[str | int, ...]


def membrane_inference(bits: int) -> str:
    """``inference`` of an integer network whose membranes have ``bits`` bits.

    >>> membrane_inference(6)
    'integer_membrane_6'
    """
    return f"{_MEMBRANE}{bits}"


@dataclass(frozen=True)
class AccuracyRow:
    """One measured accuracy; the fields are the columns of the file, in this order.

    network      architecture, ``cnn3d``, and what is not as in HYPER-SNN: ``cnn3d hybrid single_spike timed``
    scene        name of the scene, ``indian_pines``
    split        how training and test pixels were told apart: its kind first, ``random``, then what it was set to
    seed         of training and split
    row          one of `ROWS`
    start        stage that a quantized row was trained from, ``conversion`` or ``snn``; empty where there is no choice
    weight_bits  1 … 16, or 32 for float
    input_bits   of the network's inputs, 1 … 16, or 32 for float
    scheme       ``affine`` or ``scale``, how weights were quantized in training (of ``ptq``: at all); empty for float
    inference    ``float``, or of the integer network run by the simulator: ``integer`` as exported,
                 ``integer_scale_weights`` with weights quantized without a zero point, ``integer_membrane_6`` with
                 membranes of 6 bits
    time_steps   T; 1 for a network without spikes
    epochs       of every stage of training in order, ``60+60``; empty where unknown
    oa_percent, aa_percent, kappa_percent   overall and average accuracy 0 … 100, Cohen's kappa −100 … 100
    test_samples, train_samples             pixels; None where unknown
    wall_s       seconds of training of all stages, 0 or more; None where unknown
    threads      that training computed with; None where unknown
    name         of the run or model
    command      that made it
    tool         ``pimsim 0.1.0``

    Raises ResultsError that names the column and its limit.
    """

    network: str
    scene: str
    split: str
    seed: int
    row: str
    start: str
    weight_bits: int
    input_bits: int
    scheme: str
    inference: str
    time_steps: int
    epochs: str
    oa_percent: float
    aa_percent: float
    kappa_percent: float
    test_samples: int
    train_samples: int | None = None
    wall_s: float | None = None
    threads: int | None = None
    name: str = ""
    command: str = ""
    tool: str = ""

    def __post_init__(self) -> None:
        _check_words(self)
        for name, least, most in (
            ("seed", 0, 2**64 - 1),
            ("weight_bits", 1, FLOAT_BITS),
            ("input_bits", 1, FLOAT_BITS),
            ("time_steps", 1, 4096),
            ("oa_percent", 0, 100),
            ("aa_percent", 0, 100),
            ("kappa_percent", -100, 100),
            ("test_samples", 1, 2**40),
            ("train_samples", 1, 2**40),
            ("wall_s", 0, 1e12),
            ("threads", 1, 2**16),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:  # NaN is not either
                raise ResultsError(f"{name}={value} is outside {least} … {most:.12g}")

    @property
    def identity(self) -> Identity:
        """What was measured, `IDENTITY`; two rows with the same one are the same measurement made twice."""
        return tuple(getattr(self, name) for name in IDENTITY)

    @property
    def split_kind(self) -> str:
        """First word of ``split``."""
        return self.split.split()[0]


COLUMNS = tuple(field.name for field in fields(AccuracyRow))
_TYPES = {field.name: str(field.type) for field in fields(AccuracyRow)}


@dataclass(frozen=True)
class Statistic:
    """Mean over seeds and its standard deviation (n − 1); None of one seed."""

    mean: float
    deviation: float | None

    @staticmethod
    def of(values: Sequence[float]) -> Statistic:
        return Statistic(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Summary:
    """Rows that differ in the seed alone; ``example`` is the one of the smallest seed."""

    example: AccuracyRow
    seeds: tuple[int, ...]
    overall: Statistic
    average: Statistic
    kappa: Statistic


def read(path: str | os.PathLike[str]) -> tuple[AccuracyRow, ...]:
    """All rows in the order of the file; none where there is no file.

    Raises ResultsError that names the file, line and column of what is wrong.
    """
    try:
        text = Path(path).read_bytes().decode()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f'"{path}" cannot be read as a table of results: {error}') from None
    return tuple(_rows(text, path))


def append(path: str | os.PathLike[str], rows: Iterable[AccuracyRow]) -> tuple[AccuracyRow, ...]:
    """Add rows to the file and return all it then holds; made where missing, its folder too.

    A row that was measured before (`AccuracyRow.identity`) replaces the earlier one in its place.  The file is
    whole at any moment, and several processes may append to it at once.  Raises ResultsError for a file with
    other columns, which is left as it was, and OutputError where it cannot be written.
    """
    target = Path(path)
    with _locked(target):
        kept = {row.identity: row for row in read(target)}
        kept |= {row.identity: row for row in rows}
        write_bytes(target, text_of(kept.values()).encode())
    return tuple(kept.values())


def text_of(rows: Iterable[AccuracyRow]) -> str:
    """The file: RFC 4180 with "\\n", numbers with the fewest digits that read back equal, nothing for None."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(row, name)) for name in COLUMNS] for row in rows)
    return stream.getvalue()


def summarise(rows: Iterable[AccuracyRow]) -> tuple[Summary, ...]:
    """Mean and deviation over the seeds of what is otherwise the same measurement, in order of first appearance.

    Of rows with the same identity the last one counts.
    """
    groups: dict[Identity, dict[int, AccuracyRow]] = {}
    for row in rows:
        groups.setdefault(replace(row, seed=0).identity, {})[row.seed] = row
    return tuple(_summary([group[seed] for seed in sorted(group)]) for group in groups.values())


def _summary(rows: Sequence[AccuracyRow]) -> Summary:
    return Summary(
        rows[0],
        tuple(row.seed for row in rows),
        Statistic.of([row.oa_percent for row in rows]),
        Statistic.of([row.aa_percent for row in rows]),
        Statistic.of([row.kappa_percent for row in rows]),
    )


def _rows(text: str, path: str | os.PathLike[str]) -> Iterator[AccuracyRow]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, None)
        if header is None or tuple(header) != COLUMNS:
            raise ResultsError(f'"{path}" {_other_columns(header or [])}')
        for cells in lines:
            where = f'"{path}" line {lines.line_num}'
            if len(cells) != len(COLUMNS):
                raise ResultsError(f"{where}: {len(cells)} cells, expected {len(COLUMNS)}")
            yield _row(cells, where)
    except csv.Error as error:
        raise ResultsError(f'"{path}" line {lines.line_num} is not CSV: {error}') from None


def _other_columns(header: Sequence[str]) -> str:
    missing = [name for name in COLUMNS if name not in header]
    foreign = [name[:80] for name in header if name not in COLUMNS]
    found = [f"without {', '.join(missing)}"] if missing else []
    found += [f"with {', '.join(foreign)}"] if foreign else []
    return f"has other columns than a table of results: {'; '.join(found) or 'in another order'}"


def _row(cells: Sequence[str], where: str) -> AccuracyRow:
    try:
        values: dict[str, Any] = {name: _value(name, cell) for name, cell in zip(COLUMNS, cells, strict=True)}
        return AccuracyRow(**values)
    except ResultsError as error:
        raise ResultsError(f"{where}: {error}") from None


def _value(name: str, cell: str) -> str | int | float | None:
    kind = _TYPES[name]
    if kind == "str":
        return cell
    if not cell and kind.endswith("None"):
        return None
    try:
        return int(cell) if kind.startswith("int") else float(cell)
    except ValueError:
        noun = "a whole number" if kind.startswith("int") else "a number"
        raise ResultsError(f'{name}="{cell[:80]}" is not {noun}') from None


def _cell(value: str | int | float | None) -> str:
    """Text on one line whatever a command line held: what does not print is written as its escape."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _check_words(row: AccuracyRow) -> None:
    for name in ("network", "scene", "split"):
        if not getattr(row, name).strip():
            raise ResultsError(f'{name}="{getattr(row, name)}" is empty')
    for name, allowed in (("row", ROWS), ("scheme", SCHEMES)):
        if getattr(row, name) not in allowed:
            raise ResultsError(f'{name}="{getattr(row, name)}": must be one of {", ".join(allowed).lstrip(", ")}')
    for name, pattern, example in (("inference", _INFERENCE, membrane_inference(6)), ("epochs", _EPOCHS, "60+60")):
        if not pattern.fullmatch(getattr(row, name)):
            raise ResultsError(f'{name}="{getattr(row, name)}" is not of the form {example}')


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """One process at a time in the target's folder, which is made; any number where the system has no such lock."""
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = None if sys.platform == "win32" else os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f'"{target}" cannot be written: {error.strerror or error}') from error
    if sys.platform == "win32" or handle is None:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

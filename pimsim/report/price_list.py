"""A cost table as a list of its numbers: value, range, unit, node, kind and source of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from rich.padding import Padding
from rich.text import Text

from pimsim.cost import CostTable, Range, schema
from pimsim.cost.table import ADC_ACTION, ResolvedEntry, ResolvedFlavour
from pimsim.report import numerals
from pimsim.report.files import check_writable, csv_text, write_together
from pimsim.report.render import plain_text
from pimsim.report.rows import Table

COLUMNS = ("entry", "of", "form", "value", "low", "high", "unit", "node_nm", "kind", "source", "actions")
FACTOR = "1"
"""Unit of ratios."""


class _Number(NamedTuple):
    """One number of an entry; ``of`` says which."""

    of: str
    value: Range
    unit: str


def price_list(table: CostTable) -> Table:
    """One row per number of the table, entries in its order, then the leakage of every device flavour.

    Inherited numbers are those in force here: their factor is in the value, and named behind the source.
    """
    used = _used_by(table)
    entries = (row for name, entry in table.entries.items() for row in _entry_rows(name, entry, used.get(name, "")))
    flavours = (row for name, flavour in table.flavours.items() for row in _flavour_rows(name, flavour))
    return Table(COLUMNS, (*entries, *flavours))


def price_list_text(table: CostTable, width: int | None = None) -> str:
    """The list for a terminal, ``width`` columns wide (by default the terminal's, 100 to 120)."""
    return plain_text(_parts(table), width)


def write_price_list(table: CostTable, file: str | os.PathLike[str]) -> Path:
    """Write the list as CSV; raises OutputError, and then leaves an earlier file as it was."""
    path = Path(file)
    check_writable(path.parent, (path.name,))
    return write_together(path.parent, {path.name: csv_text(price_list(table)).encode()})[0]


def _used_by(table: CostTable) -> dict[str, str]:
    """Entry → actions whose price, or time, it is part of; under which rule or model, where that is a choice."""
    found: dict[str, list[str]] = {}
    for action, names in table.actions.items():
        for name in names:
            found.setdefault(name, []).append(action)
    for kind, rules in table.rules.items():
        for chosen, rule in rules.named.items():
            for action, entries in rule.actions.items() if chosen != rules.own else ():
                for name in entries:
                    found.setdefault(rule.entries.get(name, name), []).append(f"{action} ({kind}={chosen})")
    for model, name in table.adc_models.items():
        found.setdefault(name, []).append(f"{ADC_ACTION} ({model})")
    times = table.times | {f"{ADC_ACTION} ({model})": name for model, name in table.adc_times.items()}
    for operation, name in times.items():
        found.setdefault(name, []).append(f"time of {operation}")
    return {name: ", ".join(actions) for name, actions in found.items()}


def _entry_rows(name: str, resolved: ResolvedEntry, actions: str) -> Iterator[tuple[str | int | float, ...]]:
    entry = resolved.entry
    for number in _numbers(entry):
        value = number.value.by(resolved.factor)
        yield (
            name,
            number.of,
            entry.form,
            value.nominal,
            value.low,
            value.high,
            number.unit,
            entry.node_nm,
            entry.kind,
            resolved.source,
            actions,
        )


def _numbers(entry: schema.Entry) -> Iterable[_Number]:
    """What an entry states: docs/costs.md has the forms."""
    unit = entry.unit
    match entry:
        case schema.Constant():
            return [_Number("", entry.value, unit)]
        case schema.PerBit():
            return [_Number("per bit", entry.value, unit)]
        case schema.Multiplier():
            return [_Number("per bit × bit", entry.square, unit), _Number("per mean bit", entry.linear, unit)]
        case schema.Polynomial():
            return _coefficients(entry)
        case schema.Power():
            return [_Number(f"at {entry.at_bits} b, × (b / {entry.at_bits})^{entry.exponent:g}", entry.value, unit)]
        case schema.Points():
            width = {"bits": "b", "second_bits": "b (second)", "kib": "KiB"}[entry.by]
            return [_Number(f"{at} {width}", value, unit) for at, value in entry.sorted_points]
        case schema.Sram():
            return [_Number(f"{point.kib:g} KiB × {point.bits} b", point.value, unit) for point in entry.points]
        case schema.Scaled():
            return [_Number(f"× {_terms(entry)}", entry.ratio, FACTOR)]
        case schema.Included():
            return [_Number(f"in {entry.within}", Range(0.0, 0.0, 0.0), unit)]


def _coefficients(entry: schema.Polynomial) -> list[_Number]:
    terms = {
        "constant": entry.constant,
        "× b": entry.linear,
        "× b²": entry.square,
        "× 4^b": entry.power_of_four,
        "× b × b (second)": entry.product,
    }
    return [_Number(of, value, entry.unit) for of, value in terms.items() if value.high > 0]


def _terms(entry: schema.Scaled) -> str:
    names = [f"{term.entry}({term.bits} b)" if term.bits else term.entry for term in entry.of]
    total = " + ".join(names)
    shape = f", by width as {entry.shape.entry}" if entry.shape else ""
    return f"({total}){shape}" if len(names) > 1 else f"{total}{shape}"


def _flavour_rows(name: str, resolved: ResolvedFlavour) -> Iterator[tuple[str | int | float, ...]]:
    """Powers at 300 K times the inherited factor; the factor of temperature is a ratio and has none."""
    flavour = resolved.flavour
    points = sorted((int(kib), power) for kib, power in flavour.sram_uw.items())
    numbers = [_Number(f"SRAM, {kib} KiB, 300 K", power.by(resolved.factor), flavour.unit) for kib, power in points]
    numbers.append(_Number("6T cell, 300 K", flavour.cell_pw.by(resolved.factor), "pW"))
    numbers.append(_Number("360 K over 300 K", flavour.factor_at_360_k, FACTOR))
    for number in numbers:
        value = number.value
        ends = (value.nominal, value.low, value.high)
        described = (number.unit, flavour.node_nm, flavour.kind, resolved.source, "")
        yield (f"leakage.{name}", number.of, "points", *ends, *described)


def _parts(table: CostTable) -> Iterator[Text | Padding]:
    yield Text(f"{table.name}: {table.title}\nnode {table.node_nm} nm; nominal (low–high)")
    yield Text(_choices(table))
    rows = price_list(table).rows
    label, value = (max(map(len, column)) for column in zip(*((_label(row), _value(row)) for row in rows), strict=True))
    yield Text(f"\n{'entry':<{label}}  {'value (low–high)':>{value}}  {'unit':<8} {'nm':>3}  kind")
    for name, group in groupby(rows, key=itemgetter(0)):
        numbers = list(group)
        lines = [
            f"{_label(row):<{label}}  {_value(row):>{value}}  {row[6]:<8} {row[7]:>3}  {row[8]}".rstrip()
            for row in numbers
        ]
        yield Text("\n".join(lines if not numbers[0][1] else [str(name), *lines]))
        yield Padding(Text(str(numbers[0][9])), (0, 0, 0, 4))


def _choices(table: CostTable) -> str:
    """What a hardware file may choose, the table's own in brackets."""
    own = {kind: (str(rules.own), list(rules.named)) for kind, rules in table.rules.items()}
    own |= {"node_scaling": (table.node_scaling, list(table.nodes) or [table.node_scaling])}
    lines = [
        f"cost.{kind}: {', '.join(f'[{name}]' if name == chosen else name for name in sorted(names))}"
        for kind, (chosen, names) in own.items()
    ]
    return "\n".join([*lines, f"cost.adc_model: {', '.join(sorted(table.adc_models))}"])


def _label(row: Sequence[object]) -> str:
    """What stands in front of a number: the entry, or, below it, which of its numbers."""
    return f"  {row[1]}" if row[1] else str(row[0])


def _value(row: Sequence[object]) -> str:
    """A range, or one number where the sources give no spread."""
    ends = Range(*(float(end) for end in (row[4], row[3], row[5]) if isinstance(end, int | float)))
    if ends.low == ends.high:
        return numerals.digits(ends.nominal) if ends.nominal else "0"
    return numerals.ranged(ends)

"""Generated parts of a hand-written page: what lies between ``<!-- made: NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from pimsim.errors import ResultsError
from pimsim.report.paper_tables import TextTable

_PART = re.compile(r"(<!-- made: ([a-z0-9 ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
Part = Callable[[], Iterable[str]]
"""→ blocks of Markdown"""


def refreshed(page: str, parts: Mapping[str, Part], *, kept: Collection[str] = ()) -> str:
    """The page with its generated parts written anew; the text between them is kept, and parts of names in ``kept``.

    Raises ResultsError for a part that neither has.
    """

    def part(found: re.Match[str]) -> str:
        name = found[2]
        if name in kept:
            return found[0]
        if name not in parts:
            raise ResultsError(f'"made: {name}": no such part of the page; there are {", ".join(parts)}')
        return found[1] + "\n" + "".join(f"{block}\n\n" for block in parts[name]()) + found[3]

    return _PART.sub(part, page)


def markdown(table: TextTable) -> str:
    """A table without its title: labels left, figures right."""
    lines = [table.columns, ("---", *("---:" for _ in table.columns[1:])), *table.rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def titled(table: TextTable) -> str:
    """A table under its title."""
    return f"**{table.title}**\n\n{markdown(table)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

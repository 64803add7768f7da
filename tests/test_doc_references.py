"""What a page, a docstring or a hardware file points to is there, and every page and hardware file can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")])
SOURCES = [*PAGES, *sorted((ROOT / "pimsim").rglob("*.py")), *sorted((ROOT / "hw_configs").rglob("*.yaml"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
SECTION = re.compile(r"([a-z-]+)\.md(?:\]\([^)]*\)|`)?,? (?:§|(?=\d+\.\d))(\d+(?:\.\d+)?)")


def headings(page: Path) -> list[str]:
    """Without what stands in code blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"^#+ (.*)$", text, re.MULTILINE)


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, wanted = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not wanted or wanted in map(anchor, headings(target)), link


def references(source: Path) -> Iterator[tuple[str, str]]:
    """(page, section number) of everything like ``model-format.md §4.5``, also across a line's end."""
    text = re.sub(r"\n[#\s]*", " ", source.read_text(encoding="utf-8"))
    yield from SECTION.findall(text)


def test_every_section_that_is_named_by_its_number_exists() -> None:
    named = {(source, *reference) for source in SOURCES for reference in references(source)}
    assert len(named) > 20
    for source, page, number in sorted(named):
        known = {heading.split()[0].rstrip(".") for heading in headings(ROOT / "docs" / f"{page}.md")}
        assert number in known, f"{source.name}: {page}.md §{number}"


@pytest.mark.parametrize(
    ("folder", "kind", "listing"),
    [
        ("docs", "*.md", "index.md"),
        ("hw_configs", "*.yaml", "README.md"),
        ("hw_configs/spaces", "*.yaml", "../README.md"),
    ],
)
def test_every_page_and_every_hardware_file_is_listed(folder: str, kind: str, listing: str) -> None:
    text = (ROOT / folder / listing).read_text(encoding="utf-8")
    for path in (ROOT / folder).glob(kind):
        assert path.name == listing or f"`{path.stem}`" in text or f"({path.name})" in text, path.name

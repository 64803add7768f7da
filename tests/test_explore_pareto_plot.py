"""The plot of a front: one page that works offline, with every point of the front and texts that stay texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from made_front import ACCURACY, DELAY, ENERGY, refused, results_of, row, trade

from pimsim.errors import MissingPackageError, OutputError
from pimsim.explore import front_plot, front_rows, html_page
from pimsim.explore.front import ParetoFront, pareto_front
from pimsim.explore.front_plot import coded, front_page
from pimsim.explore.front_rows import Behind, points_behind
from pimsim.explore.question import constraints_on, objectives_of
from pimsim.explore.results import Results


def shown(results: Results, *objectives: str, where: tuple[str, ...] = ()) -> tuple[ParetoFront, Behind]:
    held = constraints_on(results, where)
    front = pareto_front(results, objectives_of(results, objectives), held)
    return front, points_behind(results, front, held)


def figures(page: bytes) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Traces and layout of every figure that the page draws."""
    found = []
    for start in re.finditer(r'Plotly\.newPlot\(\s*"[^"]*",\s*', page.decode()):
        text, decoder = page.decode()[start.end() :], json.JSONDecoder()
        data, end = decoder.raw_decode(text)
        layout, _ = decoder.raw_decode(text[end:].lstrip(", \n"))
        found.append((data, layout))
    return found


def plotted(monkeypatch: pytest.MonkeyPatch, page_of: tuple[ParetoFront, Behind], name: str = "made") -> list[Any]:
    """The figures that are handed to plotly."""
    kept: list[Any] = []

    def keep(_title: str, figures: list[Any]) -> bytes:
        kept.extend(figures)
        return b""

    monkeypatch.setattr(front_plot, "page", keep)
    front_page(*page_of, name=name)
    return kept


ROWS = [
    trade(0, 1.0, 9.0, 0.5),
    trade(1, 9.0, 1.0, 0.9),
    trade(2, 9.0, 9.0, 0.5),
    row(3, status="violates", reason="area_um2=9: violates area <= 3", **{ENERGY: 0.5, DELAY: 0.5}),
    refused(4, "no room"),
    row(5, **{ENERGY: 0.1, DELAY: 0.1, ACCURACY: 0.1, "clock_mhz": 400.0}),
]


def test_kinds_of_points_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = shown(results_of(tmp_path, ROWS), "energy", "delay", where=("clock_mhz < 300",))
    (figure,) = plotted(monkeypatch, asked)
    drawn = {trace["name"]: (trace["x"], trace["y"]) for trace in figure["data"]}
    assert drawn == {
        "left out by --where (1)": ([0.1], [0.1]),
        "violates a constraint (1)": ([0.5], [0.5]),
        "behind the front (1)": ([9.0], [9.0]),
        "front (2)": ([1.0, 9.0], [9.0, 1.0]),
    }
    *others, front = figure["data"]
    assert front["mode"] == "lines+markers"
    assert {trace["mode"] for trace in others} == {"markers"}
    assert front["hovertext"][0].startswith("<b>point 0</b>")
    assert "energy, pJ: 1.00 (1.00–1.00)" in front["hovertext"][0]
    assert "violates area &lt;= 3" in others[1]["hovertext"][0]


def test_every_metric_can_stand_on_either_axis_and_every_axis_can_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (figure,) = plotted(monkeypatch, shown(results_of(tmp_path, ROWS), "energy", "delay"))
    xs, ys, colours, kinds = (menu["buttons"] for menu in figure["layout"]["updatemenus"])
    places = {trace["name"].split(" (")[0]: place for place, trace in enumerate(figure["data"])}
    by_title = {button["label"]: button["args"][0]["x"] for button in xs}
    assert by_title["accuracy, %"][places["front"]] == [10.0]
    assert [button["args"][0]["y"] for button in ys] == list(by_title.values())
    assert [button["label"] for button in colours] == ["by kind", "clock_mhz"]
    assert colours[1]["args"][0]["marker.color"][places["behind the front"]] == [0.0, 0.0, 0.0]
    assert colours[1]["args"][0]["marker.color"][places["front"]] == [1.0]
    assert colours[1]["args"][1]["coloraxis.colorbar.ticktext"] == ["100", "400"]
    assert [button["args"][0] for button in kinds][1] == {"xaxis.type": "log", "xaxis.autorange": True}


def test_three_objectives_have_parallel_coordinates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*ROWS[:3], row(6, **{ENERGY: 2.0, DELAY: 2.0, ACCURACY: 0.7, "cost.device": "lop"})]
    scatter, parallel = plotted(monkeypatch, shown(results_of(tmp_path, rows), "energy", "delay", "accuracy"))
    assert {trace["mode"] for trace in scatter["data"]} == {"markers"}
    dimensions = {one["label"]: one for one in parallel["data"][0]["dimensions"]}
    assert list(dimensions) == ["cost.device", "energy, pJ", "delay, ns", "accuracy, %"]
    assert dimensions["cost.device"]["values"] == [0.0, 1.0, 0.0]
    assert dimensions["cost.device"]["ticktext"] == ["hp", "lop"]
    assert dimensions["accuracy, %"]["values"] == [50.0, 70.0, 90.0]


def test_a_page_needs_nothing_else_and_texts_stay_texts(tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    rows = [*ROWS, row(7, status="violates", reason=hostile, **{"cost.device": hostile})]
    page = front_page(*shown(results_of(tmp_path, rows), "energy", "delay"), name=hostile)
    text = page.decode()
    assert "<title>&lt;/script&gt;" in text
    assert hostile not in text
    # what is drawn with, as plotly gives it, tells of addresses, but the page loads none
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", text) == []
    ((data, layout),) = figures(page)
    assert layout["title"]["text"].startswith("&lt;/script&gt;")
    hovers = [hover for trace in data for hover in trace["hovertext"]]
    assert sum("&lt;img" in hover for hover in hovers) == 1
    assert not any("<img" in hover for hover in hovers)
    assert page == front_page(*shown(results_of(tmp_path, rows), "energy", "delay"), name=hostile)


def test_many_points_are_thinned_and_the_front_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_rows, "DRAWN", 10)
    monkeypatch.setattr(front_plot, "MANY", 30)
    line = [trade(point, float(point), 60.0 - point) for point in range(60)]
    behind = [trade(point, 100.0 + point, 200.0) for point in range(60, 160)]
    few, many = (shown(results_of(tmp_path, [*line, *behind], group=group), "energy", "delay") for group in (9, 1000))
    assert few == many
    front, others = few
    assert (len(front.rows), len(others.ok), others.known) == (60, 10, 100)
    (figure,) = plotted(monkeypatch, few)
    assert "10 of 100 others are drawn" in figure["layout"]["title"]["text"]
    assert [(trace["type"], len(trace["x"])) for trace in figure["data"]] == [("scattergl", 10), ("scattergl", 60)]


def test_axes_of_many_values_are_scales() -> None:
    few = coded([8, None, 4])
    assert [few.of(cell) for cell in (None, 4, 8)] == [0, 1, 2]
    assert few.labels == ("–", "4", "8")
    many = coded([*range(100, 200), None])
    assert (many.of(150), many.of(None), many.low, many.high, many.labels) == (150, None, 100, 199, ())
    words = coded([f"word {number:03}" for number in range(100)])
    assert (words.of("word 007"), words.low, words.high, words.labels) == (7, 0, 99, ())
    same = coded([3, 3])
    assert (same.of(3), same.low, same.high) == (0, 0, 1)


def test_what_could_not_be_written_is_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match=r'"front.png": an interactive plot is a .html file'):
        html_page.check_page("front.png")
    monkeypatch.setattr(html_page, "find_spec", lambda _name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'pimsim\[explore\]'"):
        html_page.check_page("front.html")

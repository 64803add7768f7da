"""Which knob matters, as a picture: a tornado, and importances beside it; as HTML or SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pimsim.errors import OutputError
from pimsim.explore import html_page
from pimsim.explore.html_page import marked, page
from pimsim.explore.sensitivity import Effect, Sensitivities, Sensitivity
from pimsim.explore.shown import axis_cell
from pimsim.report.picture import check_matplotlib, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG = ".svg"
_BLUE, _ORANGE, _DARK = "#2a6f97", "#f4a259", "#404040"
_RATIO, _SHARES = "times the reference, turned alone", "%"
_IMPORTANCE, _SHARE = "importance for the best tenth", "share of the variance"


def check_plot(name: str) -> None:
    """Raise, before the long work, where there can be no such picture: MissingPackageError, OutputError."""
    if name.endswith(SVG):
        check_matplotlib()
    elif name.endswith(html_page.SUFFIX):
        html_page.check_page(name)
    else:
        raise OutputError(f'"{name}": a picture is a {html_page.SUFFIX} or {SVG} file')


def sensitivity_picture(found: Sensitivities, plot: str, *, name: str) -> bytes:
    """A page or drawing, by the suffix of ``plot``: the same effects, the same bytes under the same versions."""
    if not plot.endswith(SVG):
        return page(f"{name}: which knob matters", [_html(one, name) for one in found.objectives])

    def fill(figure: Figure) -> None:
        rows = figure.subplots(len(found.objectives), 2, squeeze=False)
        for (left, right), one in zip(rows, found.objectives, strict=True):
            _tornado(left, one, name)
            _shares(right, one)

    height = sum(1.2 + 0.3 * len(one.effects) for one in found.objectives)
    return drawn(fill, (10, height), "svg")


def _bars(one: Sensitivity) -> list[tuple[int, Effect, float, float]]:
    """Place, effect and both ratios of those that have some, the strongest on top."""
    return [
        (place, effect, *effect.bar.ratios)
        for place, effect in enumerate(one.effects)
        if effect.bar is not None and effect.bar.ratios is not None
    ]


def _logarithmic(bars: Sequence[tuple[int, Effect, float, float]]) -> bool:
    return bool(bars) and min(least for _, _, least, _ in bars) > 0 and max(most for *_, most in bars) > 2


def _html(one: Sensitivity, name: str) -> dict[str, Any]:
    bars, axes = _bars(one), [marked(effect.axis) for effect in one.effects]
    shown: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": _RATIO,
            "y": [axes[place] for place, *_ in bars],
            "base": [least for *_, least, _ in bars],
            "x": [most - least for *_, least, most in bars],
            "hoverinfo": "text",
            "hovertext": [_hover(effect) for _, effect, *_ in bars],
            "marker": {"color": _BLUE},
            "xaxis": "x",
        }
    ]
    for title, colour, values in _percents(one):
        shown.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": title,
                "y": axes,
                "x": values,
                "hoverinfo": "x+name",
                "marker": {"color": colour},
                "xaxis": "x2",
            }
        )
    kind = "log" if _logarithmic(bars) else "linear"
    return {
        "data": shown,
        "layout": {
            "title": {"text": marked(f"{name}: {one.objective.text}"), "x": 0.01, "font": {"size": 14}},
            "template": "none",
            "height": 180 + 45 * len(axes),
            "barmode": "group",
            "margin": {"l": 220},
            "xaxis": {"domain": [0.0, 0.58], "title": {"text": _RATIO}, "type": kind, "gridcolor": "#eeeeee"},
            "xaxis2": {"domain": [0.63, 1.0], "title": {"text": _SHARES}, "rangemode": "tozero"},
            "yaxis": {"autorange": "reversed", "categoryorder": "array", "categoryarray": axes},
            "shapes": [
                {"type": "line", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "xref": "x", "yref": "paper", "line": {"width": 1}}
            ],
            "legend": {"orientation": "h", "y": -0.25},
        },
    }


def _hover(effect: Effect) -> str:
    bar = effect.bar
    assert bar is not None and bar.ratios is not None  # noqa: PT018 - it is drawn
    ends = zip(("least", "greatest"), bar.ratios, (bar.least_at, bar.greatest_at), strict=True)
    lines = [f"{end}: {ratio:.4g} × the reference at {axis_cell(at)}" for end, ratio, at in ends]
    return "<br>".join(marked(line) for line in (effect.axis, *lines))


def _percents(one: Sensitivity) -> list[tuple[str, str, list[float | None]]]:
    """Title, colour and per axis a percentage; those of which nothing is known are left out."""
    found = [
        (_IMPORTANCE, _ORANGE, [effect.importance for effect in one.effects]),
        (_SHARE, _DARK, [effect.share for effect in one.effects]),
    ]
    return [
        (title, colour, [None if value is None else 100 * value for value in values])
        for title, colour, values in found
        if any(value is not None for value in values)
    ]


def _tornado(axes: Axes, one: Sensitivity, name: str) -> None:
    bars = _bars(one)
    for place, effect, least, most in bars:
        axes.barh(place, most - least, left=least, color=_BLUE)
        bar = effect.bar
        assert bar is not None
        for ratio, at, side in ((least, bar.least_at, "right"), (most, bar.greatest_at, "left")):
            if ratio != 1:
                axes.annotate(
                    f" {axis_cell(at)} ", (ratio, place), ha=side, va="center", fontsize=6, annotation_clip=False
                )
    axes.axvline(1.0, color="black", linewidth=0.6)
    if _logarithmic(bars):
        axes.set_xscale("log")
        for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            formatter("{x:g}")
    axes.use_sticky_edges = False  # room for the values at both ends
    axes.margins(x=0.15)
    _label(axes, one)
    axes.set_xlabel(_RATIO)
    axes.set_title(f"{name}: {one.objective.text}", loc="left")


def _shares(axes: Axes, one: Sensitivity) -> None:
    groups = _percents(one)
    for group, (title, colour, values) in enumerate(groups):
        places = [place + 0.4 * (group - (len(groups) - 1) / 2) for place in range(len(values))]
        axes.barh(places, [value or 0.0 for value in values], height=0.36, color=colour, label=title)
    _label(axes, one)
    axes.set_xlabel(_SHARES)
    if groups:
        axes.legend(frameon=False, loc="lower right")


def _label(axes: Axes, one: Sensitivity) -> None:
    axes.set_yticks(range(len(one.effects)), [effect.axis for effect in one.effects])
    axes.set_ylim(len(one.effects) - 0.4, -0.6)

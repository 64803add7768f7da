"""An evaluation as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pimsim.model.accuracy import Accuracy
from pimsim.model.encoding import described
from pimsim.report import numerals
from pimsim.report.evaluation import TEST, Evaluation, Subject
from pimsim.report.firing import firing_title
from pimsim.report.render import aligned_table, firing_lines, plain_text


def evaluation_text(found: Evaluation, width: int | None = None) -> str:
    """What `pimsim evaluate` prints, ``width`` columns wide (by default the terminal's, 100 to 120)."""
    return plain_text(_parts(found), width)


def _parts(found: Evaluation) -> Iterable[RenderableType]:
    yield Text(_headline(found))
    yield _accuracies(found)
    yield _classes(found)
    yield _layers(found)
    if found.executed.firing:
        yield Text(firing_title(found.executed.firing))
        yield firing_lines(found.executed.firing)


def _headline(found: Evaluation) -> str:
    network, subject = found.subject.network, found.subject
    bits = sorted({layer.weight_bits for layer in network.layers})
    widths = f"{bits[0]}" if len(bits) == 1 else f"{bits[0]}–{bits[-1]}"
    steps = "a CNN" if network.is_cnn else f"T = {network.time_steps}"
    encoding = f"\n{words}" if (words := described(network)) else ""
    return (
        f"{subject.model} on {subject.source}: {subject.selection}\n{_overlap(subject)}"
        f"integer network as exported, {steps}, {widths}-bit weights{encoding}"
    )


def _overlap(subject: Subject) -> str:
    """What a random split hides: how much of the test lay in training patches."""
    shared = subject.split.get(SHARING)
    told = subject.pixels == TEST and shared is not None
    return f"{shared} % of test patches share pixels with training patches\n" if told else ""


def _accuracies(found: Evaluation) -> Table:
    table = aligned_table("inference", right=("OA %", "AA %", "kappa %", "saturated/sample"))
    samples = len(found.executed.predictions)
    rows = [("as exported", found.accuracy, found.executed.saturations)]
    rows += [(f"{item.bits}-bit membranes", item.accuracy, item.saturations) for item in found.membranes]
    for name, reached, saturations in rows:
        table.add_row(name, *percents(reached), numerals.count(int(saturations.sum()) / samples))
    return table


def percents(reached: Accuracy) -> tuple[str, ...]:
    """OA, AA and kappa with two decimals."""
    return tuple(f"{value:.2f}" for value in reached.percent().values())


def _classes(found: Evaluation) -> Table:
    table = aligned_table("class", "", right=("samples", "right", "accuracy %", "taken for it", "precision %"))
    for item in found.classes:
        table.add_row(
            str(item.class_id),
            item.name,
            f"{item.samples:,}",
            f"{item.correct:,}",
            _share(item.recall),
            f"{item.predicted:,}",
            _share(item.precision),
        )
    return table


def _layers(found: Evaluation) -> Table:
    network, rates = found.subject.network, found.spikes_per_neuron
    total = "active/neuron" if network.is_cnn else "spikes/neuron"
    steps = [] if network.is_cnn else [f"step {step}" for step in range(1, min(rates.shape[1], SHOWN_STEPS) + 1)]
    table = aligned_table("layer", right=("neurons", total, *steps))
    for layer, rate in zip(network.layers, rates, strict=False):
        cells = (f"{value:.3f}" for value in rate[: len(steps)])
        table.add_row(layer.name, f"{layer.shape.neurons:,}", f"{rate.sum():.3f}", *cells)
    return table


#: in `pimsim.scenes.Overlap.percent`
SHARING = "test_patches_sharing_with_a_training_patch_percent"
#: columns of steps that fit beside the others; spikes.csv has all
SHOWN_STEPS = 8


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"

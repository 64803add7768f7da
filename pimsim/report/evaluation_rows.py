"""Rows of the table of results for a network that was evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pimsim.errors import MissingFileError, ResultsError
from pimsim.model.accuracy import Accuracy
from pimsim.report.accuracy_table import INTEGER, AccuracyRow, membrane_inference, read
from pimsim.report.evaluation import TEST, Evaluation, Subject
from pimsim.report.files import check_writable
from pimsim.report.run_rows import rows_of_file

#: what the JSON file and the model's provenance both say, if they are of one run
_SHARED = ("command", "scene", "seed")


def template_of(model: Path, subject: Subject, results: Path) -> AccuracyRow:
    """The row of the integer network as its training noted it, in the JSON file beside the model.

    It says how the network was trained; accuracies are measured anew.  Raises ResultsError where ``results`` is
    another file, where not all test pixels are evaluated, or where that file is of another model; OutputError where
    ``results`` cannot be written.
    """
    read(results)
    check_writable(results.parent, [results.name])
    if subject.pixels != TEST or not subject.complete:
        raise ResultsError(f'"{results}" is of all test pixels of a model, this is {subject.selection}')
    noted = model.with_suffix(".json")
    if not noted.is_file():
        raise MissingFileError(f'"{noted}" does not exist: pimsim train leaves it beside a model, and rows need it')
    template = next((row for row in rows_of_file(noted) if row.inference == INTEGER), None)
    if template is None:
        raise ResultsError(f'"{noted}" says nothing of an integer network')
    told = subject.network.provenance
    for key, value in zip(_SHARED, (template.command, template.scene, template.seed), strict=True):
        if told.get(key) != value:
            raise ResultsError(f'"{noted}" is of another model: {key}={value}, {model.name} says {told.get(key)}')
    return template


def rows_of_evaluation(found: Evaluation, template: AccuracyRow) -> Iterator[AccuracyRow]:
    """One row per form of inference: as exported, and with each width of membranes."""
    yield _row(template, INTEGER, found.accuracy, len(found.executed.predictions))
    for item in found.membranes:
        yield _row(template, membrane_inference(item.bits), item.accuracy, len(found.executed.predictions))


def _row(template: AccuracyRow, inference: str, reached: Accuracy, samples: int) -> AccuracyRow:
    percent = reached.percent()
    return replace(
        template,
        inference=inference,
        oa_percent=percent["overall_percent"],
        aa_percent=percent["average_percent"],
        kappa_percent=percent["kappa_percent"],
        test_samples=samples,
    )

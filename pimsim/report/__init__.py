"""Runs as tables: CSV, JSON, pandas frames and text.  docs/report-format.md and docs/python-api.md."""

from pimsim.report.compare import SYSTEMS, compare, comparison, write_comparison
from pimsim.report.compare_text import compare_text
from pimsim.report.comparison import Compared, Comparison
from pimsim.report.evaluate import evaluate
from pimsim.report.evaluation import Evaluation
from pimsim.report.evaluation_files import write_evaluation
from pimsim.report.evaluation_text import evaluation_text
from pimsim.report.files import check_writable, write
from pimsim.report.pipeline import run
from pimsim.report.price_list import price_list, price_list_text, write_price_list
from pimsim.report.render import text
from pimsim.report.result import Baseline, RunResult
from pimsim.report.split_report import split_text, write_split

__all__ = [
    "SYSTEMS",
    "Baseline",
    "Compared",
    "Comparison",
    "Evaluation",
    "RunResult",
    "check_writable",
    "compare",
    "compare_text",
    "comparison",
    "evaluate",
    "evaluation_text",
    "price_list",
    "price_list_text",
    "run",
    "split_text",
    "text",
    "write",
    "write_comparison",
    "write_evaluation",
    "write_price_list",
    "write_split",
]

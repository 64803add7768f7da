"""Runs as tables: CSV, JSON, pandas frames and text.  docs/report-format.md and docs/python-api.md."""

from pimsim.report.compare import SYSTEMS, compare, comparison, write_comparison
from pimsim.report.compare_text import compare_text
from pimsim.report.comparison import Compared, Comparison
from pimsim.report.files import check_writable, write
from pimsim.report.pipeline import run
from pimsim.report.price_list import price_list, price_list_text, write_price_list
from pimsim.report.render import text
from pimsim.report.result import Baseline, RunResult

__all__ = [
    "SYSTEMS",
    "Baseline",
    "Compared",
    "Comparison",
    "RunResult",
    "check_writable",
    "compare",
    "compare_text",
    "comparison",
    "price_list",
    "price_list_text",
    "run",
    "text",
    "write",
    "write_comparison",
    "write_price_list",
]

"""Runs as tables: CSV, JSON, pandas frames and text.  docs/report-format.md and docs/python-api.md."""

from pimsim.report.files import check_writable, write
from pimsim.report.pipeline import run
from pimsim.report.render import text
from pimsim.report.result import Baseline, RunResult

__all__ = ["Baseline", "RunResult", "check_writable", "run", "text", "write"]

"""The report: one self-contained HTML page about a run."""

from tasktune.report.page import write_report

__all__ = ["write_report"]

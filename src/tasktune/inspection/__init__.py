"""Inspection: what is wrong with a run's data, said before it costs a run."""

from tasktune.inspection.inspect import Inspection, inspect_run

__all__ = ["Inspection", "inspect_run"]

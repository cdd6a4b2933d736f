"""Metrics: what a task is scored by."""

from tasktune.evaluation.metrics.base import Metric, metrics

__all__ = ["Metric", "metrics"]

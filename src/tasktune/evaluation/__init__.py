"""Evaluation: predictions, metrics and their intervals."""

from tasktune.evaluation.evaluate import EvaluationResult, TaskResult, check_metrics, evaluate
from tasktune.evaluation.predict import Prediction, predict_task

__all__ = [
    "EvaluationResult",
    "Prediction",
    "TaskResult",
    "check_metrics",
    "evaluate",
    "predict_task",
]

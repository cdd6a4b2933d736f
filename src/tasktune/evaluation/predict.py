"""A task's predictions, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from tasktune.data import Task
from tasktune.evaluation.generation import generate
from tasktune.evaluation.heads import as_numbers, run_head
from tasktune.evaluation.label_scoring import score_labels
from tasktune.model.task_model import TaskModel


@dataclass(frozen=True)
class Prediction:
    """What the model says of one example.

    :param answer: a label, a number or a text.
    :param probabilities: of each label, for classification.
    """

    answer: str | float
    probabilities: dict[str, float] | None = None


def predict_task(
    model: TaskModel, task: Task, prompts: Sequence[NDArray[np.int32]], batch_tokens: int
) -> list[Prediction]:
    """The predictions of a task, in the order of its prompts.

    :param prompts: each one's tokens.
    :param batch_tokens: in one forward pass.
    """
    if not prompts:
        return []
    with evaluating(model):
        if task.kind in ("regression", "classification"):
            score = run_head if task.head else score_labels
            return read_outputs(task, score(model, task, prompts, batch_tokens))
        return [Prediction(text) for text in generate(model, task, prompts, batch_tokens)]


def read_outputs(task: Task, outputs: NDArray[np.float64]) -> list[Prediction]:
    """What a head's outputs or labels' scores say: numbers, or labels with probabilities.

    :param outputs: ``[n, 1]`` of a regression, else ``[n, classes]``.
    """
    if task.kind == "regression":
        return [Prediction(number) for number in as_numbers(outputs, task.value_range)]
    return [classify(task, shares) for shares in softmax(outputs, axis=1)]


def classify(task: Task, shares: NDArray[np.float64]) -> Prediction:
    """The likeliest label, with all labels' probabilities."""
    best = int(shares.argmax())
    by_label = dict(zip(task.labels, shares.tolist(), strict=True))
    return Prediction(task.labels[best], by_label)


@contextmanager
def evaluating(model: TaskModel) -> Iterator[None]:
    """In evaluation mode and without touching the random state of training."""
    training = model.training
    model.eval()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            model.train(training)

"""What the heads say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tasktune.batching.item import Item
from tasktune.data import Task
from tasktune.evaluation.batches import by_length
from tasktune.model.task_model import TaskModel


@torch.no_grad()
def run_head(
    model: TaskModel, task: Task, prompts: Sequence[NDArray[np.int32]], batch_tokens: int
) -> NDArray[np.float64]:
    """The task's head on each prompt: ``[n, classes]`` or ``[n, 1]``."""
    items = [Item(task.index, prompt, len(prompt), label=0.0) for prompt in prompts]
    rows: list[NDArray[np.float64]] = [np.empty(0)] * len(items)
    for indices in by_length(items, batch_tokens):
        output = model(model.collate([items[index] for index in indices])).heads[task.index]
        for index, row in zip(indices, output.double().cpu().numpy(), strict=True):
            rows[index] = row
    return np.stack(rows)


def as_numbers(outputs: NDArray[np.float64], value_range: tuple[float, float]) -> list[float]:
    """``[n, 1]`` outputs on the task's own scale, kept within it."""
    low, high = value_range
    numbers = low + outputs[:, 0] * (high - low)
    return [float(number) for number in np.clip(numbers, low, high)]

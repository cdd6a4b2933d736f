"""From an example on disk to an item of a batch."""

from __future__ import annotations

from tasktune.batching.item import Item
from tasktune.data import Split, Task


def training_item(task: Task, split: Split, index: int) -> Item:
    """Example ``index`` of ``split`` with what the model is to predict of it."""
    label = head_label(task, split, index) if task.head else None
    return Item(
        task=task.index,
        input_ids=split.input_ids(index),
        prompt_length=split.prompt_length(index),
        label=label,
        class_index=split.label(index) if task.kind == "classification" else -1,
    )


def head_label(task: Task, split: Split, index: int) -> float:
    """A class index, or a number on the scale where the task's range is 0 to 1."""
    if task.kind == "classification":
        return float(split.label(index))
    low, high = task.value_range
    return (split.value(index) - low) / (high - low)

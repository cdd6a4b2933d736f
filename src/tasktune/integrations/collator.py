"""Batches sorted by task, in the form that Transformers' own models take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tasktune.batching.padding import pad_rows
from tasktune.errors import UserError, nearest

Example = Mapping[str, Any]
IGNORED = -100
"""Transformers' label for a token that is not to be predicted."""
TASK_SIZES = "task_sizes"
"""The key under which a batch says how much of it is each task's."""


class TaskCollator:
    """Packs examples into one row without padding, sorted by task; or pads them, sorted alike.

    An example has ``input_ids``, ``labels`` of the same length (-100 where nothing is to be
    predicted) and ``task``, a name. Packed examples don't see each other: positions begin anew, no
    mask is given and no cache is used, which is how Transformers tells sequences of a row apart,
    and no example's first token is a target of the one before.

    ``Trainer`` needs ``remove_unused_columns=False``, or the column ``task`` does not arrive.

    :param tasks: the tasks' names; batches are sorted in their order.
    :param pad_id: pads on the right with this token, for models that can't take packed rows (OPT).
    :param name_tasks: whether batches also hold ``task_sizes``, which :class:`TaskMonitor` takes
        out; False where there is none, since models don't know the key.
    """

    def __init__(
        self, tasks: Sequence[str], *, pad_id: int | None = None, name_tasks: bool = True
    ) -> None:
        self.tasks = tuple(tasks)
        self.pad_id = pad_id
        self.name_tasks = name_tasks

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The batch as the model's keyword arguments.

        ``task_sizes`` is ``[K]``: each task's tokens of a packed row, or rows of a padded batch.

        :raises UserError: for an example without a task, or labels of another length.
        """
        numbers = [self.number(example) for example in examples]
        order = sorted(
            range(len(examples)), key=lambda i: (numbers[i], len(examples[i]["input_ids"]))
        )
        rows = [np.asarray(examples[i]["input_ids"], dtype=np.int32) for i in order]
        labels = [targets(examples[i]) for i in order]
        if self.pad_id is None:
            units = [len(row) for row in rows]
            batch = packed(rows, labels)
        else:
            units = [1] * len(rows)
            batch = padded(rows, labels, self.pad_id)
        if self.name_tasks:
            sizes = np.bincount(
                [numbers[i] for i in order], weights=units, minlength=len(self.tasks)
            )
            batch[TASK_SIZES] = torch.from_numpy(sizes).long()
        return batch

    def number(self, example: Example) -> int:
        """Which task an example is of."""
        if "task" not in example:
            raise UserError(
                f"an example has no 'task', only {', '.join(sorted(example))}; give it one, and set"
                " remove_unused_columns=False in TrainingArguments"
            )
        if example["task"] not in self.tasks:
            hint = nearest(str(example["task"]), self.tasks)
            raise UserError(f"an example is of unknown task '{example['task']}'; {hint}")
        return self.tasks.index(example["task"])


def targets(example: Example) -> NDArray[np.int32]:
    """An example's labels; its first token is no target, as nothing of it comes before."""
    labels = np.array(example["labels"], dtype=np.int32)
    if len(labels) != len(example["input_ids"]):
        raise UserError(
            f"an example of task '{example['task']}' has {len(example['input_ids'])} input_ids and"
            f" {len(labels)} labels; they must be as many"
        )
    labels[:1] = IGNORED
    return labels


def packed(
    rows: Sequence[NDArray[np.int32]], labels: Sequence[NDArray[np.int32]]
) -> dict[str, Any]:
    """One row of all examples, ``[1, T]`` each."""
    positions = [np.arange(len(row)) for row in rows]
    return {
        "input_ids": torch.from_numpy(np.concatenate(rows)[None]).long(),
        "position_ids": torch.from_numpy(np.concatenate(positions)[None]).long(),
        "labels": torch.from_numpy(np.concatenate(labels)[None]).long(),
        "use_cache": False,
    }


def padded(
    rows: Sequence[NDArray[np.int32]], labels: Sequence[NDArray[np.int32]], pad_id: int
) -> dict[str, Any]:
    """A row an example, ``[R, L]`` each."""
    ids, mask = pad_rows(rows, pad_id)
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask),
        "labels": torch.from_numpy(pad_rows(labels, IGNORED)[0]),
        "use_cache": False,
    }

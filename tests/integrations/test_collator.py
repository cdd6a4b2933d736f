"""Batches for a plain Transformers model: packed or padded, they equal examples by themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasktune.errors import UserError
from tasktune.integrations import TaskCollator
from tests.integrations.loop import TASKS, examples, plain_model


@pytest.mark.parametrize("pad_id", [None, 0])
def test_equals_examples_by_themselves(pad_id: int | None) -> None:
    model, rows = plain_model().eval(), examples(7)
    batch = TaskCollator(TASKS, pad_id=pad_id, name_tasks=False)(rows)
    together = model(**batch)
    ordered = sorted(rows, key=lambda row: (TASKS.index(row["task"]), len(row["input_ids"])))
    alone = [model(input_ids=torch.tensor([row["input_ids"]])).logits[0] for row in ordered]
    flat = together.logits[batch["attention_mask"].bool()] if pad_id == 0 else together.logits[0]
    torch.testing.assert_close(flat, torch.cat(alone), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pad_id", [None, 0])
def test_the_loss_is_that_of_all_targets(pad_id: int | None) -> None:
    model, rows = plain_model().eval(), examples(7)
    rows[0]["labels"] = list(rows[0]["input_ids"])  # its first token follows none
    together = model(**TaskCollator(TASKS, pad_id=pad_id, name_tasks=False)(rows)).loss
    total = count = 0.0
    for row in rows:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        targets = int((labels[:, 1:] != -100).sum())
        total += model(input_ids=ids, labels=labels).loss.item() * targets
        count += targets
    assert together.item() == pytest.approx(total / count, rel=1e-5)


def test_sorted_by_task() -> None:
    rows = examples(5)
    batch = TaskCollator(TASKS)(rows)
    lengths = [sum(len(r["input_ids"]) for r in rows if r["task"] == task) for task in TASKS]
    assert batch["task_sizes"].tolist() == lengths
    assert TaskCollator(TASKS, pad_id=0)(rows)["task_sizes"].tolist() == [2, 2, 1]
    starts = (batch["position_ids"][0] == 0).nonzero().flatten()
    assert len(starts) == 5 and bool((batch["labels"][0, starts] == -100).all())


def test_absent_tasks_have_no_part() -> None:
    rows = [row for row in examples(6) if row["task"] != TASKS[1]]
    assert TaskCollator(TASKS)(rows)["task_sizes"][1] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": None}, "remove_unused_columns=False"),
        ({"task": "translte"}, "did you mean 'translate'?"),
        ({"labels": [1]}, "1 labels"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    row = {key: value for key, value in {**examples(1)[0], **change}.items() if value is not None}
    with pytest.raises(UserError, match=message):
        TaskCollator(TASKS)([row])

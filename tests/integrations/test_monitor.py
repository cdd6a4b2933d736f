"""Each task's loss in Trainer's own log; the training is left as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import TrainerCallback

from tasktune.errors import UserError
from tasktune.integrations import TaskMonitor
from tests.integrations.loop import TASKS, adapter, examples, plain_model, trainer


def own_loss(model: PeftModel, task: str, count: int) -> float:
    """A task's mean loss over its targets, an example at a time."""
    losses = targets = 0.0
    for row in examples(count):
        if row["task"] == task:
            ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
            number = int((labels != -100).sum())
            losses += model(input_ids=ids, labels=labels).loss.item() * number
            targets += number
    return losses / targets


@pytest.mark.parametrize("pad_id", [None, 0])
def test_losses_are_the_tasks(tmp_path: Path, pad_id: int | None) -> None:
    model = plain_model()
    expected = {f"loss/{task}": own_loss(model, task, 8) for task in TASKS}
    loop = trainer(model, examples(8), tmp_path, [TaskMonitor(TASKS)], pad_id,
                   per_device_train_batch_size=4, gradient_accumulation_steps=2)  # fmt: skip
    loop.train()
    line = loop.state.log_history[0]
    assert {key: line[key] for key in expected} == pytest.approx(expected, rel=1e-4)


class Tracker(TrainerCallback):
    """Keeps the lines that it is shown."""

    def __init__(self) -> None:
        self.lines: list[dict[str, float]] = []

    def on_log(self, *arguments: Any, logs: dict[str, float], **kwargs: Any) -> None:
        self.lines.append(dict(logs))


def test_trackers_named_afterwards_see_it(tmp_path: Path) -> None:
    tracker = Tracker()
    trainer(plain_model(), examples(8), tmp_path, [TaskMonitor(TASKS), tracker]).train()
    assert {f"loss/{task}" for task in TASKS} <= set(tracker.lines[0])


def test_training_is_left_as_it_is(tmp_path: Path) -> None:
    ends = []
    for callbacks in ([], [TaskMonitor(TASKS)]):
        model = plain_model()
        trainer(model, examples(8), tmp_path, callbacks, max_steps=3).train()
        ends.append(adapter(model))
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=0)


def test_evaluation_by_task_and_apart_from_training(tmp_path: Path) -> None:
    loop = trainer(plain_model(), examples(8), tmp_path, [TaskMonitor(TASKS)], max_steps=4,
                   logging_steps=4, eval_strategy="steps", eval_steps=2)  # fmt: skip
    loop.train()
    looks = [line for line in loop.state.log_history if "eval_loss" in line]
    assert [sorted(key for key in line if "/" in key) for line in looks] == [
        sorted(f"eval_loss/{task}" for task in TASKS)
    ] * 2
    (line,) = [line for line in loop.state.log_history if "loss" in line]
    assert sorted(key for key in line if "/" in key) == sorted(f"loss/{task}" for task in TASKS)
    scored = loop.evaluate()
    expected = own_loss(loop.model.eval(), TASKS[0], 8)
    assert scored[f"eval_loss/{TASKS[0]}"] == pytest.approx(expected, rel=1e-4)
    assert f"test_loss/{TASKS[0]}" in loop.predict(examples(8)).metrics


def test_label_smoothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="label_smoothing_factor"):
        trainer(plain_model(), examples(4), tmp_path, [TaskMonitor(TASKS)],
                label_smoothing_factor=0.1)  # fmt: skip

"""Updates out of the tasks' gradients in Trainer's loop, against TorchJD and separate passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torchjd.aggregation import TrimmedMean, UPGrad

from tasktune.errors import UserError
from tasktune.integrations import TaskWeighting
from tests.integrations.loop import TASKS, adapter, examples, plain_model, trainer

COUNT = 9


def jacobian(model: PeftModel) -> torch.Tensor:
    """Each task's gradient by PEFT and Transformers alone, an example at a time: ``[K, P]``."""
    rows = []
    for task in TASKS:
        own = [row for row in examples(COUNT) if row["task"] == task]
        count = sum(sum(label != -100 for label in row["labels"]) for row in own)
        model.zero_grad()
        for row in own:
            ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
            model(input_ids=ids, labels=labels, num_items_in_batch=count).loss.backward()
        rows.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]))
    model.zero_grad()
    return torch.stack(rows)


def update(folder: Path, method: str, pad_id: int | None = None, **arguments: Any) -> torch.Tensor:
    """What one step of gradient descent with a learning rate of 1 takes off the adapter."""
    model = plain_model()
    before = adapter(model)
    trainer(model, examples(COUNT), folder, [TaskWeighting(TASKS, method)], pad_id,
            **arguments).train()  # fmt: skip
    return before - adapter(model)


@pytest.mark.parametrize(
    "cut",
    [
        {},
        {"pad_id": 0},
        {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 5},
        {"activation_checkpointing": True},
    ],
    ids=["packed", "padded", "accumulated", "recomputed"],
)
def test_upgrad_is_torchjds(tmp_path: Path, cut: dict[str, Any]) -> None:
    expected = UPGrad()(jacobian(plain_model()))
    assert (update(tmp_path, "upgrad", **cut) - expected).norm() <= 1e-4 * expected.norm()


@pytest.mark.parametrize("method", ["equal", "trimmed_mean"])
def test_sums_and_matrices(tmp_path: Path, method: str) -> None:
    gradients = jacobian(plain_model())
    expected = gradients.mean(0) if method == "equal" else TrimmedMean(1)(gradients)
    assert (update(tmp_path, method) - expected).norm() <= 1e-4 * expected.norm()


def test_pooled_is_trainers_own_update(tmp_path: Path) -> None:
    ends = []
    for callbacks in ([], [TaskWeighting(TASKS)]):
        model = plain_model()
        loop = trainer(model, examples(COUNT), tmp_path, callbacks, optim="adamw_torch",
                       learning_rate=1e-3, max_steps=3, max_grad_norm=0.01,
                       per_device_train_batch_size=2, gradient_accumulation_steps=3)  # fmt: skip
        loop.train()
        ends.append((adapter(model), loop.state.log_history[0]["grad_norm"]))
    torch.testing.assert_close(ends[0][0], ends[1][0], rtol=1e-4, atol=1e-5)
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-4)


def test_in_half_precision(tmp_path: Path) -> None:
    expected = UPGrad()(jacobian(plain_model()))
    assert (update(tmp_path, "upgrad", bf16=True) - expected).norm() <= 0.1 * expected.norm()


def test_cosines_are_logged_and_the_model_is_as_it_was(tmp_path: Path) -> None:
    model = plain_model()
    names = list(model.state_dict())
    gradients = jacobian(model)
    loop = trainer(model, examples(COUNT), tmp_path, [TaskWeighting(TASKS)])
    loop.train()
    line = loop.state.log_history[0]
    cosine = torch.cosine_similarity(gradients[0], gradients[1], dim=0)
    assert line[f"cosine/{TASKS[0]}/{TASKS[1]}"] == pytest.approx(float(cosine), abs=1e-4)
    assert list(model.state_dict()) == names


def test_an_absent_task_has_no_part(tmp_path: Path) -> None:
    rows = [row for row in examples(COUNT) if row["task"] != TASKS[1]]
    model = plain_model()
    before = adapter(model)
    trainer(model, rows, tmp_path, [TaskWeighting(TASKS, "upgrad")]).train()
    expected = UPGrad()(jacobian(plain_model())[[0, 2]])
    assert (before - adapter(model) - expected).norm() <= 1e-4 * expected.norm()


@pytest.mark.parametrize(
    ("lora", "arguments", "message"),
    [
        ({"use_dora": True}, {}, "plain LoRA"),
        ({"modules_to_save": ["lm_head"]}, {}, "trains too"),
        ({}, {"fp16": True}, "fp16"),
    ],
)
def test_what_would_train_otherwise_is_refused(
    tmp_path: Path, lora: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    model = plain_model(**lora)
    with pytest.raises(UserError, match=message):
        trainer(model, examples(4), tmp_path, [TaskWeighting(TASKS)], **arguments).train()


def test_methods_are_checked() -> None:
    with pytest.raises(UserError, match="did you mean 'upgrad'"):
        TaskWeighting(TASKS, "upgard")
    with pytest.raises(UserError, match="after each update"):
        TaskWeighting(TASKS, "famo")
    with pytest.raises(UserError, match="unknown key"):
        TaskWeighting(TASKS, "cagrad", d=1)

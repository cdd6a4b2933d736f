"""A training loop of Transformers' own, over a tiny random Llama with a plain LoRA adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from tasktune.integrations import TaskCollator
from tests.models import VOCABULARY

TASKS = ("sentiment", "translate", "intent")


def plain_model(**lora: Any) -> PeftModel:
    """Two layers, an adapter on each linear one, no weight zero."""
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=24, intermediate_size=32,
                         num_hidden_layers=2, num_attention_heads=4)  # fmt: skip
    options = {"r": 4, "lora_alpha": 12, "target_modules": "all-linear", **lora}
    model = get_peft_model(LlamaForCausalLM(config), LoraConfig(task_type="CAUSAL_LM", **options))
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def examples(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Tasks in turn; each predicts the second half of a few random tokens."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        ids = generator.integers(1, VOCABULARY, int(generator.integers(5, 25))).tolist()
        labels = [-100] * (len(ids) // 2) + ids[len(ids) // 2 :]
        rows.append({"input_ids": ids, "labels": labels, "task": TASKS[number % len(TASKS)]})
    return rows


def trainer(
    model: PeftModel,
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
    callbacks: Sequence[TrainerCallback],
    pad_id: int | None = None,
    **arguments: Any,
) -> Trainer:
    """One step of plain gradient descent over all rows, unless told otherwise."""
    options = {"per_device_train_batch_size": len(rows), "max_steps": 1, "optim": "sgd"}
    options |= {"learning_rate": 1.0, "lr_scheduler_type": "constant", "max_grad_norm": 0.0}
    options |= {"logging_steps": 1, "save_strategy": "no", "report_to": "none"}
    return Trainer(
        model=model,
        args=TrainingArguments(
            str(folder),
            remove_unused_columns=False,
            disable_tqdm=True,
            use_cpu=True,
            **{**options, **arguments},
        ),
        train_dataset=list(rows),  # type: ignore[arg-type]
        eval_dataset=list(rows),  # type: ignore[arg-type]
        data_collator=TaskCollator(TASKS, pad_id=pad_id, name_tasks=bool(callbacks)),
        callbacks=list(callbacks),
    )


def adapter(model: PeftModel) -> torch.Tensor:
    """All that trains, as one vector."""
    return torch.cat([p.detach().flatten().clone() for p in model.parameters() if p.requires_grad])

"""Tiny models of random weights, in double precision, for tests that compare numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from tasktune.batching.packing import Item
from tasktune.model.heads import HeadShape
from tasktune.model.layouts import layouts
from tasktune.model.loading import BaseModel
from tasktune.model.task_model import TaskModel

VOCABULARY = 61


class PadToken:
    """What a padded batch asks of a tokenizer."""

    pad_token_id = 0


def tiny_model(
    layout: str,
    tasks: Sequence[str],
    *,
    packed: bool = True,
    dtype: torch.dtype = torch.float64,
    rank: int = 4,
    dropout: float = 0.0,
    **options: Any,
) -> TaskModel:
    """A Llama of two layers; task 1 has a head of three classes; no adapter is zero any more."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    base = LlamaForCausalLM(config).requires_grad_(False)
    context = {"tasks": len(tasks), "rank": rank, "alpha": 8.0}
    model = TaskModel(
        BaseModel(base, cast(PreTrainedTokenizerBase, PadToken()), "tiny"),
        layouts.build(layout, options, "adapter", context),
        tasks,
        [HeadShape(1, 3)] if len(tasks) > 1 else [],
        dropout=dropout,
        packed=packed,
    )
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return model.to(dtype)


def random_items(
    count: int,
    tasks: int,
    *,
    lengths: tuple[int, int] = (5, 25),
    head: int | None = None,
    seed: int = 0,
) -> list[Item]:
    """Examples of tasks in turn; those of task ``head`` are for its head."""
    generator = np.random.default_rng(seed)
    items = []
    for number in range(count):
        task = number % tasks
        ids = generator.integers(1, VOCABULARY, int(generator.integers(*lengths)))
        label = float(number % 3) if task == head else None
        prompt = len(ids) if label is not None else max(len(ids) // 2, 1)
        items.append(Item(task, ids.astype(np.int32), prompt, label))
    return items

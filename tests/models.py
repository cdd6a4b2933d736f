"""Tiny models of random weights, in double precision, for tests that compare numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from transformers import AutoConfig, PreTrainedTokenizerBase

from tasktune.batching.item import Item, Pooling
from tasktune.model.architectures import architecture_of
from tasktune.model.heads import HeadShape
from tasktune.model.layouts import layouts
from tasktune.model.loading import BaseModel
from tasktune.model.task_model import TaskModel

VOCABULARY = 61


class Marks:
    """What batches ask of a tokenizer."""

    pad_token_id = 0
    eos_token_id = 2
    sep_token_id = 2


SIZES: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_dropout_prob": 0.0}
SIZES |= {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "max_position_embeddings": 128, "pad_token_id": 0}
SIZES |= {"attention_probs_dropout_prob": 0.0}
BASES: dict[str, dict[str, Any]] = {
    "llama": {**SIZES, "num_key_value_heads": 2},
    "bert": SIZES,
    "roberta": {**SIZES, "pad_token_id": 1},
    "electra": {**SIZES, "embedding_size": 24},
    "distilbert": {
        "vocab_size": VOCABULARY, "dim": 24, "hidden_dim": 32, "n_layers": 2, "n_heads": 4,
        "max_position_embeddings": 128, "dropout": 0.0, "attention_dropout": 0.0,
    },
    "modernbert": {**SIZES, "global_attn_every_n_layers": 2, "local_attention": 4},
    "t5": {
        "vocab_size": VOCABULARY, "d_model": 24, "d_kv": 6, "d_ff": 32, "num_layers": 2,
        "num_heads": 4, "dropout_rate": 0.0, "decoder_start_token_id": 0, "pad_token_id": 0,
        "eos_token_id": 2,
    },
    "bart": {
        "vocab_size": VOCABULARY, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2,
        "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32, "max_position_embeddings": 128, "dropout": 0.0, "pad_token_id": 0,
        "eos_token_id": 2, "bos_token_id": 1, "decoder_start_token_id": 2,
    },
}  # fmt: skip
ENCODERS = ("bert", "roberta", "electra", "distilbert")
PACKED = ("llama", *ENCODERS)
ENCODER_DECODERS = ("t5", "bart")


def tiny_base(kind: str) -> BaseModel:
    """A model of two layers and random weights, of any architecture."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **BASES[kind])
    architecture = architecture_of(config)
    assert architecture is not None
    model = architecture.auto_class.from_config(config).requires_grad_(False)
    model.pooler = None
    for name, parameter in model.named_parameters():  # weights large enough to tell tokens apart
        if "norm" not in name.lower() and parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    marks = cast(PreTrainedTokenizerBase, Marks())
    return BaseModel(model.eval(), marks, "tiny", architecture)


def tiny_model(
    layout: str,
    tasks: Sequence[str],
    *,
    packed: bool = True,
    dtype: torch.dtype = torch.float64,
    rank: int = 4,
    dropout: float = 0.0,
    kind: str = "llama",
    pooling: Pooling | Literal["auto"] = "auto",
    heads: Sequence[int] = (1,),
    **options: Any,
) -> TaskModel:
    """A model of two layers; task 1 has a head of three classes; no adapter is zero any more.

    :param kind: a key of ``BASES``.
    :param heads: the tasks that have one.
    """
    base = tiny_base(kind)
    context = {"tasks": len(tasks), "rank": rank, "alpha": 8.0}
    model = TaskModel(
        base,
        layouts.build(layout, options, "adapter", context),
        tasks,
        [HeadShape(task, 3) for task in heads if task < len(tasks)],
        dropout=dropout,
        packed=packed and kind in PACKED,
        pooling=pooling,
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

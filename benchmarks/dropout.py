"""Dropout on a CPU: masks cut out of random words against PyTorch's, alone and in a step.

``mask_faster`` is of a pass both ways over the inputs of a layer. ``step_faster`` is of a step of a
BERT of all-MiniLM-L6's shape and of random weights with an adapter, whose own layers and attention
have dropout too. Both sides in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoTokenizer, BertConfig, BertModel

from tasktune.batching import attention, dropout
from tasktune.batching.item import Item
from tasktune.demo import tiny_model_folder
from tasktune.model import grouped_lora
from tasktune.model.architectures import Encoder
from tasktune.model.heads import HeadShape
from tasktune.model.layouts import layouts
from tasktune.model.loading import BaseModel
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_sums

Drop = Callable[[torch.Tensor, float], torch.Tensor]
OURS, THEIRS = dropout.dropout, F.dropout
RATE = 0.1


def encoder(layers: int) -> TaskModel:
    """An encoder with a head and an adapter, in training."""
    torch.manual_seed(0)
    config = BertConfig(hidden_size=384, num_hidden_layers=layers, num_attention_heads=12,
                        intermediate_size=1536, vocab_size=30522)  # fmt: skip
    base = BertModel(config, add_pooling_layer=False).requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder())
    layout = layouts.build("shared", {}, "adapter", {"tasks": 1, "rank": 8, "alpha": 16})
    held = BaseModel(base, tokenizer, "random", Encoder)
    return TaskModel(held, layout, ["task"], [HeadShape(0, 2)], dropout=RATE).train()


def use(drop: Drop) -> None:
    """Sends every dropout of a model through ``drop``."""
    for module, name in (
        (dropout, "dropout"),
        (attention, "fast_dropout"),
        (grouped_lora, "dropout"),
    ):
        setattr(module, name, drop)


def faster(work: Callable[[], object], rounds: int) -> float:
    """How many times as fast work is with our masks."""
    spent: dict[Drop, list[float]] = {OURS: [], THEIRS: []}
    for _ in range(rounds + 1):
        for drop, times in spent.items():
            use(drop)
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    use(OURS)
    return statistics.median(spent[THEIRS][1:]) / statistics.median(spent[OURS][1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer rounds")
    arguments = parser.parse_args()
    layers, count, rounds = (2, 32, 5) if arguments.quick else (6, 64, 9)
    rows = torch.randn(2048, 384, requires_grad=True)
    layer: nn.Module = dropout.Dropout(RATE).train()
    figures = {"mask_faster": round(faster(lambda: layer(rows).sum().backward(), 20), 3)}
    model = encoder(layers)
    generator = np.random.default_rng(0)
    items = [
        Item(0, generator.integers(1, 30522, length).astype(np.int32), length, label=0.0)
        for length in generator.integers(8, 64, count).tolist()
    ]

    def step() -> None:
        batch = model.collate(items)
        loss_sums(model(batch), batch).sum().backward()

    figures["step_faster"] = round(faster(step, rounds), 3)
    for name, figure in figures.items():
        print(f"{name}: {figure:.2f}")
    setting = {"layers": layers, "examples": count, "rate": RATE}
    setting |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    print(json.dumps({"benchmark": "dropout", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

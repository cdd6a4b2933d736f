"""An encoder's packed batches against padded ones: time, memory, and the same update.

A BERT of all-MiniLM-L6's shape and of random weights, eight tasks with heads, 256 examples a step
whose lengths are the pack's: short questions and tweets beside reviews. Each side runs in a process
of its own, in alternation; peak memory is counted from the model as it was loaded. On the CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time

import numpy as np
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from settings import medians_in_turn, peak_mib
from tasktune.batching.item import Item
from tasktune.demo import tiny_model_folder
from tasktune.model.architectures import Encoder
from tasktune.model.heads import HeadShape
from tasktune.model.layouts import layouts
from tasktune.model.loading import BaseModel
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings

TASKS = 8
EXAMPLES = 256
LENGTHS = (27, 15, 34, 16, 18, 31, 29, 128)
"""A task's usual number of tokens: about the means of eight of the pack's, reviews cut to 128."""


def encoder(layers: int, packed: bool) -> TaskModel:
    """The model, with adapters that have already moved away from zero."""
    torch.manual_seed(0)
    shape = BertConfig(
        hidden_size=384, intermediate_size=1536, num_hidden_layers=layers, num_attention_heads=12
    )
    base = BertModel(shape, add_pooling_layer=False).requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder())
    model = TaskModel(
        BaseModel(base, tokenizer, "random", Encoder),
        layouts.build("shared", {}, "adapter", {"tasks": TASKS, "rank": 8, "alpha": 16}),
        [f"task{k}" for k in range(TASKS)],
        [HeadShape(k, 2) for k in range(TASKS)],
        packed=packed,
    )
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.02)
    return model.eval()  # dropout would differ between the sides


def examples() -> list[Item]:
    """Tasks in turn; lengths from half of a task's usual one to one and a half of it."""
    generator = np.random.default_rng(0)
    items = []
    for number in range(EXAMPLES):
        usual = LENGTHS[number % TASKS]
        length = int(generator.integers(usual // 2, usual * 3 // 2))
        ids = generator.integers(1000, 30000, length).astype(np.int32)
        items.append(Item(number % TASKS, ids, length, float(generator.integers(2))))
    return items


def measure(side: str, layers: int, steps: int) -> dict[str, float]:
    """One side: seconds of a step, memory beyond the loaded model, and what it computed."""
    model, items = encoder(layers, side == "packed"), examples()
    counts = loss_counts(items, TASKS)
    weighting = weightings.build("equal", {}, "weighting")
    loaded = peak_mib()
    seconds = []
    for number in range(steps + 1):
        model.zero_grad()
        begun = time.perf_counter()
        step = Step(number, [model.collate(items)], counts, contextlib.nullcontext)
        update = backward(model, step, weighting)
        seconds.append(time.perf_counter() - begun)
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    norm = float(torch.cat(gradients).double().norm())
    return {
        "seconds": statistics.median(seconds[1:]), "mib": peak_mib() - loaded,
        "loss": update.loss, "norm": norm,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer layers, fewer rounds")
    parser.add_argument("--side", choices=("packed", "padded"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    layers, steps, rounds = (2, 2, 1) if options.quick else (6, 4, 3)
    if options.side:
        print(json.dumps(measure(options.side, layers, steps)))
        return
    sides = medians_in_turn(("padded", "packed"), rounds)
    padded, packed = sides["padded"], sides["packed"]
    figures = {
        "step_ratio": round(packed["seconds"] / padded["seconds"], 3),
        "memory_ratio": round(packed["mib"] / padded["mib"], 3),
        "loss_relative_difference": abs(packed["loss"] / padded["loss"] - 1),
        "gradient_norm_relative_difference": abs(packed["norm"] / padded["norm"] - 1),
    }
    for name, figure in figures.items():
        print(f"{name:34} {figure:.3g}")
    setting = {
        "layers": layers, "examples": EXAMPLES, "device": "cpu",
        "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip
    print(json.dumps({"benchmark": "encoders", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

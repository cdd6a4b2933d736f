"""Attention of short sequences in bfloat16 on a CPU: in single precision against as it comes.

A forward and backward pass of a Llama of random bfloat16 weights with an adapter, over 2,048 tokens
in sequences of about one length. PyTorch's kernel for CPUs goes back slowly in half precision, so
short sequences are attended to in single; ``faster_L`` is how many times as fast that is. Both
sides in turn. Sequences of 256 tokens and more are left as they are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch

from settings import random_items, random_llama
from tasktune.batching import attention
from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_sums

OURS, AS_IT_COMES = attention.WIDENED_KEYS, 0
TOKENS = 2048


def step(model: TaskModel, items: list[Item]) -> float:
    """How long a pass both ways takes, in seconds."""
    begun = time.perf_counter()
    batch = model.collate(items)
    loss_sums(model(batch), batch).sum().backward()
    return time.perf_counter() - begun


def faster(model: TaskModel, items: list[Item], rounds: int) -> float:
    """How many times as fast a pass is in single precision."""
    spent: dict[int, list[float]] = {OURS: [], AS_IT_COMES: []}
    for _ in range(rounds + 1):
        for keys, times in spent.items():
            attention.WIDENED_KEYS = keys
            times.append(step(model, items))
    return statistics.median(spent[AS_IT_COMES][1:]) / statistics.median(spent[OURS][1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer rounds")
    quick = parser.parse_args().quick
    width, layers, rounds = (128, 2, 3) if quick else (512, 6, 9)
    model = random_llama("shared", 1, width=width, layers=layers, vocabulary=8192,
                         dtype=torch.bfloat16).train()  # fmt: skip
    figures = {}
    for length in (16, 64, 128, 250):
        lengths = (length - length // 8, length)
        items = random_items(model, 1, TOKENS // length, 0, lengths)
        figures[f"faster_{length}"] = round(faster(model, items, rounds), 3)
        print(f"sequences of {length} tokens: {figures[f'faster_{length}']:.2f} times as fast")
    setting = {"width": width, "layers": layers, "threads": torch.get_num_threads()}
    setting |= {"torch": torch.__version__}
    print(json.dumps({"benchmark": "attention", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

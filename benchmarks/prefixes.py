"""A prefix that examples share, computed once a batch: the step's time, and the same gradients.

Eight tasks, each with an instruction that all of its prompts begin with: an eighth, a third or half
of the tokens. One forward and backward pass of a Llama of random weights with an adapter a task and
a common one, packed as ever and with shared prefixes, in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
import torch
from torch import Tensor

from settings import random_llama
from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_sums

TASKS = 8
LENGTH = 96
"""Mean tokens of an example."""
SHARES = {"eighth": 12, "third": 32, "half": 48}


def items_with_prefix(model: TaskModel, prefix: int, count: int) -> list[Item]:
    """Examples of ``LENGTH`` tokens on average, the first ``prefix`` of them their task's."""
    generator = np.random.default_rng(0)
    vocabulary = int(model.transformer.config.vocab_size)
    begins = generator.integers(0, vocabulary, (TASKS, prefix))
    items = []
    for number in range(count):
        task = number % TASKS
        rest = generator.integers(0, vocabulary, LENGTH - prefix + int(generator.integers(-8, 9)))
        ids = np.concatenate([begins[task], rest]).astype(np.int32)
        items.append(Item(task, ids, len(ids) - 6))
    return items


def gradients(model: TaskModel, items: list[Item], share: bool) -> tuple[float, list[Tensor]]:
    """The seconds of a pass both ways, and what it gives."""
    model.zero_grad()
    model.shares_prefixes = share
    start = time.perf_counter()
    batch = model.collate(items)
    loss_sums(model(batch), batch).sum().backward()
    seconds = time.perf_counter() - start
    return seconds, [p.grad for p in model.parameters() if p.grad is not None]


def measure(model: TaskModel, prefix: int, count: int, rounds: int) -> tuple[float, float]:
    """How many times as fast sharing is, and how far its gradients are from the others."""
    items = items_with_prefix(model, prefix, count)
    spent: dict[bool, list[float]] = {False: [], True: []}
    found: dict[bool, list[Tensor]] = {}
    for _ in range(rounds + 1):
        for share in spent:
            seconds, found[share] = gradients(model, items, share)
            spent[share].append(seconds)
    faster = statistics.median(spent[False][1:]) / statistics.median(spent[True][1:])
    apart = [
        float((one - other).norm() / other.norm())
        for one, other in zip(found[True], found[False], strict=True)
    ]
    return faster, max(apart)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer rounds")
    arguments = parser.parse_args()
    width, layers, vocabulary = (256, 4, 4096) if arguments.quick else (512, 6, 16384)
    count, rounds = 64, 5
    model = random_llama(
        "shared_private", TASKS, width=width, layers=layers, vocabulary=vocabulary
    ).train()
    figures = {}
    for name, prefix in SHARES.items():
        faster, apart = measure(model, prefix, count, rounds)
        figures[f"{name}_faster"] = round(faster, 3)
        figures["gradient_relative_difference"] = max(
            figures.get("gradient_relative_difference", 0.0), float(f"{apart:.2g}")
        )
        print(f"a {name} of the tokens: {faster:.2f}x as fast, gradients {apart:.1e} apart")
    setting = {"width": width, "layers": layers, "vocabulary": vocabulary, "examples": count}
    setting |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    print(json.dumps({"benchmark": "prefixes", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

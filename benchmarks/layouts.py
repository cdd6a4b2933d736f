"""What a layout costs: the step time of each, relative to one shared adapter.

Packed batches of K tasks, the same for all, through a Llama of random weights with rank-8 LoRA on
all linear layers, forward, backward and optimiser; layouts alternate round by round. In single
precision and, with ``bf16`` in the name, in bfloat16; on a GPU in bfloat16 alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
from itertools import product

import torch

from settings import ON_GPU, gpu_size, hardware, now, random_items, random_llama
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings

LAYOUTS = ("shared", "per_task", "shared_private", "hydra", "mtl_lora", "moe")
TOKENS = 16384 if ON_GPU else 2048
DTYPES = {"": torch.bfloat16} if ON_GPU else {"": torch.float32, "bf16_": torch.bfloat16}


class Side:
    """A model under one layout, with its optimiser."""

    def __init__(
        self, layout: str, tasks: int, sizes: tuple[int, int, int], dtype: torch.dtype
    ) -> None:
        width, layers, vocabulary = sizes
        self.model: TaskModel = random_llama(
            layout, tasks, width=width, layers=layers, vocabulary=vocabulary, dtype=dtype
        )
        self.model.train()
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-3, fused=True)
        self.weighting = weightings.build("equal", {}, "weighting")

    def step(self, seed: int) -> float:
        """One update on a batch of its own; its seconds."""
        tasks = len(self.model.tasks)
        examples = max(tasks, 16)
        length = TOKENS // examples
        lengths = (max(length // 2, 4), length * 3 // 2)
        items = random_items(self.model, tasks, examples, seed=seed, lengths=lengths)
        begun = now()
        self.optimizer.zero_grad(set_to_none=True)
        counts = loss_counts(items, tasks)
        step = Step(0, [self.model.collate(items)], counts, contextlib.nullcontext)
        backward(self.model, step, self.weighting)
        self.optimizer.step()
        return now() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer rounds")
    quick = parser.parse_args().quick
    sizes, rounds = ((256, 4, 8192), 7) if quick else ((576, 10, 49152), 9)
    if ON_GPU:
        sizes = gpu_size(quick)
    figures: dict[str, float] = {}
    for tasks, (mark, dtype) in product((8, 64), DTYPES.items()):
        sides = {layout: Side(layout, tasks, sizes, dtype) for layout in LAYOUTS}
        seconds: dict[str, list[float]] = {layout: [] for layout in LAYOUTS}
        for round_ in range(rounds + 1):
            for layout, side in sides.items():
                taken = side.step(seed=round_)
                if round_:  # the first round warms up
                    seconds[layout].append(taken)
        medians = {layout: statistics.median(values) for layout, values in seconds.items()}
        for layout in LAYOUTS[1:]:
            ratio = medians[layout] / medians["shared"]
            name = f"{layout}_{mark}ratio_k{tasks}"
            print(f"{name:28} {ratio:.3f}x of shared ({medians['shared']:.3f} s)")
            figures[name] = round(ratio, 3)
    setting = {"tokens": TOKENS, "rank": 8, **hardware()}
    print(json.dumps({"benchmark": "layouts", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

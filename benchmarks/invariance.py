"""How much an update changes with the way its batch is cut up: it should not change at all.

The same 32 examples of four tasks go through one update as 1 x 32, 4 x 8 and 8 x 4 (micro-batches x
examples), packed, for each layout. Printed is the largest relative difference of the update to the
first. Double precision shows the mathematics, single precision what a run sees.
"""

from __future__ import annotations

import argparse
import contextlib
import json

import torch

from settings import random_items, tiny_llama
from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings

LAYOUTS = ("shared", "per_task", "shared_private")
CUTS = (32, 8, 4)


def update(model: TaskModel, items: list[Item], size: int) -> torch.Tensor:
    """The step's gradient, flattened, with ``size`` examples in a micro-batch."""
    model.zero_grad(set_to_none=True)
    pieces = [items[start : start + size] for start in range(0, len(items), size)]
    step = Step(
        number=0,
        batches=[model.collate(piece) for piece in pieces],
        counts=loss_counts(items, len(model.tasks)),
        autocast=contextlib.nullcontext,
    )
    backward(model, step, weightings.build("equal", {}, "weighting"))
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="single precision, one layout")
    quick = parser.parse_args().quick
    figures: dict[str, float] = {}
    for layout in LAYOUTS[-1:] if quick else LAYOUTS:
        for dtype in (torch.float32,) if quick else (torch.float32, torch.float64):
            model = tiny_llama(layout, tasks=4, dtype=dtype)
            items = random_items(model, tasks=4, count=32, seed=0)
            first, *others = [update(model, items, size) for size in CUTS]
            worst = max(float((first - other).norm() / first.norm()) for other in others)
            name = f"{layout}_{str(dtype).removeprefix('torch.')}"
            print(f"{name:28} {worst:.1e}")
            figures[name] = worst
    single = [value for name, value in figures.items() if name.endswith("float32")]
    figures["relative_difference"] = max(single)
    setting = {"examples": 32, "cuts": CUTS, "torch": torch.__version__}
    print(json.dumps({"benchmark": "invariance", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

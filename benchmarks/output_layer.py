"""Memory and time of the output layer over a large vocabulary: whole logits against parts.

The same update of the same model of random weights, once with the logits of all targets in memory
and once a part at a time, each in a process of its own, in alternation. Peak memory is counted from
the model as it was loaded; losses and gradients are compared. On the CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time

import torch

from settings import medians_in_turn, peak_mib, random_items, random_llama
from tasktune.batching import logits
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings

VOCABULARY = 128_256
TASKS = 8


def measure(side: str, examples: int) -> dict[str, float]:
    """One side: a process's memory beyond the loaded model, seconds, and what it computed."""
    if side == "whole":
        logits.LOGITS_AT_ONCE = sys.maxsize
    model = random_llama("shared", TASKS, width=128, layers=2, vocabulary=VOCABULARY)
    model.train()
    items = random_items(model, TASKS, examples, seed=0)
    step = Step(0, [model.collate(items)], loss_counts(items, TASKS), contextlib.nullcontext)
    weighting = weightings.build("equal", {}, "weighting")
    loaded = peak_mib()
    seconds = []
    for _ in range(3):
        model.zero_grad()
        begun = time.perf_counter()
        update = backward(model, step, weighting)
        seconds.append(time.perf_counter() - begun)
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    norm = float(torch.cat(gradients).double().norm())
    return {
        "mib": peak_mib() - loaded, "seconds": min(seconds), "loss": update.loss, "norm": norm,
        "targets": int(step.counts.sum()),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer targets, fewer rounds")
    parser.add_argument("--side", choices=("whole", "parts"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    examples, rounds = (96, 1) if options.quick else (288, 3)
    if options.side:
        print(json.dumps(measure(options.side, examples)))
        return
    sides = medians_in_turn(("whole", "parts"), rounds)
    whole, parts = sides["whole"], sides["parts"]
    figures = {
        "whole_mib": round(whole["mib"]),
        "parts_mib": round(parts["mib"]),
        "memory_ratio": round(parts["mib"] / whole["mib"], 3),
        "step_ratio": round(parts["seconds"] / whole["seconds"], 3),
        "loss_relative_difference": abs(parts["loss"] / whole["loss"] - 1),
        "gradient_norm_relative_difference": abs(parts["norm"] / whole["norm"] - 1),
    }
    for name, figure in figures.items():
        print(f"{name:34} {figure:.3g}")
    setting = {
        "vocabulary": VOCABULARY, "targets": int(whole["targets"]), "device": "cpu",
        "logits_at_once": logits.LOGITS_AT_ONCE, "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }  # fmt: skip
    print(json.dumps({"benchmark": "output_layer", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

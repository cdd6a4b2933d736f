"""What per-task gradients cost: one backward pass with views against the alternatives.

A step of K tasks on a Llama of random weights with rank-8 LoRA on all linear layers: a plain step;
ours with a Gramian weighting (UPGrad); K backward passes; TorchJD's own backward. All take the same
packed batch and end with a gradient in ``.grad``. Steps alternate between the variants, so that a
machine that slows down slows all of them; medians, as ratios to the plain step. The relative error
is the largest of a task's gradient against its own backward pass, in single precision. On a GPU the
steps are in bfloat16, adapters too, which TorchJD's solver does not take.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable

import torch
from torchjd.aggregation import UPGrad
from torchjd.autojac import backward as torchjd_backward
from torchjd.autojac import jac_to_grad

from settings import (
    DEVICE,
    ON_GPU,
    gpu_size,
    hardware,
    now,
    peak_mib,
    random_items,
    random_llama,
)
from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.gradients import TaskGradients
from tasktune.objective.losses import loss_counts, loss_sums
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings

TOKENS = 16384 if ON_GPU else 2048


class Bench:
    """A model, a batch and the variants of a step on it.

    :param tasks: K.
    """

    def __init__(self, tasks: int, quick: bool, dtype: torch.dtype) -> None:
        width, layers, vocabulary = sizes(quick)
        self.model: TaskModel = random_llama(
            "shared", tasks, width=width, layers=layers, vocabulary=vocabulary, dtype=dtype
        )
        self.model.train()
        self.items: list[Item] = []
        examples = max(tasks, 16)
        length = TOKENS // examples
        self.items = random_items(
            self.model, tasks, examples, seed=0, lengths=(length // 2, length * 3 // 2)
        )
        self.names = self.model.tasks
        self.shared = self.model.shared_parameters()

    def step(self) -> Step:
        """The step, its batch packed anew as in training."""
        counts = loss_counts(self.items, len(self.names))
        return Step(0, [self.model.collate(self.items)], counts, contextlib.nullcontext)

    def losses(self) -> torch.Tensor:
        """Each task's mean loss, ``[K]``."""
        step = self.step()
        (batch,) = step.batches
        return loss_sums(self.model(batch), batch) / step.counts.to(DEVICE)

    def plain(self) -> None:
        backward(self.model, self.step(), weightings.build("equal", {}, "weighting"))

    def ours(self) -> None:
        context = {"tasks": self.names}
        backward(self.model, self.step(), weightings.build("upgrad", {}, "weighting", context))

    def passes(self) -> list[torch.Tensor]:
        """K backward passes through one graph, and the update from their Jacobian."""
        losses = self.losses()
        rows = []
        for loss in losses:
            parts = torch.autograd.grad(loss, self.shared, retain_graph=True)
            rows.append(torch.cat([part.flatten() for part in parts]))
        jacobian = torch.stack(rows).float()
        update = UPGrad()(jacobian)
        pieces = update.split([p.numel() for p in self.shared])
        for parameter, piece in zip(self.shared, pieces, strict=True):
            parameter.grad = piece.view_as(parameter).to(parameter.dtype)
        return rows

    def torchjd(self) -> None:
        torchjd_backward(list(self.losses()), inputs=self.shared)
        jac_to_grad(self.shared, UPGrad())

    def relative_error(self) -> float:
        """The largest error of a task's gradient, relative to its norm."""
        expected = self.passes()
        step = self.step()
        (batch,) = step.batches
        with TaskGradients(self.model.routing, self.shared, batch.tasks) as gradients:
            (loss_sums(self.model(batch), batch) / step.counts.to(DEVICE)).sum().backward()
        rows = gradients.jacobian()
        errors = [(a - b).norm() / b.norm() for a, b in zip(rows, expected, strict=True)]
        return float(max(errors))

    def clear(self) -> None:
        self.model.zero_grad(set_to_none=True)


def measure(bench: Bench, rounds: int, slow_rounds: int) -> dict[str, float]:
    """Seconds of each variant, medians over alternating rounds."""
    variants: dict[str, Callable[[], object]] = {
        "plain": bench.plain,
        "tasktune": bench.ours,
        "backward_passes": bench.passes,
    }
    if not ON_GPU:  # TorchJD's solver takes no Jacobian in bfloat16
        variants["torchjd"] = bench.torchjd
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for round_ in range(rounds + 1):
        for name, run in variants.items():
            if name in ("backward_passes", "torchjd") and round_ > slow_rounds:
                continue
            bench.clear()
            begun = now()
            run()
            if round_:  # the first round warms up
                seconds[name].append(now() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def sizes(quick: bool) -> tuple[int, int, int]:
    """Width, layers and vocabulary."""
    if ON_GPU:
        return gpu_size(quick)
    return (256, 4, 8192) if quick else (576, 10, 49152)


def peak(tasks: int, variant: str, quick: bool) -> float:
    """Peak memory in MiB of a process that runs one variant."""
    if ON_GPU:
        return peak_on_gpu(Bench(tasks, quick, torch.bfloat16), variant)
    command = [sys.executable, __file__, "--peak", variant, "--tasks", str(tasks)]
    done = subprocess.run(command + ["--quick"] * quick, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def peak_on_gpu(bench: Bench, variant: str) -> float:
    """The same, in this process: a GPU's peak can be set back."""
    torch.cuda.reset_peak_memory_stats()
    getattr(bench, variant)()
    return peak_mib()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer rounds")
    parser.add_argument("--tasks", type=int, action="append")
    parser.add_argument("--peak", choices=("plain", "ours", "passes", "torchjd"))
    arguments = parser.parse_args()
    dtype = torch.bfloat16 if ON_GPU else torch.float32
    if arguments.peak:
        bench = Bench(arguments.tasks[0], arguments.quick, dtype)
        getattr(bench, arguments.peak)()
        print(peak_mib())
        return
    rounds, slow = (7, 1) if arguments.quick else (9, 2)
    figures: dict[str, float] = {}
    errors = []
    for tasks in arguments.tasks or (2, 8, 32):
        seconds = measure(Bench(tasks, arguments.quick, dtype), rounds, slow)
        small = arguments.quick or ON_GPU
        errors.append(Bench(tasks, small, torch.float32).relative_error())
        ratios = {name: value / seconds["plain"] for name, value in seconds.items()}
        memory = {name: peak(tasks, name, arguments.quick) for name in ("plain", "ours", "passes")}
        print(
            f"K = {tasks}: a plain step takes {seconds['plain']:.3f} s; "
            + ", ".join(f"{name} {ratio:.2f}x" for name, ratio in ratios.items() if name != "plain")
            + f"; error {errors[-1]:.1e}; peak MiB "
            + ", ".join(f"{name} {value:.0f}" for name, value in memory.items())
        )
        figures[f"step_ratio_k{tasks}"] = round(ratios["tasktune"], 3)
        figures[f"backward_passes_ratio_k{tasks}"] = round(ratios["backward_passes"], 3)
        if "torchjd" in ratios:
            figures[f"torchjd_ratio_k{tasks}"] = round(ratios["torchjd"], 3)
        figures[f"peak_memory_ratio_k{tasks}"] = round(memory["ours"] / memory["plain"], 3)
        figures[f"backward_passes_memory_ratio_k{tasks}"] = round(
            memory["passes"] / memory["plain"], 3
        )
    figures["relative_error"] = max(errors)
    setting = {"tokens": TOKENS, "rank": 8, "dtype": str(dtype), **hardware()}
    print(json.dumps({"benchmark": "surgery", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

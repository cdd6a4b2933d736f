"""How near a step comes to what the machine's matrix products allow, and where the rest goes.

A step of a frozen base needs 4 N operations a token: 2 N forwards and 2 N for the gradient that
passes through, N being the parameters of the blocks' matrices; besides, as much for the output
layer at the targets, and 6 N for the adapters. Attention's own products are left out. The rate is
measured on products of the same shapes, in turn with the step. Single precision, and bfloat16
weights; LoRA of rank 8 on all matrices, one optimiser step. On a GPU a larger model, in
bfloat16, without and with Liger's kernels.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
from collections import defaultdict

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from settings import DEVICE, ON_GPU, hardware, now, random_items, random_llama
from tasktune.batching.batch import Batch
from tasktune.model.kernels import use_liger_kernels
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings

TASKS, RANK = 8, 8
EXAMPLES, REPEATS = (64, 20) if ON_GPU else (16, 1)
KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm", "mkldnn", "onednn"),
    "attention": ("scaled_dot_product", "flash_attention"),
    "loss": ("log_softmax", "nll_loss", "cross_entropy", "logsumexp"),
    "copies": ("copy", "index", "cat", "clone", "contiguous", "fill", "zero", "gather", "split"),
    "elementwise": ("mul", "add", "sub", "div", "silu", "sigmoid", "rsqrt", "pow", "mean", "neg",
                    "sum", "cos", "sin", "exp", "sqrt", "norm"),
}  # fmt: skip


class Side:
    """A model of one precision, its optimiser and its batch."""

    def __init__(
        self, dtype: torch.dtype, width: int, layers: int, vocabulary: int, liger: bool
    ) -> None:
        self.dtype = dtype
        self.model: TaskModel = random_llama(
            "shared", TASKS, width=width, layers=layers, vocabulary=vocabulary, dtype=dtype
        )
        if liger:
            use_liger_kernels(self.model.transformer)
        self.model.train()
        items = random_items(self.model, TASKS, EXAMPLES, seed=0, lengths=(96, 160))
        self.batch: Batch = self.model.collate(items)
        self.counts = loss_counts(items, TASKS)
        self.weighting = weightings.build("equal", {}, "weighting")
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)

    def step(self) -> float:
        """One update; its seconds."""
        begun = now()
        self.optimizer.zero_grad(set_to_none=True)
        step = Step(0, [self.batch], self.counts, contextlib.nullcontext)
        backward(self.model, step, self.weighting)
        self.optimizer.step()
        return now() - begun

    def matrices(self) -> list[tuple[int, int, int]]:
        """Rows, inputs and outputs of each matrix of the frozen base that a step goes through."""
        tokens, targets = self.batch.input_ids.numel(), len(self.batch.target_ids)
        head = self.model.transformer.get_output_embeddings()
        return [
            (targets if module is head else tokens, module.in_features, module.out_features)
            for name, module in self.model.transformer.named_modules()
            if isinstance(module, nn.Linear) and "lora_" not in name
        ]

    def operations(self) -> float:
        """Of the step's matrix products."""
        frozen = sum(4 * rows * inputs * outputs for rows, inputs, outputs in self.matrices())
        adapters = sum(
            6 * rows * RANK * (inputs + outputs)
            for rows, inputs, outputs in self.matrices()
            if rows == self.batch.input_ids.numel()
        )
        return float(frozen + adapters)

    def rate(self) -> float:
        """Operations a second of products of the step's shapes, forwards and backwards."""
        seconds = done = 0.0
        for rows, inputs, outputs in set(self.matrices()):
            left = torch.randn(rows, inputs, dtype=self.dtype, device=DEVICE)
            weight = torch.randn(outputs, inputs, dtype=self.dtype, device=DEVICE)
            gradient = torch.randn(rows, outputs, dtype=self.dtype, device=DEVICE)
            left @ weight.T, gradient @ weight  # warms up
            begun = now()
            for _ in range(REPEATS):
                left @ weight.T, gradient @ weight
            seconds += now() - begun
            done += 4 * rows * inputs * outputs * REPEATS
        return done / seconds

    def shares(self) -> dict[str, float]:
        """The part of a step's time that each kind of work takes, the largest first.

        On a GPU of the time of PyTorch's own operations, without Liger's.
        """
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if ON_GPU else [])]
        with profile(activities=activities) as seen:
            self.step()
        times: defaultdict[str, float] = defaultdict(float)
        for event in seen.key_averages():
            on_gpu = event.self_device_time_total if event.key.startswith("aten::") else 0.0
            times[kind_of(event.key)] += on_gpu if ON_GPU else event.self_cpu_time_total
        total = sum(times.values())
        return {k: times[k] / total for k in sorted(times, key=lambda kind: -times[kind])}


def kind_of(operation: str) -> str:
    """Which kind of work an operation of PyTorch's is."""
    name = operation.removeprefix("aten::").removeprefix("_")
    if not operation.startswith("aten::"):
        return "adapters, hooks and bookkeeping"
    for kind in ("attention", "loss", "matrix products", "copies", "elementwise"):
        if any(part in name for part in KINDS[kind]):
            return kind
    return "other"


def measure(
    dtype: torch.dtype, sizes: tuple[int, int, int], rounds: int, liger: bool = False
) -> dict[str, float]:
    """The fraction reached, and what it is made of."""
    side = Side(dtype, *sizes, liger)
    side.step()
    steps, rates = [], []
    for _ in range(rounds):
        rates.append(side.rate())
        steps.append(side.step())
    rate, seconds = statistics.median(rates), statistics.median(steps)
    tokens = side.batch.input_ids.numel()
    name = ("fp32" if dtype == torch.float32 else "bf16") + "_liger" * liger
    print(
        f"{name}: {side.operations() / 1e9:.0f} billion operations in {seconds:.3f} s of"
        f" {tokens} tokens; products alone at {rate / 1e9:.0f} GFLOP/s"
    )
    for kind, share in side.shares().items():
        print(f"    {share:6.1%}  {kind}")
    return {
        f"{name}_fraction": round(side.operations() / seconds / rate, 3),
        f"{name}_matrix_gflops": round(rate / 1e9, 1),
        f"{name}_tokens_per_second": round(tokens / seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer rounds")
    arguments = parser.parse_args()
    sizes, rounds = ((320, 4, 16384), 3) if arguments.quick else ((576, 10, 49152), 7)
    if ON_GPU:
        sizes = (1024, 8, 49152) if arguments.quick else (4096, 16, 49152)
    figures: dict[str, float] = {}
    if ON_GPU:
        figures |= measure(torch.bfloat16, sizes, rounds)
        figures |= measure(torch.bfloat16, sizes, rounds, liger=True)
    else:
        figures |= measure(torch.float32, sizes, rounds)
        figures |= measure(torch.bfloat16, sizes, rounds)
    setting = {
        "width": sizes[0], "layers": sizes[1], "vocabulary": sizes[2], "rank": RANK,
        "examples": EXAMPLES, **hardware(),
    }  # fmt: skip
    print(json.dumps({"benchmark": "limit", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

"""What a step costs in memory and time, by taking a few on the model itself.

The steps are the run's first: the same batches, weighting and optimiser, on a model that is thrown
away. So time is measured, not guessed, and so is what is kept for the backward pass, the one part
of memory that no formula knows.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from tasktune.config import RunConfig
from tasktune.errors import UserError
from tasktune.inspection.problem import Finding, Problem
from tasktune.objective.build import free_memory
from tasktune.training.loop import Loop

TIMED = 2  # steps, after a first one that warms up


class Kept:
    """Bytes that are kept for the backward pass, each storage once, parameters left out."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self.now: dict[int, int] = {}

    def pack(self, tensor: torch.Tensor) -> torch.Tensor:
        """Counts a tensor."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.parameters:
            self.now[storage.data_ptr()] = storage.nbytes()
        return tensor

    @property
    def bytes(self) -> int:
        """All of them."""
        return sum(self.now.values())


def cost(config: RunConfig, loop: Loop) -> Finding:
    """Memory by its parts and seconds a step; takes ``TIMED + 1`` steps, which change the model.

    :raises UserError: if a step doesn't fit in memory.
    """
    loop.model.train()
    kept = Kept(loop.model)
    try:
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
            loop.step(0)
        seconds = [timed(loop, step) for step in range(1, 1 + TIMED)]
    except torch.OutOfMemoryError:
        limit = config.training.micro_batch_tokens or config.training.batch_tokens
        raise UserError(
            f"training.micro_batch_tokens: a step of {limit} tokens does not fit in the memory of"
            f" {loop.model.device}; lower it, or leave memory and time out with --no-model"
        ) from None
    figures = {
        "memory": memory(loop, kept.bytes),
        "free": free_memory(loop.model.device),
        "device": str(loop.model.device),
        "threads": torch.get_num_threads(),
        "timed_steps": TIMED,
        "seconds_per_step": min(seconds),
        "seconds_in_all": min(seconds) * config.training.steps,
    }
    return Finding(figures, problems(config, figures))


def timed(loop: Loop, step: int) -> float:
    """Seconds that a step takes."""
    begin = time.perf_counter()
    loop.step(step)
    if loop.model.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def memory(loop: Loop, activations: int) -> dict[str, int]:
    """Bytes of each part of a step.

    A trained parameter has a gradient of its own size and two moments of AdamW. Per-task gradients
    are there where the weighting or ``watch_conflict`` asks for them, one a task.
    """
    trained = sum(p.numel() * p.element_size() for p in loop.parameters)
    shared = sum(p.numel() * p.element_size() for p in loop.model.shared_parameters())
    asks = loop.weighting.needs in ("gramian", "jacobian") or loop.training.watch_conflict
    parts = {
        "parameters": sum(p.numel() * p.element_size() for p in loop.model.parameters()),
        "gradients": trained,
        "optimizer": 2 * trained,
        "task_gradients": len(loop.tasks) * shared if asks else 0,
        "activations": activations,
    }
    return {**parts, "total": sum(parts.values())}


def problems(config: RunConfig, figures: dict[str, Any]) -> list[Problem]:
    """More memory than there is."""
    total, free = figures["memory"]["total"], figures["free"]
    if total <= free:
        return []
    said = f"a step takes about {total / 2**30:.1f} GiB and {free / 2**30:.1f} GiB is free"
    limit = config.training.micro_batch_tokens or config.training.batch_tokens
    mend = f"training.micro_batch_tokens: {max(limit // 2, 8)}"
    return [Problem("high", "cost", "training", said, mend, 1.0)]

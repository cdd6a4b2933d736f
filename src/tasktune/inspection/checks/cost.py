"""What a step costs in memory and time, by taking a few on the model itself.

The steps are the run's first: the same batches, weighting and optimiser, on a model that is thrown
away. So time is measured, not guessed, and so is the memory that no formula knows: what is kept for
the backward pass, and what the process or the GPU held beside all that.
"""

from __future__ import annotations

import statistics
import threading
import time
import weakref
from collections import Counter
from typing import Any

import psutil
import torch

from tasktune.config import RunConfig
from tasktune.errors import UserError
from tasktune.inspection.problem import Finding, Problem
from tasktune.objective.build import free_memory
from tasktune.training.loop import Loop

TIMED = 3  # steps, after a first one that warms up
SECONDS_BETWEEN_LOOKS = 0.005


class Held:
    """A tensor that is kept for the backward pass, until that lets it go."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


class Kept:
    """Bytes that are kept for the backward pass at most, each storage once, parameters left out."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self.holders: Counter[int] = Counter()
        self.now = 0
        self.most = 0

    def pack(self, tensor: torch.Tensor) -> Held:
        """Counts a tensor, for as long as it is held."""
        held = Held(tensor)
        storage = tensor.untyped_storage()
        address, size = storage.data_ptr(), storage.nbytes()
        if address not in self.parameters:
            self.holders[address] += 1
            if self.holders[address] == 1:
                self.now += size
                self.most = max(self.most, self.now)
            weakref.finalize(held, self.release, address, size)
        return held

    def release(self, address: int, size: int) -> None:
        """A holder less."""
        self.holders[address] -= 1
        if not self.holders[address]:
            self.now -= size


class Growth:
    """Within it, how much more memory is held at most than when it began.

    On CUDA as PyTorch counts it; on the CPU as the process holds it, looked at now and again.

    :param device: that the model is on.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.bytes = 0
        self.process = psutil.Process()
        self.done = threading.Event()
        self.watch = threading.Thread(target=self.look, daemon=True)

    def __enter__(self) -> Growth:
        self.before = self.held()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            self.watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self.device) - self.before
        else:
            self.done.set()
            self.watch.join()

    def held(self) -> int:
        """Bytes that are held now."""
        if self.device.type == "cuda":
            return int(torch.cuda.memory_allocated(self.device))
        return int(self.process.memory_info().rss)

    def look(self) -> None:
        """Looks at the process until the steps are done."""
        while not self.done.wait(SECONDS_BETWEEN_LOOKS):
            self.bytes = max(self.bytes, self.held() - self.before)


def cost(config: RunConfig, loop: Loop) -> Finding:
    """Memory by its parts and seconds a step; takes ``TIMED + 1`` steps, which change the model.

    :raises UserError: if a step doesn't fit in memory.
    """
    loop.model.train()
    kept = Kept(loop.model)
    try:
        with Growth(loop.model.device) as growth:
            with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda held: held.tensor):
                loop.step(0)
            seconds = [timed(loop, step) for step in range(1, 1 + TIMED)]
    except torch.OutOfMemoryError:
        limit = config.training.micro_batch_tokens or config.training.batch_tokens
        raise UserError(
            f"training.micro_batch_tokens: a step of {limit} tokens does not fit in the memory of"
            f" {loop.model.device}; lower it, or leave memory and time out with --no-model"
        ) from None
    typical = statistics.median(seconds)  # the shortest batch would promise too much
    figures = {
        "memory": memory(loop, kept.most, growth.bytes),
        "free": free_memory(loop.model.device),
        "device": str(loop.model.device),
        "threads": torch.get_num_threads(),
        "timed_steps": TIMED,
        "seconds_per_step": typical,
        "seconds_in_all": typical * config.training.steps,
    }
    return Finding(figures, problems(config, figures))


def timed(loop: Loop, step: int) -> float:
    """Seconds that a step takes."""
    begin = time.perf_counter()
    loop.step(step)
    if loop.model.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def memory(loop: Loop, activations: int, growth: int) -> dict[str, int]:
    """Bytes of each part of a step.

    A trained parameter has a gradient of its own size and two moments of AdamW. Per-task gradients
    are there where the weighting or ``watch_conflict`` asks for them, one a task.

    :param growth: what the steps took at most, beyond the loaded model; what of it is none of the
        other parts is ``working``: intermediate results, and what the allocator holds back.
    """
    trained = sum(p.numel() * p.element_size() for p in loop.parameters)
    shared = sum(p.numel() * p.element_size() for p in loop.model.shared_parameters())
    asks = loop.weighting.needs in ("gramian", "jacobian") or loop.training.watch_conflict
    parts = {
        "gradients": trained,
        "optimizer": 2 * trained,
        "task_gradients": len(loop.tasks) * shared if asks else 0,
        "activations": activations,
    }
    parts["working"] = max(growth - sum(parts.values()), 0)
    parts["parameters"] = sum(p.numel() * p.element_size() for p in loop.model.parameters())
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

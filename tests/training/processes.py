"""Several processes of one machine, joined by gloo, for tests of runs on several ranks."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor
from torch.multiprocessing.spawn import start_processes

from tasktune.run import Run
from tasktune.training.checkpoint import latest_checkpoint
from tasktune.training.loop import Loop
from tests.processes import CONTEXT


def environment(rank: int, processes: int, port: int) -> dict[str, str]:
    """What a launcher tells a process."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def in_processes(count: int, work: Callable[..., None], *arguments: Any) -> None:
    """Calls ``work(*arguments)`` in ``count`` new processes that make up one group.

    Also where it is one, so that all start alike.
    """
    given = (count, free_port(), work, arguments)
    start_processes(_join, given, nprocs=count, start_method=CONTEXT.get_start_method())


def _join(
    rank: int, processes: int, port: int, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    os.environ |= environment(rank, processes, port)
    torch.set_num_threads(1)
    work(*arguments)
    if dist.is_initialized():
        dist.destroy_process_group()


def train(run_file: Path, runs: dict[str, list[str]], place: Path, resume: bool = False) -> None:
    """Trains each run in double precision, in ``place/NAME``; every rank keeps what it ends with.

    :param runs: the values laid over the run file.
    """
    for name, overrides in runs.items():
        run = Run.open(run_file, [*overrides, f"output={place / name}"])
        run.model.double()
        first = {key: value.clone() for key, value in run.model.trainable_state().items()}
        held = held_by(run.model.transformer)
        if not resume:
            run.begin()
        with Calls() as calls:
            loop = run.loop()
            loop.run(loop.resume(latest_checkpoint(run.folder)) if resume else 0)
        kept = {
            "first": first,
            "last": run.model.trainable_state(),
            "calls": calls.of_steps,
            "held": held,
        }
        torch.save(kept, run.folder / f"rank{run.accelerator.process_index}.pt")


def held_by(transformer: nn.Module) -> int:
    """How many numbers of the frozen base this rank holds."""
    frozen = [p for p in transformer.parameters() if not p.requires_grad]
    return sum((p.to_local() if isinstance(p, DTensor) else p).numel() for p in frozen)


class Calls:
    """Counts the collectives of each step."""

    def __enter__(self) -> Calls:
        self.of_steps: list[int] = []
        self.count = 0
        self.step, self.all_reduce = Loop.step, dist.all_reduce

        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            return self.all_reduce(*arguments, **options)

        def step(loop: Loop, number: int) -> Any:
            self.count = 0
            answer = self.step(loop, number)
            self.of_steps.append(self.count)
            return answer

        setattr(dist, "all_reduce", counted)  # noqa: B010
        setattr(Loop, "step", step)  # noqa: B010
        return self

    def __exit__(self, *error: object) -> None:
        setattr(dist, "all_reduce", self.all_reduce)  # noqa: B010
        setattr(Loop, "step", self.step)  # noqa: B010

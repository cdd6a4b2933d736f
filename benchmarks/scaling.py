"""What more tasks and more processes cost.

Tasks: the step time of a batch of the same tokens over K = 8, 64 and 200 tasks, relative to the
same layout with one task, and the peak of memory of a process with ``shared_private`` likewise.
Processes: the tokens a second of two together, each with half of the cores, relative to one that
has all cores; they alternate. So 1 is what more processes can reach on the same cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import torch
import torch.distributed as dist

from settings import peak_mib, random_items, random_llama
from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Reduce, Step, backward
from tasktune.objective.weightings import weightings

LAYOUTS = ("per_task", "shared_private")
TASKS = (1, 8, 64, 200)
TOKENS = 2048
EXAMPLES = 200
Sizes = tuple[int, int, int]


class Side:
    """A model of K tasks, with its optimiser and batch.

    :param examples: of the whole step; this process takes every n-th.
    """

    def __init__(self, layout: str, tasks: int, sizes: Sizes, examples: int = EXAMPLES) -> None:
        width, layers, vocabulary = sizes
        self.model: TaskModel = random_llama(
            layout, tasks, width=width, layers=layers, vocabulary=vocabulary
        )
        self.model.train()
        length = TOKENS // EXAMPLES
        self.items: list[Item] = sorted(
            random_items(self.model, tasks, examples, seed=0, lengths=(length // 2, length * 2)),
            key=lambda item: item.task,
        )
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-3, fused=True)
        self.weighting = weightings.build("equal", {}, "weighting")

    def step(self, share: list[Item], reduce: Reduce | None = None) -> float:
        """One update; its seconds.

        :param share: this process's part of ``items``.
        """
        begun = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        counts = loss_counts(self.items, len(self.model.tasks))
        batches = [self.model.collate(share)]
        step = Step(0, batches, counts, contextlib.nullcontext, reduce)
        backward(self.model, step, self.weighting)
        self.optimizer.step()
        return time.perf_counter() - begun


def task_figures(sizes: Sizes, rounds: int) -> Iterator[tuple[str, float]]:
    """Step times of all K, alternating, and peaks of memory, relative to K = 1."""
    for layout in LAYOUTS:
        sides = {tasks: Side(layout, tasks, sizes) for tasks in TASKS}
        seconds: dict[int, list[float]] = {tasks: [] for tasks in TASKS}
        for round_ in range(rounds + 1):
            for tasks, side in sides.items():
                taken = side.step(side.items)
                if round_:  # the first round warms up
                    seconds[tasks].append(taken)
        one = statistics.median(seconds[1])
        for tasks in TASKS[1:]:
            yield f"{layout}_step_ratio_k{tasks}", statistics.median(seconds[tasks]) / one
    one, most = (peak_of("shared_private", tasks, sizes) for tasks in (1, 200))
    yield "shared_private_peak_memory_ratio_k200", most / one


def peak_of(layout: str, tasks: int, sizes: Sizes) -> float:
    """The peak of memory of a process that takes two steps, MiB."""
    request = json.dumps({"layout": layout, "tasks": tasks, "sizes": sizes})
    return float(own_process(["--peak", request], {}).communicate()[0].split()[-1])


def print_peak(request: str) -> None:
    """What such a process does."""
    asked = json.loads(request)
    side = Side(asked["layout"], asked["tasks"], tuple(asked["sizes"]))
    for _ in range(2):
        side.step(side.items)
    print(peak_mib())


def process_figures(sizes: Sizes, rounds: int, repeats: int) -> Iterator[tuple[str, float]]:
    """Tokens a second and process of two processes against one, in alternation."""
    cores = len(os.sched_getaffinity(0))
    speeds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for processes in speeds:
            speeds[processes].append(speed_of(processes, cores // processes or 1, sizes, rounds))
    one, two = (statistics.median(speeds[processes]) for processes in (1, 2))
    yield "efficiency_2_processes", two / one


def speed_of(processes: int, threads: int, sizes: Sizes, rounds: int) -> float:
    """Tokens a second of a group of processes, all together."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    common = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    request = json.dumps({"sizes": sizes, "rounds": rounds})
    started = [
        own_process(
            ["--speed", request], {**common, "RANK": str(n), "OMP_NUM_THREADS": str(threads)}
        )
        for n in range(processes)
    ]
    said = [process.communicate()[0] for process in started]
    return float(said[0].split()[-1])


def print_speed(request: str) -> None:
    """What each process of such a group does."""
    asked = json.loads(request)
    dist.init_process_group("gloo")
    rank, processes = dist.get_rank(), dist.get_world_size()
    side = Side("shared_private", 8, tuple(asked["sizes"]))
    share = side.items[rank::processes]
    seconds = [side.step(share, sum_over_ranks) for _ in range(asked["rounds"] + 1)][1:]
    tokens = sum(len(item.input_ids) for item in side.items)
    dist.destroy_process_group()
    print(tokens / statistics.median(seconds))


def sum_over_ranks(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor`` summed over the group."""
    dist.all_reduce(tensor)
    return tensor


def own_process(arguments: list[str], variables: dict[str, str]) -> subprocess.Popen[str]:
    """This script once more."""
    command = [sys.executable, str(Path(__file__)), *arguments]
    return subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer rounds")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.add_argument("--speed", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak or asked.speed:
        print_peak(asked.peak) if asked.peak else print_speed(asked.speed)
        return
    sizes, rounds = ((128, 2, 512), 3) if asked.quick else ((576, 6, 16384), 7)
    figures: dict[str, float] = {}
    repeats = 1 if asked.quick else 3
    for name, value in chain(task_figures(sizes, rounds), process_figures(sizes, rounds, repeats)):
        print(f"{name:38} {value:.3f}", flush=True)
        figures[name] = round(value, 3)
    setting = {"tokens": TOKENS, "rank": 8, "cores": len(os.sched_getaffinity(0)),
               "torch": torch.__version__}  # fmt: skip
    print(json.dumps({"benchmark": "scaling", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()

"""What training takes: time, memory and energy, added up over resumes."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from tasktune.atomic import write_json
from tasktune.training.energy import gpu_counters, processor_counters, total

FILE = "cost.json"


@dataclass(frozen=True)
class Cost:
    """What a run has taken so far, its validations included, of its first process alone.

    :param since_step: what came before this step is not in the figures.
    :param seconds: of training; steps that a resume did again count again.
    :param sessions: how often it was begun or resumed.
    :param peak_memory: of the process, bytes; it holds the program and the data too.
    :param gpu_peak_memory: what PyTorch held at most, bytes; None without a GPU.
    :param processor_energy: of the machine's processors, joules; None where it can't be read.
    :param gpu_energy: of the GPU, joules; None where it can't be read.
    """

    since_step: int
    seconds: float
    sessions: int
    peak_memory: int
    gpu_peak_memory: int | None
    processor_energy: float | None
    gpu_energy: float | None


class CostMeter:
    """Measures from where it is made, and writes ``cost.json``.

    :param folder: the run's.
    :param device: that the model is on.
    :param start: the step that is gone on from; 0 begins anew.
    """

    def __init__(self, folder: Path, device: torch.device, start: int) -> None:
        self.path = folder / FILE
        self.device = device
        self.before = read_cost(self.path) if start else None
        self.since_step = start if self.before is None else self.before.since_step
        self.processors, self.gpus = processor_counters(), gpu_counters(device)
        self.started = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def sample(self) -> None:
        """Reads the energy counters, which start again from nought every so often."""
        for counter in (*self.processors, *self.gpus):
            counter.sample()

    def write(self) -> None:
        """Writes what the run has taken up to now."""
        self.sample()
        write_json(self.path, asdict(self.cost()))

    def cost(self) -> Cost:
        """This session and those before it. Energy that one of them missed is not known in all."""
        on_gpu = self.device.type == "cuda"
        now = Cost(
            since_step=self.since_step,
            seconds=time.perf_counter() - self.started,
            sessions=1,
            peak_memory=peak_memory(),
            gpu_peak_memory=torch.cuda.max_memory_allocated(self.device) if on_gpu else None,
            processor_energy=total(self.processors),
            gpu_energy=total(self.gpus),
        )
        return now if self.before is None else added(self.before, now)


def added(before: Cost, now: Cost) -> Cost:
    """Two sessions together."""
    gpu = [peak for peak in (before.gpu_peak_memory, now.gpu_peak_memory) if peak is not None]
    return Cost(
        since_step=before.since_step,
        seconds=before.seconds + now.seconds,
        sessions=before.sessions + now.sessions,
        peak_memory=max(before.peak_memory, now.peak_memory),
        gpu_peak_memory=max(gpu, default=None),
        processor_energy=both(before.processor_energy, now.processor_energy),
        gpu_energy=both(before.gpu_energy, now.gpu_energy),
    )


def both(first: float | None, second: float | None) -> float | None:
    """The sum, where both are known."""
    return None if first is None or second is None else first + second


def read_cost(path: Path) -> Cost | None:
    """What the sessions before took; None where it was not written, or by another version."""
    try:
        return Cost(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def peak_memory() -> int:
    """The most memory that this process ever held, bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # `ru_maxrss` would count the program that started this one
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""Where and how a run computes: Accelerate's devices, ranks and trackers, and the precision."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration

from tasktune.config import TrainingConfig
from tasktune.errors import UserError
from tasktune.training.ranks import on_processors

PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


def build_accelerator(training: TrainingConfig, folder: Path) -> Accelerator:
    """The accelerator of a run.

    It is told no precision: it has one for the whole process, and runs of a process may differ.

    :raises UserError: if a tracker's package is missing.
    """
    check_trackers(training)
    return Accelerator(
        cpu=on_processors(),
        log_with=list(training.trackers) or None,
        project_config=ProjectConfiguration(
            project_dir=str(folder), logging_dir=str(folder / "trackers")
        ),
    )


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The precision of a forward pass on ``device``."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(precision))


def uses_bfloat16(precision: str) -> bool:
    """Whether to compute in bfloat16; ``auto`` does where the hardware multiplies it faster.

    That is every GPU that supports it, and a CPU with AMX tiles: AVX512-BF16 alone gains nothing
    over float32 once the casts are paid.
    """
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def check_trackers(training: TrainingConfig) -> None:
    """Refuses a tracker that isn't installed before the run starts.

    :raises UserError: naming the package.
    """
    from accelerate.tracking import get_available_trackers

    available = {str(getattr(name, "value", name)) for name in get_available_trackers()}
    for name in training.trackers:
        if name not in available:
            raise UserError(
                f"training.trackers: {name} is not installed; pip install {PACKAGES[name]}"
            )


def share_cores(processes: int) -> None:
    """Keeps several processes of this machine from fighting for the same cores."""
    allowed = getattr(os, "sched_getaffinity", None)  # which not all systems have
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    torch.set_num_threads(max(cores // processes, 1))

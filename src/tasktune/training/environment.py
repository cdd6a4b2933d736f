"""What a run ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "torchjd", "datasets", "numpy")


def environment(seed: int, device: torch.device, precision: str) -> dict[str, Any]:
    """Versions, seed and hardware, for ``environment.json``."""
    from tasktune import __version__

    hardware = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(device),
    }
    if device.type == "cuda":
        hardware["gpu"] = torch.cuda.get_device_name(device)
        hardware["gpus"] = torch.cuda.device_count()
    return {
        "tasktune": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "hardware": hardware,
        "precision": precision,
        "seed": seed,
    }

"""Energy as the hardware counts it; nothing is guessed where it doesn't."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

POWERCAP = Path("/sys/class/powercap")


class EnergyCounter:
    """Adds up what a hardware counter counts, which starts again from nought at its end.

    :param read: where the counter stands.
    :param end: the count at which it starts again; it has to be looked at once a round.
    :param unit: joules a count.
    :raises OSError: if it can't be read.
    """

    def __init__(self, read: Callable[[], int], end: int, unit: float) -> None:
        self.read = read
        self.end = end
        self.unit = unit
        self.last = read()
        self.joules: float | None = 0.0

    def sample(self) -> None:
        """Adds what was counted since the last look; a counter that fails is known no more."""
        if self.joules is None:
            return
        try:
            now = self.read()
        except OSError:
            self.joules = None
            return
        self.joules += (now - self.last) % self.end * self.unit
        self.last = now


def total(counters: Sequence[EnergyCounter]) -> float | None:
    """Joules over all counters; None where there is none, or one is not known."""
    joules = [counter.joules for counter in counters]
    known = [value for value in joules if value is not None]
    return sum(known) if known and len(known) == len(joules) else None


def processor_counters(powercap: Path = POWERCAP) -> list[EnergyCounter]:
    """A counter for each processor of the machine by Intel's RAPL, which AMD's have too.

    Linux lets only root read them unless an administrator says otherwise; then there are none. The
    parts of a processor have counters of their own, which its own counter includes.
    """
    counters = []
    try:
        for zone in sorted(powercap.glob("intel-rapl:*")):
            if (zone / "name").read_text().startswith("package"):
                end = int((zone / "max_energy_range_uj").read_text())
                counters.append(EnergyCounter(rapl_reader(zone), end, 1e-6))
    except (OSError, ValueError):
        return []
    return counters


def rapl_reader(zone: Path) -> Callable[[], int]:
    """Reads a zone's counter, microjoules."""
    return lambda: int((zone / "energy_uj").read_text())


def gpu_counters(device: torch.device) -> list[EnergyCounter]:
    """The GPU's own counter, where NVIDIA's library is there and the GPU has one."""
    if device.type != "cuda":
        return []
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        return [EnergyCounter(nvml_reader(pynvml, uuid), 2**64, 1e-3)]
    except (OSError, pynvml.NVMLError):
        return []


def nvml_reader(pynvml: Any, uuid: str) -> Callable[[], int]:
    """Reads a GPU's counter, millijoules since its driver was loaded."""
    handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)

    def read() -> int:
        try:
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except pynvml.NVMLError as error:
            raise OSError(str(error)) from None

    return read

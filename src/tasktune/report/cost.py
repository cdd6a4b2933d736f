"""What the run took: tokens, time, memory, energy."""

from __future__ import annotations

from typing import Any

from tasktune.report.format import duration, short_count, significant
from tasktune.report.headline import elapsed
from tasktune.report.run_files import RunFiles
from tasktune.report.series import finite

KILOWATT_HOUR = 3.6e6  # joules


def cost_rows(run: RunFiles) -> list[tuple[str, str, str]]:
    """Name, figure and note of each thing that was counted; what was not is left out."""
    if not run.steps:
        return []
    cost, rows = run.cost, []
    tasks = run.steps[-1]["tasks"].values()
    tokens = sum(task.get("tokens") or 0 for task in tasks)
    rows.append(("tokens", short_count(tokens), "prompts and targets that were trained on"))
    seconds = finite(cost.get("seconds"))
    since = int(cost.get("since_step") or 0)
    rows.append(
        (
            "training time",
            duration(elapsed(run.steps) if seconds is None or since else seconds),
            time_note(cost, seconds is not None and not since),
        )
    )
    scored = sum(
        finite(task.get("seconds")) or 0.0
        for task in (run.evaluation or {}).get("tasks", {}).values()
    )
    if scored:
        rows.append(("evaluation time", duration(scored), "of the scores above"))
    later = f", since step {since:,}" if since else ""
    for key, name, note in (
        ("peak_memory", "peak memory", "of the training process, program and data included"),
        ("gpu_peak_memory", "peak GPU memory", "what PyTorch held at most"),
    ):
        value = finite(cost.get(key))
        if value is not None:
            rows.append((name, gibibytes(value), note + later))
    for key, name, note in (
        ("processor_energy", "processors' energy", "of the whole machine's, whatever else it did"),
        ("gpu_energy", "GPU's energy", "as the GPU counts it"),
    ):
        value = finite(cost.get(key))
        if value is not None:
            rows.append((name, energy(value), note + later))
    return rows


def time_note(cost: dict[str, Any], measured: bool) -> str:
    """What is in the time, and over how many sessions it adds up."""
    if not measured:
        return "up to the last line of the log"
    sessions = int(cost.get("sessions") or 1)
    again = f", over {sessions} sessions" if sessions > 1 else ""
    return f"validations and checkpoints included{again}"


def gibibytes(value: float) -> str:
    """``1.42 GiB``, ``312 MiB``."""
    if value >= 2**30:
        return f"{significant(value / 2**30)} GiB"
    return f"{significant(value / 2**20)} MiB"


def energy(joules: float) -> str:
    """``1.42 kWh``, ``36.1 Wh``."""
    if joules >= KILOWATT_HOUR:
        return f"{significant(joules / KILOWATT_HOUR)} kWh"
    return f"{significant(joules / KILOWATT_HOUR * 1000)} Wh"

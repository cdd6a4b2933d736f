"""Memory of a run's steps, in a process of its own: as predicted, or as measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil

from tasktune.config_file import load_config
from tasktune.inspection.checks.cost import cost
from tasktune.run import Run

STEPS = 2  # in the second there are the moments of the optimiser too


def peak() -> int:
    """The most bytes that this process has held."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def main(side: str, file: str) -> None:
    config = load_config(Path(file), [])
    run = Run(config, lambda line: None)
    assert run.tasks
    before = psutil.Process().memory_info().rss
    loop = run.loop()
    if side == "predicted":
        print(json.dumps(cost(config, loop).figures["memory"]["total"]))
        return
    loop.model.train()
    for step in range(STEPS):
        loop.step(step)
    print(json.dumps(peak() - before))


if __name__ == "__main__":
    main(*sys.argv[1:])
